"""What belongs to the tables, and what stands beside them and is not carried over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.engine.drift.types import label_steps
from azext_dms_pg.engine.planning.plan import PGOUTPUT
from azext_dms_pg.engine.planning.sequences import paired
from azext_dms_pg.engine.preflight.case import Case, blocker, info, warning
from azext_dms_pg.postgres.quoting import identifier, qualified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azext_dms_pg.engine.preflight.case import Check
    from azext_dms_pg.model.finding import Finding

# Extensions whose tables are not what they seem: rows live in tables of the extension's own.
_TAKES_OVER_TABLES = frozenset({"timescaledb", "citus", "pg_pathman"})


def extensions(case: Case) -> Iterator[Finding]:
    allowed = case.target.server.settings.get("azure.extensions")
    for name, version in sorted(case.source.extensions.items()):
        found = case.target.extensions.get(name)
        if found is None:
            remedy = f"CREATE EXTENSION {identifier(name)};"
            message = f"Extension {name} {version} is not installed on the target."
            if allowed is not None and name not in allowed.lower().split(","):
                remedy += (
                    " -- after: az postgres flexible-server parameter set --name azure.extensions "
                    f"--value {','.join(filter(None, (allowed, name)))}"
                )
                message += " The server's azure.extensions does not list it."
            elif case.target.available and name not in case.target.available:
                message += " The target's server does not offer it."
            yield warning("ExtensionMissing", f"extension {name}", message, remedy)
        elif found != version:
            yield info(
                "ExtensionVersionsDiffer",
                f"extension {name}",
                f"Extension {name} is {version} on the source and {found} on the target; columns "
                "of its types are copied as text.",
            )


def partitioning_extensions(case: Case) -> Iterator[Finding]:
    for name in sorted(_TAKES_OVER_TABLES & case.source.extensions.keys()):
        yield warning(
            "ExtensionKeepsRows",
            f"extension {name}",
            f"Extension {name} keeps the rows of its tables in tables of its own, which have no "
            "counterpart on a target made by pg_dump.",
            "Leave its tables out (selectedTables) and carry them over with the extension's own "
            "tools.",
        )


def enum_labels(case: Case) -> Iterator[Finding]:
    used = {
        column.cast_type.removesuffix("[]") for table in case.sources for column in table.columns
    }
    for name, enum in case.source.enums.items():
        there = case.target.enums.get(name)
        if there is None:
            continue
        steps = list(label_steps(name, enum.labels, there.labels))
        if not steps:
            continue
        make = blocker if qualified(name) in used else warning
        yield make(
            "EnumLabelsDiffer",
            f"type {name}",
            f"Type {name} lacks labels on the target: rows that hold them cannot be stored.",
            " ".join(text for text, _ in steps),
        )


def unchecked_domains(case: Case) -> Iterator[Finding]:
    """Unlike a table's they cannot stand aside: others may use the domain meanwhile."""
    for domain in case.target.unchecked_domains:
        if domain.tables.isdisjoint(case.family):
            continue
        quoted = qualified(domain.name)
        name = identifier(domain.constraint)
        yield warning(
            "DomainNotValid",
            f"{domain.name}.{domain.constraint}",
            f"The constraint {domain.constraint} of domain {domain.name} is NOT VALID on the "
            "target: old rows need not satisfy it there, but the load cannot write one that does "
            "not.",
            f"ALTER DOMAIN {quoted} DROP CONSTRAINT {name}; -- and when the tables are loaded: "
            f"ALTER DOMAIN {quoted} ADD CONSTRAINT {name} {domain.definition};",
        )


def sequences(case: Case) -> Iterator[Finding]:
    for sequence, there in paired(case.source, case.target, case.selection, {}):
        if there is None:
            # Of two that could have one counterpart, it is the other's.
            taken = sequence.name in case.target.sequence_by_name
            other = " but one that stands for another of the source" if taken else ""
            yield warning(
                "SequenceMissing",
                sequence.name,
                f"The target has no sequence {sequence.name}{other}; its value is not carried "
                "over.",
                f"CREATE SEQUENCE {qualified(sequence.name)} INCREMENT {sequence.increment} "
                f"MINVALUE {sequence.minimum} MAXVALUE {sequence.maximum}"
                f"{' CYCLE' if sequence.cycle else ''};",
            )


def sequence_ranges(case: Case) -> Iterator[Finding]:
    for sequence, there in paired(case.source, case.target, case.selection, {}):
        if there is None:
            continue
        lowest = min(sequence.minimum, there.minimum)
        highest = max(sequence.maximum, there.maximum)
        if (lowest, highest) != (there.minimum, there.maximum):
            yield warning(
                "SequenceSmaller",
                there.name,
                f"Sequence {there.name} runs from {there.minimum} to {there.maximum} on the "
                f"target, from {sequence.minimum} to {sequence.maximum} on the source: a value "
                "outside of it cannot be set at the cutover.",
                f"ALTER SEQUENCE {qualified(there.name)} AS bigint MINVALUE {lowest} "
                f"MAXVALUE {highest};",
            )


def foreign_keys_out(case: Case) -> Iterator[Finding]:
    for key in case.target.foreign_keys:
        if key.table in case.family and key.references not in case.family:
            yield warning(
                "ForeignKeyLeadsOut",
                f"{key.table}.{key.name}",
                f"{key.table} refers to {key.references}, which is not migrated: the key is "
                "dropped for the migration and cannot be validated at the end unless the rows it "
                "refers to are there.",
                f"Add {key.references} to selectedTables, or fill it before the cutover.",
            )


