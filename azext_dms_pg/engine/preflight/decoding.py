"""Can the source's changes be decoded: settings, slots, and who would keep a slot waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.engine.planning.plan import (
    BINARY_STREAM,
    PGOUTPUT,
    TEST_DECODING,
    choose_plugin,
    virtual_identity,
)
from azext_dms_pg.engine.preflight.case import Case, blocker, info, warning
from azext_dms_pg.engine.preflight.servers import number, pretty
from azext_dms_pg.postgres.encodings import is_readable
from azext_dms_pg.postgres.plugins import TRIAL
from azext_dms_pg.postgres.quoting import identifier, literal, qualified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azext_dms_pg.engine.preflight.case import Check
    from azext_dms_pg.model.finding import Finding

# Names of roles that managed servers give instead of the REPLICATION attribute.
_REPLICATION_ROLES = frozenset(
    {"rds_replication", "rdsadmin", "cloudsqlsuperuser", "azure_pg_admin"}
)
_LONG_SECONDS = 60.0
_SHORT_TIMEOUT_MS = 10_000
# What the receiver can keep: it reports four times a second. Since 12 a session may have a
# timeout of its own, and ours take one; before, only the server's administrator can change it.
_SHORTEST_TIMEOUT_MS = 1_000
_TIMEOUT_IS_OURS = 120000


def wal_level(case: Case) -> Iterator[Finding]:
    found = case.source.server.settings.get("wal_level", "")
    if found != "logical":
        yield blocker(
            "WalLevelNotLogical",
            "source",
            f"The source's wal_level must be logical, found {found!r}: without it the WAL does "
            "not tell what changed in the rows.",
            "ALTER SYSTEM SET wal_level = 'logical'; -- then restart the source. (Azure: az "
            "postgres flexible-server parameter set --name wal_level --value logical, then "
            "restart; RDS: rds.logical_replication = 1.)",
        )


def slots(case: Case) -> Iterator[Finding]:
    server = case.source.server
    limit = number(server, "max_replication_slots")
    # The task's other databases may be trying their plugin just now.
    taken = [slot for slot in server.slots if not slot.name.endswith(TRIAL)]
    needed = len(case.slots - {slot.name for slot in taken})
    if len(taken) + needed > limit:
        yield blocker(
            "NoFreeSlot",
            "source",
            f"The source allows {limit} replication slots and has {len(taken)}; this task needs "
            f"{needed} more, one a database.",
            f"ALTER SYSTEM SET max_replication_slots = {len(taken) + needed + 4}; -- then restart "
            "the source; or drop a slot nobody uses, with pg_drop_replication_slot.",
        )


def senders(case: Case) -> Iterator[Finding]:
    server = case.source.server
    limit = number(server, "max_wal_senders")
    needed = len(case.slots - {slot.name for slot in server.slots if slot.active})
    if server.senders + needed > limit:
        yield blocker(
            "NoFreeWalSender",
            "source",
            f"The source allows {limit} WAL senders and has {server.senders} at work; this task "
            f"needs {needed} more, one a database.",
            f"ALTER SYSTEM SET max_wal_senders = {server.senders + needed + 4}; -- then restart "
            "the source.",
        )


def forgotten_slots(case: Case) -> Iterator[Finding]:
    for slot in case.source.server.slots:
        if not slot.active and slot.name.startswith("dms_pg_"):
            yield warning(
                "ForgottenSlot",
                f"slot {slot.name}",
                f"Slot {slot.name} of another migration (database {slot.database!r}) is not being "
                "read and keeps WAL on the source from being removed: a task that is loading, or "
                "stopped, will read it yet; one that is gone will not.",
                f"SELECT pg_drop_replication_slot({literal(slot.name)}); -- if no task needs it.",
            )


def wal_kept(case: Case) -> Iterator[Finding]:
    limit = case.source.server.settings.get("max_slot_wal_keep_size", "-1")
    if limit != "-1":
        yield warning(
            "SlotWalLimited",
            "source",
            f"max_slot_wal_keep_size is {pretty(int(limit) << 20)}: when more WAL than that is "
            "written during the load or an interruption, the slot is invalidated and the "
            "migration has to begin anew.",
            "ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf(); -- for the "
            "time of the migration, with an eye on the source's disk.",
        )


def idle_slots(case: Case) -> Iterator[Finding]:
    limit = number(case.source.server, "idle_replication_slot_timeout")
    if limit:
        yield warning(
            "IdleSlotTimeout",
            "source",
            f"idle_replication_slot_timeout is {limit} s: the slot is invalidated when the task "
            "is stopped for longer.",
            "ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf();",
        )


def sender_timeout(case: Case) -> Iterator[Finding]:
    server = case.source.server
    limit = number(server, "wal_sender_timeout")
    if 0 < limit < _SHORTEST_TIMEOUT_MS:
        if server.version < _TIMEOUT_IS_OURS:
            yield blocker(
                "WalSenderTimeoutTooShort",
                "source",
                f"wal_sender_timeout is {limit} ms, at least {_SHORTEST_TIMEOUT_MS} ms are needed: "
                "the source would end the stream before an answer could reach it, again and again.",
                "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();",
            )
    elif 0 < limit < _SHORT_TIMEOUT_MS:
        yield warning(
            "WalSenderTimeoutShort",
            "source",
            f"wal_sender_timeout is {limit} ms: short interruptions of the network end the stream, "
            "which then has to decode again what was in flight.",
            "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();",
        )


def open_transactions(case: Case) -> Iterator[Finding]:
    for one in case.source.open_transactions:
        # Of a session we may look into, a transaction without a beginning is just over.
        if one.state if one.seconds is None else one.seconds < _LONG_SECONDS:
            continue
        since = "for an unknown time" if one.seconds is None else f"for {one.seconds:.0f} s"
        who = f"of {one.user or 'another user'} in database {one.database or '?'}"
        yield warning(
            "LongTransaction",
            f"pid {one.pid}",
            f"Process {one.pid} {who} ({one.application or 'no application name'}, "
            f"{one.state or 'state unknown'}) has been in a writing transaction {since}. The slot "
            "cannot be created before it ends.",
            f"SELECT pg_terminate_backend({one.pid}); -- or let it end by itself.",
        )


def prepared_transactions(case: Case) -> Iterator[Finding]:
    for one in case.source.prepared_transactions:
        yield warning(
            "PreparedTransaction",
            f"prepared transaction {one.gid}",
            f"Transaction {one.gid!r} of {one.owner}, prepared {one.seconds:.0f} s ago in database "
            f"{one.database!r}, is not decided. The slot cannot be created before it is.",
            f"COMMIT PREPARED {literal(one.gid)}; -- in database {one.database}; or ROLLBACK "
            "PREPARED if it shall not count.",
        )


def replication_right(case: Case) -> Iterator[Finding]:
    server = case.source.server
    if server.superuser or server.replication or server.roles & _REPLICATION_ROLES:
        return
    yield blocker(
        "NoReplicationRight",
        "source",
        f"User {server.user} may not replicate: creating a slot and reading from it needs the "
        "REPLICATION attribute.",
        f"ALTER ROLE {identifier(server.user)} REPLICATION;",
    )


def publication_right(case: Case) -> Iterator[Finding]:
    server = case.source.server
    possible = choose_plugin(case.source, case.plan.published) == PGOUTPUT
    if possible or case.settings.plugin == "test_decoding":
        return
    virtual = any(virtual_identity(table) for table in case.plan.published)
    if virtual:
        return
    foreign = [table.name for table in case.plan.published if not table.owner_is_me]
    names = ", ".join(qualified(name) for name in foreign[:3])
    why = f"is not the owner of {names}" if foreign else "has no CREATE on the database"
    if server.version < 100000:  # noqa: PLR2004 - publications came with 10
        why = ""
    message = (
        f"User {server.user} {why}, so no publication can be created"
        if why
        else f"PostgreSQL {server.major} has no publications"
    )
    remedy = (
        f"GRANT CREATE ON DATABASE {identifier(server.database)} TO {identifier(server.user)}; -- "
        "and make the user the owner of the tables (or a member of the owning role)."
        if why
        else ""
    )
    if case.settings.plugin == PGOUTPUT:
        yield blocker(
            "NoPublicationRight", "source", f"{message}, as plugin=pgoutput asks.", remedy
        )
    else:
        yield info(
            "DecodedAsText",
            "source",
            f"{message}; changes are read with the plugin test_decoding instead, as text and for "
            "all tables of the database.",
            remedy,
        )


def text_encoding(case: Case) -> Iterator[Finding]:
    """test_decoding passes texts on in the database's own encoding."""
    server = case.source.server
    if case.plan.plugin == TEST_DECODING and not is_readable(server.encoding):
        yield blocker(
            "EncodingUnsupported",
            "source",
            f"The source database has encoding {server.encoding}, which the plugin test_decoding "
            "passes on unconverted and nothing here can read.",
            'Leave "plugin": "test_decoding" out of sourceSetting.'
            if case.settings.plugin
            else f"GRANT CREATE ON DATABASE {identifier(server.database)} TO "
            f"{identifier(server.user)}; -- and make the user the owner of the tables, so that a "
            "publication can be created.",
        )


