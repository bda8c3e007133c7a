"""Whether the tables asked for are there, and whether changes tell which row they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.engine.planning.claims import explain, rivals
from azext_dms_pg.engine.planning.plan import virtual_identity
from azext_dms_pg.engine.preflight.case import Case, blocker, info, warning
from azext_dms_pg.postgres.quoting import identifier, qualified
from azext_dms_pg.postgres.relations import Relation, RelKind, ReplicaIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azext_dms_pg.engine.preflight.case import Check
    from azext_dms_pg.model.finding import Finding
    from azext_dms_pg.postgres.survey import Claim


def unknown_tables(case: Case) -> Iterator[Finding]:
    for missing in case.selection.unresolved:
        candidates = ", ".join(f'"{name}"' for name in missing.candidates)
        yield blocker(
            "TableNotFound",
            missing.text,
            f"selectedTables names {missing.text!r}, but {missing.reason}.",
            f"Write one of {candidates} in selectedTables."
            if candidates
            else "Correct the name in selectedTables (schema.table), or leave the list out to "
            "migrate every table.",
        )


def nothing_selected(case: Case) -> Iterator[Finding]:
    if not case.selection.leaves and not case.selection.unresolved:
        yield blocker(
            "NothingToMigrate",
            case.database.name,
            f"Database {case.database.name!r} has no table that could be migrated.",
            "Check the name of the source database and the selectedTables.",
        )


def missing_on_target(case: Case) -> Iterator[Finding]:
    for name in case.plan.unrouted:
        yield blocker(
            "TableMissingOnTarget",
            name,
            f"The target has no table {name}; tables must be there, empty, before a migration.",
            f"Bring the schema over: pg_dump --schema-only --table='{qualified(name)}' "
            f"{case.database.name} | psql {case.database.target_name}",
        )


def without_identity(case: Case) -> Iterator[Finding]:
    for table in case.sources:
        if table.replica_identity is ReplicaIdentity.FULL or table.identity_key:
            continue
        if table.replica_identity is ReplicaIdentity.NOTHING:
            why = "has REPLICA IDENTITY NOTHING"
        elif table.key_deferrable:
            why = "has only a deferrable primary key, which cannot identify rows in the WAL"
        else:
            why = "has no primary key and no replica identity index"
        effect = (
            "As soon as it is published, every UPDATE and DELETE of it would fail on the source"
            if case.plan.plugin == "pgoutput"
            else "Updates and deletes would reach the target without saying which row they mean"
        )
        yield blocker(
            "NoReplicaIdentity",
            table.name,
            f"Table {table.name} {why}. {effect}.",
            f"ALTER TABLE {qualified(table.name)} REPLICA IDENTITY FULL;",
        )


def keyless_partitions(case: Case) -> Iterator[Finding]:
    if case.plan.plugin != "pgoutput":
        return
    for table in case.plan.published:
        # Partitions inherit a primary key, but no replica identity.
        if table.kind is RelKind.PARTITIONED and not table.key:
            yield warning(
                "LaterPartitionsWithoutKey",
                table.name,
                f"Partitioned table {table.name} has no primary key. As soon as a partition is "
                "made during the migration, every UPDATE and DELETE of it fails on the source, "
                "unless it has a replica identity of its own.",
                "Give each new partition REPLICA IDENTITY FULL when it is made, or make none "
                "before the cutover. Where rows are only inserted there is nothing to do.",
            )


def whole_row_identity(case: Case) -> Iterator[Finding]:
    for route in case.plan.routes:
        if route.source.replica_identity is ReplicaIdentity.FULL and not route.key:
            yield warning(
                "RowsMatchedWhole",
                route.source.name,
                f"Table {route.source.name} has no key: each updated or deleted row is looked for "
                "by all of its columns, which is slow when the table is large.",
                "If some of its columns tell every row from the others, make them its primary "
                "key on both sides.",
            )


def generated_key(case: Case) -> Iterator[Finding]:
    """Computed on either side, so it is not sent (or not taken), and rows cannot be found by it."""
    for table in case.sources:
        stored = {column.name for column in table.columns if column.generated == "s"}
        if table.replica_identity is ReplicaIdentity.FULL:
            continue
        for column in stored.intersection(table.identity_key):
            yield blocker(
                "GeneratedColumnInKey",
                table.name,
                f"The key that identifies rows of {table.name} has the generated column {column} "
                "in it; changes of rows are found by columns that are sent, and it is computed "
                "anew on the target.",
                f"ALTER TABLE {qualified(table.name)} REPLICA IDENTITY FULL; -- or a unique index "
                "of other columns, and REPLICA IDENTITY USING INDEX",
            )


def generated_identity(case: Case) -> Iterator[Finding]:
    if case.plan.plugin != "pgoutput":
        return
    for table in case.sources:
        for column in virtual_identity(table):
            yield blocker(
                "VirtualColumnInIdentity",
                table.name,
                f"The replica identity of {table.name} includes the virtual generated column "
                f"{column}: once published, every UPDATE of it would fail on the source.",
                f"ALTER TABLE {qualified(table.name)} REPLICA IDENTITY DEFAULT; -- after giving it "
                "a primary key; or leave plugin out of sourceSetting.",
            )


def no_key_on_target(case: Case) -> Iterator[Finding]:
    for route in case.plan.routes:
        target = route.target
        if not route.key or target.kind is not RelKind.TABLE:
            continue
        keys = [set(target.key), *(set(key) for key in target.unique_keys)]
        if not any(key and key <= set(route.key) for key in keys):
            columns = ", ".join(route.key)
            yield warning(
                "NoKeyOnTarget",
                target.name,
                f"The target's {target.name} has no unique index on ({columns}): every change "
                "would search the whole table.",
                f"ALTER TABLE {qualified(target.name)} ADD PRIMARY KEY "
                f"({', '.join(map(identifier, route.key))});",
            )


def taken(case: Case) -> Iterator[Finding]:
    for claim in _rivals(case):
        yield blocker("TargetTableTaken", claim.table, *explain(claim))


def _rivals(case: Case) -> tuple[Claim, ...]:
    own = case.target.own_schema
    return rivals(own.claims if own else (), case.plan.routes, case.slots)


def not_empty(case: Case) -> Iterator[Finding]:
    others = {claim.table for claim in _rivals(case)}
    for table in _with_rows(case):
        if table.name in others:
            continue  # nobody is to empty it
        if case.settings.non_empty_target == "truncate":
            yield warning(
                "TargetWillBeEmptied",
                table.name,
                f"The target's {table.name} holds rows; nonEmptyTarget=truncate deletes them.",
            )
        else:
            yield blocker(
                "TargetNotEmpty",
                table.name,
                f"The target's {table.name} holds rows already; they would mix with the source's.",
                f'TRUNCATE {qualified(table.name)}; -- or set "nonEmptyTarget": "truncate" in '
                "migrationSetting.",
            )


def _with_rows(case: Case) -> Iterator[Relation]:
    for table in case.target.relations:
        inside = table.name in case.family and table.kind is RelKind.TABLE
        if inside and case.target.detail(table).has_rows:
            yield table


def through_root(case: Case) -> Iterator[Finding]:
    for route in case.routes:
        if route.target.kind is RelKind.PARTITIONED:
            yield info(
                "RowsRouted",
                route.label,
                f"Rows of {route.label} go through the target's partitioned table "
                f"{route.target.name}, which puts them where they belong there.",
            )


def later_partitions(case: Case) -> Iterator[Finding]:
    """Before 13 a publication lists partitions one by one."""
    if case.plan.plugin != "pgoutput" or case.source.server.major >= 13:  # noqa: PLR2004
        return
    for label in case.plan.labels:
        root = case.source.by_name.get(label)
        if root is not None and root.kind is RelKind.PARTITIONED:
            yield warning(
                "LaterPartitionsNotFollowed",
                label,
                f"PostgreSQL {case.source.server.major} does not publish partitions that are made "
                f"after the start: rows of a new partition of {label} would be missing on the "
                "target (the comparison at the cutover tells).",
                "Make the partitions you will need before you begin, or set "
                '"plugin": "test_decoding" in sourceSetting.',
            )


CHECKS: tuple[Check, ...] = (
    unknown_tables,
    nothing_selected,
    missing_on_target,
    without_identity,
    generated_key,
    generated_identity,
    taken,
    not_empty,
    whole_row_identity,
    keyless_partitions,
    no_key_on_target,
    through_root,
    later_partitions,
)
