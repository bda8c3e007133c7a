"""What the two users may do with the tables: read here; fill, empty and rearrange there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.engine.planning.sequences import paired, selected_sequences
from azext_dms_pg.engine.preflight.case import Case, blocker, info
from azext_dms_pg.postgres.quoting import identifier, qualified
from azext_dms_pg.postgres.relations import Relation, RelKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azext_dms_pg.engine.preflight.case import Check
    from azext_dms_pg.model.finding import Finding
    from azext_dms_pg.postgres.survey import Detail, Survey

_FIRING = {True: {"R", "A"}, False: {"O", "A"}}


def source_schemas(case: Case) -> Iterator[Finding]:
    yield from _schemas(case.source, case.sources, "source")


def target_schemas(case: Case) -> Iterator[Finding]:
    yield from _schemas(case.target, case.targets, "target")


def _schemas(survey: Survey, tables: tuple[Relation, ...], side: str) -> Iterator[Finding]:
    user = survey.server.user
    closed = {t.name.schema for t in tables if not survey.detail(t).schema_usage}
    for schema in sorted(closed):
        yield blocker(
            "NoSchemaUsage",
            f"{side} schema {schema}",
            f"User {user} may not use schema {schema} of the {side}.",
            f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {identifier(user)};",
        )


def source_tables(case: Case) -> Iterator[Finding]:
    user = case.source.server.user
    for table in case.sources:
        if not case.source.detail(table).select:
            yield blocker(
                "NoSelect",
                table.name,
                f"User {user} may not read {table.name} on the source.",
                f"GRANT SELECT ON {qualified(table.name)} TO {identifier(user)};",
            )


def source_sequences(case: Case) -> Iterator[Finding]:
    user = case.source.server.user
    for sequence in selected_sequences(case.source, case.selection):
        if not sequence.select:
            yield blocker(
                "NoSelectOnSequence",
                sequence.name,
                f"User {user} may not read sequence {sequence.name}: its value could not be "
                "carried over, and keys would be given out twice after the cutover.",
                f"GRANT SELECT ON SEQUENCE {qualified(sequence.name)} TO {identifier(user)};",
            )


def row_security(case: Case) -> Iterator[Finding]:
    for side, survey, tables in (
        ("source", case.source, case.sources),
        ("target", case.target, case.targets),
    ):
        server = survey.server
        if server.superuser or server.bypass_row_security:
            continue
        for table in tables:
            detail = survey.detail(table)
            if detail.row_security and (detail.forced_row_security or not table.owner_is_me):
                yield blocker(
                    "RowSecurity",
                    table.name,
                    f"Row security of {table.name} hides rows from user {server.user} on the "
                    f"{side}.",
                    f"ALTER ROLE {identifier(server.user)} BYPASSRLS; -- on the {side}, or switch "
                    "row security off for the time of the migration: ALTER TABLE "
                    f"{qualified(table.name)} DISABLE ROW LEVEL SECURITY;",
                )


def target_database(case: Case) -> Iterator[Finding]:
    server = case.target.server
    if not server.create:
        yield blocker(
            "NoCreateOnDatabase",
            "target",
            f"User {server.user} may not create a schema in database {server.database!r}: the "
            "progress of the migration is kept there, in schema dms_pg.",
            f"GRANT CREATE ON DATABASE {identifier(server.database)} TO {identifier(server.user)};",
        )


def target_temporary(case: Case) -> Iterator[Finding]:
    server = case.target.server
    if not server.temporary_tables:
        yield blocker(
            "NoTemporaryOnDatabase",
            "target",
            f"User {server.user} may not create temporary tables in database "
            f"{server.database!r}: changes are put into them on their way into the tables.",
            f"GRANT TEMPORARY ON DATABASE {identifier(server.database)} TO "
            f"{identifier(server.user)};",
        )


def target_tables(case: Case) -> Iterator[Finding]:
    user = case.target.server.user
    for table in case.targets:
        missing = _missing(case.target.detail(table))
        if missing:
            yield blocker(
                "NoWriteAccess",
                table.name,
                f"User {user} lacks {', '.join(missing)} on {table.name} of the target.",
                f"GRANT {', '.join(missing)} ON {qualified(table.name)} TO {identifier(user)};",
            )


def _missing(detail: Detail) -> list[str]:
    rights = {
        "SELECT": detail.select,
        "INSERT": detail.insert,
        "UPDATE": detail.update,
        "DELETE": detail.delete,
        "TRUNCATE": detail.truncate,
    }
    return [right for right, granted in rights.items() if not granted]


def target_ownership(case: Case) -> Iterator[Finding]:
    """Whoever drops a foreign key or disables a trigger must own the table."""
    user = case.target.server.user
    reasons: dict[Relation, set[str]] = {}

    def need(table: Relation | None, reason: str) -> None:
        if table is not None and not table.owner_is_me:
            reasons.setdefault(table, set()).add(reason)

    for key in case.target.foreign_keys:
        if key.table in case.family or key.references in case.family:
            need(case.target.by_name.get(key.table), f"drop foreign key {key.name}")
    firing = _FIRING[case.plan.replica_role]
    for trigger in case.target.triggers:
        if trigger.table in case.family and trigger.enabled in firing:
            need(case.target.by_name.get(trigger.table), f"disable trigger {trigger.name}")
    for rule in case.target.rules:
        if rule.table in case.family and rule.enabled in firing:
            need(case.target.by_name.get(rule.table), f"disable rule {rule.name}")
    for table, why in reasons.items():
        yield blocker(
            "NotOwnerOnTarget",
            table.name,
            f"User {user} is not the owner of {table.name} on the target, and must be to "
            f"{' and '.join(sorted(why))} for the time of the migration.",
            f"GRANT {identifier(case.target.detail(table).owner)} TO {identifier(user)};",
        )


def target_references(case: Case) -> Iterator[Finding]:
    """A dropped foreign key can only be made again with REFERENCES on the table it points to."""
    user = case.target.server.user
    asked = set()
    for key in case.target.foreign_keys:
        if key.table not in case.family and key.references not in case.family:
            continue
        table = case.target.by_name.get(key.references)
        if table is None or case.target.detail(table).references or table.name in asked:
            continue
        asked.add(table.name)
        yield blocker(
            "NoReferences",
            table.name,
            f"Foreign key {key.name} of {key.table} could not be restored at the cutover: user "
            f"{user} may not refer to {table.name}.",
            f"GRANT REFERENCES ON {qualified(table.name)} TO {identifier(user)};",
        )


def replica_role(case: Case) -> Iterator[Finding]:
    server = case.target.server
    if server.replica_role:
        return
    concerned = [t for t in case.target.triggers if t.table in case.family and t.enabled == "O"]
    if concerned:
        remedy = (
            f"GRANT SET ON PARAMETER session_replication_role TO {identifier(server.user)};"
            if server.major >= 15  # noqa: PLR2004 - parameter privileges came with 15
            else ""
        )
        yield info(
            "TriggersDisabled",
            "target",
            f"User {server.user} may not set session_replication_role; {len(concerned)} triggers "
            "are disabled during the migration instead, and enabled again at the cutover.",
            remedy,
        )


def target_sequences(case: Case) -> Iterator[Finding]:
    user = case.target.server.user
    for _, there in paired(case.source, case.target, case.selection, {}):
        if there is not None and not there.update:
            yield blocker(
                "NoUpdateOnSequence",
                there.name,
                f"User {user} may not set sequence {there.name} of the target.",
                f"GRANT UPDATE ON SEQUENCE {qualified(there.name)} TO {identifier(user)};",
            )


def partition_rights(case: Case) -> Iterator[Finding]:
    """TRUNCATE of a partitioned table needs the right on each partition."""
    roots = {table.name for table in case.targets if table.kind is RelKind.PARTITIONED}
    user = case.target.server.user
    for table in case.target.relations:
        if not roots.isdisjoint(table.ancestors) and not case.target.detail(table).truncate:
            yield blocker(
                "NoTruncateOnPartition",
                table.name,
                f"User {user} may not empty partition {table.name} of the target.",
                f"GRANT TRUNCATE ON {qualified(table.name)} TO {identifier(user)};",
            )


CHECKS: tuple[Check, ...] = (
    source_schemas,
    source_tables,
    source_sequences,
    target_schemas,
    target_database,
    target_temporary,
    target_tables,
    target_ownership,
    target_references,
    target_sequences,
    partition_rights,
    row_security,
    replica_role,
)