def text_stream(case: Case) -> Iterator[Finding]:
    """One table that cannot travel in binary form makes the stream text for all."""
    plan = case.plan
    possible = plan.plugin == PGOUTPUT and case.settings.binary
    if not possible or plan.source_version < BINARY_STREAM or plan.binary_stream:
        return
    first, *more = dict.fromkeys(route.label for route in plan.routes if not route.binary)
    others = f" and {len(more)} more" if more else ""
    yield info(
        "StreamAsText",
        qualified(first),
        f"Changes of all tables are sent as text, because {qualified(first)}{others} cannot travel "
        "in PostgreSQL's binary format: a column's type is not the same on both sides, or its "
        "binary form means something else there.",
        "Nothing has to be done: text is as exact, only slower.",
    )


def truncates(case: Case) -> Iterator[Finding]:
    if case.source.server.major < 11:  # noqa: PLR2004
        yield warning(
            "TruncateNotDecoded",
            "source",
            f"PostgreSQL {case.source.server.major} does not tell of a TRUNCATE: rows that one "
            "removes on the source while changes stream would stay on the target (the comparison "
            "at the cutover tells).",
            "Have the applications use DELETE FROM instead of TRUNCATE until the cutover.",
        )


CHECKS: tuple[Check, ...] = (
    wal_level,
    truncates,
    slots,
    senders,
    replication_right,
    publication_right,
    text_encoding,
    text_stream,
    open_transactions,
    prepared_transactions,
    wal_kept,
    idle_slots,
    sender_timeout,
    forgotten_slots,
)
