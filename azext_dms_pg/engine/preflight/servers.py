"""The two servers side by side: versions, identity, encodings, room for our sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.engine.preflight.case import Case, blocker, info, warning
from azext_dms_pg.postgres.quoting import identifier, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azext_dms_pg.engine.preflight.case import Check
    from azext_dms_pg.model.finding import Finding
    from azext_dms_pg.postgres.survey import Server

# The tutorial's own floor: earlier ones lack fixes to logical decoding.
_OLDEST_SOURCE = {90500: 90511, 90600: 90607}
_OLDEST = 90500
_OLDEST_TARGET = 100000
_AZURE_RESTART = "az postgres flexible-server restart"
# Beside the copy streams: two for the stream, control, the lookout, and a few for restoring and
# comparing.
_OTHER_SESSIONS = 5


def source_too_old(case: Case) -> Iterator[Finding]:
    version = case.source.server.version
    floor = _OLDEST_SOURCE.get(version // 100 * 100, _OLDEST)
    if version < floor:
        yield blocker(
            "SourceTooOld",
            "source",
            f"The source is PostgreSQL {dotted(version)}; {dotted(floor)} is the first release of "
            "its line whose logical decoding can be relied on.",
            f"Update the source to {dotted(floor)} or later (a minor update, no dump needed).",
        )


def target_too_old(case: Case) -> Iterator[Finding]:
    version = case.target.server.version
    if version < _OLDEST_TARGET:
        yield blocker(
            "TargetTooOld",
            "target",
            f"The target is PostgreSQL {dotted(version)}; at least 10 is needed.",
            "Create the target with a current version of PostgreSQL.",
        )


def target_older(case: Case) -> Iterator[Finding]:
    source, target = case.source.server, case.target.server
    if target.major < source.major:
        yield blocker(
            "TargetOlderThanSource",
            "target",
            f"The target (PostgreSQL {target.major}) is older than the source "
            f"({source.major}); types and syntax of the source may not exist there.",
            f"Create a target with PostgreSQL {source.major} or later.",
        )


def same_database(case: Case) -> Iterator[Finding]:
    source, target = case.source.server, case.target.server
    known = source.system_identifier is not None
    if known and (source.system_identifier, source.database_oid) == (
        target.system_identifier,
        target.database_oid,
    ):
        yield blocker(
            "SourceIsTarget",
            "target",
            f"Source and target are the same database ({source.database!r}, system identifier "
            f"{source.system_identifier}).",
            "Correct serverName, port or the database names of one of them.",
        )


def standby(case: Case) -> Iterator[Finding]:
    for side, server in (("source", case.source.server), ("target", case.target.server)):
        if server.in_recovery:
            yield blocker(
                "ServerIsStandby",
                side,
                f"The {side} is a standby: nothing can be created there.",
                f"SELECT pg_promote(); -- or connect to the primary of the {side}.",
            )


def encodings(case: Case) -> Iterator[Finding]:
    source, target = case.source.server, case.target.server
    if source.encoding == "SQL_ASCII":
        yield warning(
            "SourceEncodingUnknown",
            "source",
            "The source database has encoding SQL_ASCII: it holds bytes nobody has checked. Rows "
            f"whose bytes are not valid {target.encoding} stop the migration when they are copied.",
            "Find out what applications write (rows whose texts do not match the regular "
            "expression ^[[:ascii:]]*$) and clean it up before you begin.",
        )
    elif target.encoding not in {source.encoding, "UTF8"}:
        yield warning(
            "EncodingsDiffer",
            "target",
            f"The source's encoding is {source.encoding}, the target's {target.encoding}: "
            "characters the target does not know stop the migration.",
            f"CREATE DATABASE {identifier(target.database + '_utf8')} ENCODING 'UTF8' TEMPLATE "
            "template0; -- and migrate into that one.",
        )


def locales(case: Case) -> Iterator[Finding]:
    source, target = case.source.server, case.target.server
    if source.locale[1:] != target.locale[1:]:
        yield info(
            "LocalesDiffer",
            "target",
            f"Texts sort by {source.collate!r} on the source and by {target.collate!r} on the "
            "target: ORDER BY and the order of ranges of text may differ after the cutover.",
            f"CREATE DATABASE {identifier(target.database + '_sorted')} LC_COLLATE "
            f"{literal(source.collate)} LC_CTYPE {literal(source.ctype)} TEMPLATE template0; -- "
            "and migrate into that one, if the order matters.",
        )


def float_timestamps(case: Case) -> Iterator[Finding]:
    if case.source.server.settings.get("integer_datetimes") == "off":
        yield info(
            "FloatTimestamps",
            "source",
            "The source was built with floating-point timestamps: dates and times travel as text.",
        )


def connections(case: Case) -> Iterator[Finding]:
    needed = case.settings.parallel_tables + _OTHER_SESSIONS
    for side, server in (("source", case.source.server), ("target", case.target.server)):
        free = number(server, "max_connections") - server.backends
        free -= number(server, "superuser_reserved_connections")
        free -= number(server, "reserved_connections")
        if free < needed:
            yield warning(
                "FewConnections",
                side,
                f"The {side} has {max(free, 0)} free connections; a migration with parallelTables="
                f"{case.settings.parallel_tables} may use {needed}.",
                f"ALTER SYSTEM SET max_connections = "
                f"{number(server, 'max_connections') + needed}; -- then restart the {side}; or "
                'set "parallelTables": "1" in migrationSetting.',
            )


def lock_table(case: Case) -> Iterator[Finding]:
    """Publishing and truncating lock every table in one transaction."""
    for side, server, tables in (
        ("source", case.source.server, len(case.sources)),
        ("target", case.target.server, len(case.targets) * 4),
    ):
        room = number(server, "max_locks_per_transaction") * (
            number(server, "max_connections") + number(server, "max_prepared_transactions")
        )
        if room and tables > room * 3 // 4:
            wanted = tables * 2 // max(number(server, "max_connections"), 1) + 64
            yield warning(
                "FewLocks",
                side,
                f"About {tables} locks are held at once on the {side}; its lock table has room for "
                f"{room}.",
                f"ALTER SYSTEM SET max_locks_per_transaction = {wanted}; -- then restart the "
                f"{side}.",
            )


def synchronous_standby(case: Case) -> Iterator[Finding]:
    standbys = case.target.server.settings.get("synchronous_standby_names")
    if standbys:
        yield info(
            "TargetWaitsForStandby",
            "target",
            "Each commit on the target waits for a synchronous standby, which slows the load and "
            "the stream.",
            "ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf(); -- until "
            "the cutover, if that is acceptable.",
        )


def autovacuum(case: Case) -> Iterator[Finding]:
    if case.target.server.settings.get("autovacuum") == "off":
        yield warning(
            "AutovacuumOff",
            "target",
            "Autovacuum is off on the target: nobody gathers statistics of the loaded tables, and "
            "statements on them may be planned badly.",
            "ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf(); -- or run ANALYZE after "
            "the load.",
        )


def size(case: Case) -> Iterator[Finding]:
    total = sum(table.bytes for table in case.sources)
    largest = max(case.sources, key=lambda table: table.bytes, default=None)
    if largest is not None:
        yield info(
            "SizeEstimate",
            "target",
            f"{len(case.sources)} tables with {pretty(total)} are to be copied, the largest is "
            f"{largest.name} with {pretty(largest.bytes)}. The target needs about as much room "
            "again for indexes and WAL; the source keeps all WAL written during the load.",
            f"See that about {pretty(total * 2)} are free on the target's disk.",
        )


def number(server: Server, name: str) -> int:
    """An integer setting; 0 when the server has none of that name."""
    return int(server.settings.get(name, "0") or 0)


def dotted(version: int) -> str:
    """90607 → 9.6.7, 150004 → 15.4."""
    if version < _OLDEST_TARGET:
        return f"{version // 10000}.{version // 100 % 100}.{version % 100}"
    return f"{version // 10000}.{version % 10000}"


def pretty(size: int) -> str:
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1024:  # noqa: PLR2004 - the step between the units
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TB"


CHECKS: tuple[Check, ...] = (
    source_too_old,
    target_too_old,
    target_older,
    same_database,
    standby,
    encodings,
    locales,
    float_timestamps,
    connections,
    lock_table,
    synchronous_standby,
    autovacuum,
    size,
)