def foreign_keys_dropped(case: Case) -> Iterator[Finding]:
    count = sum(
        key.table in case.family or key.references in case.family
        for key in case.target.foreign_keys
    )
    if count:
        yield info(
            "ForeignKeysDropped",
            "target",
            f"{count} foreign keys of the target are dropped for the time of the migration; the "
            "cutover makes them again as they are and validates them.",
        )


def rules(case: Case) -> Iterator[Finding]:
    firing = {"R", "A"} if case.plan.replica_role else {"O", "A"}
    for rule in case.target.rules:
        if rule.table in case.family and rule.enabled in firing:
            yield info(
                "RuleDisabled",
                f"{rule.table}.{rule.name}",
                f"Rule {rule.name} of {rule.table} is disabled for the time of the migration.",
            )


def event_triggers(case: Case) -> Iterator[Finding]:
    for trigger in case.target.event_triggers:
        name = trigger.name
        yield warning(
            "EventTrigger",
            f"event trigger {name}",
            f"Event trigger {name} of the target fires for the statements that drop and restore "
            "constraints; one that refuses them stops the migration, and what one writes into "
            "migrated tables is more than the source has, so that the cutover fails.",
            f"ALTER EVENT TRIGGER {identifier(name)} DISABLE; -- until the cutover is complete.",
        )


def event_triggers_of_source(case: Case) -> Iterator[Finding]:
    if case.plan.plugin != PGOUTPUT:
        return  # nothing is created there but a slot
    for trigger in case.source.event_triggers:
        if trigger.on_publications:
            yield warning(
                "EventTriggerOnSource",
                f"event trigger {trigger.name}",
                f"Event trigger {trigger.name} of the source fires when the migration creates its "
                "publication and drops it at the end; one that refuses or waits stops both.",
                f"ALTER EVENT TRIGGER {identifier(trigger.name)} DISABLE; -- on the source, until "
                "the task has ended, if it does not let CREATE and DROP PUBLICATION pass.",
            )


def unlogged(case: Case) -> Iterator[Finding]:
    for table in case.selection.skipped:
        make = warning if case.selection.everything else blocker
        yield make(
            "UnloggedTable",
            table.name,
            f"Table {table.name} is unlogged: its changes are not in the WAL, so it is not "
            "migrated.",
            f"ALTER TABLE {qualified(table.name)} SET LOGGED; -- or copy it by hand after the "
            "cutover, with pg_dump --data-only.",
        )


def temporary_tables(case: Case) -> Iterator[Finding]:
    count = case.source.server.temporary
    if count:
        yield info(
            "TemporaryTables",
            "source",
            f"Sessions on the source have {count} temporary tables at this moment; they end with "
            "their sessions and are not migrated.",
        )


def foreign_tables(case: Case) -> Iterator[Finding]:
    for other in case.source.others:
        if other.kind == "foreign table" and not other.extension:
            part = f", a partition of {other.parent}," if other.parent else ""
            yield warning(
                "ForeignTable",
                other.name,
                f"Foreign table {other.name}{part} keeps its rows on another server; they are not "
                "migrated.",
                "Create the foreign server, the user mappings and the foreign table on the target "
                "(pg_dump --schema-only carries the definitions).",
            )


def materialized_views(case: Case) -> Iterator[Finding]:
    for other in case.source.others:
        if other.kind == "materialized view" and not other.extension:
            yield warning(
                "MaterializedView",
                other.name,
                f"The contents of materialised view {other.name} are not carried over.",
                f"REFRESH MATERIALIZED VIEW {qualified(other.name)}; -- after the cutover.",
            )


def large_objects(case: Case) -> Iterator[Finding]:
    count = case.source.server.large_objects
    if count:
        yield warning(
            "LargeObjects",
            "source",
            f"The source has {'at least ' if count >= 100_000 else ''}{count} large objects. "  # noqa: PLR2004 - where the survey stops counting
            "Logical decoding does not see them; they are not migrated.",
            "After the writers have stopped: pg_dump --format=custom --blobs --data-only "
            "--exclude-schema='*' and pg_restore into the target.",
        )


def extension_tables(case: Case) -> Iterator[Finding]:
    for table in case.source.relations:
        extension = case.source.detail(table).extension
        # By the file: an estimate of none may be old, and one never made says nothing.
        if extension and case.selection.everything and table.pages:
            yield info(
                "ExtensionTable",
                table.name,
                f"Table {table.name} belongs to extension {extension}, which fills it; it is not "
                "migrated unless selectedTables names it.",
            )


def inheritance(case: Case) -> Iterator[Finding]:
    for table in case.sources:
        if case.source.detail(table).inherits:
            yield info(
                "Inheritance",
                table.name,
                f"Table {table.name} takes part in inheritance; each table of the family is "
                "migrated by itself, with its own rows only.",
            )


CHECKS: tuple[Check, ...] = (
    extensions,
    partitioning_extensions,
    enum_labels,
    unchecked_domains,
    sequences,
    sequence_ranges,
    foreign_keys_out,
    foreign_keys_dropped,
    rules,
    event_triggers,
    event_triggers_of_source,
    unlogged,
    temporary_tables,
    foreign_tables,
    materialized_views,
    large_objects,
    extension_tables,
    inheritance,
)
