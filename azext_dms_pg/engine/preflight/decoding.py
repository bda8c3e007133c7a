"""Can the source's changes be decoded: settings, slots, and who would keep a slot waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.engine.plan import PGOUTPUT, choose_plugin, virtual_identity
from azext_dms_pg.engine.preflight.case import Case, blocker, info, warning
from azext_dms_pg.engine.preflight.servers import number, pretty
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


def wal_level(case: Case) -> Iterator[Finding]:
    found = case.source.server.settings.get("wal_level", "")
    if found != "logical":
        yield blocker(
            "WalLevelNotLogical",
            "source",
            f"The source's wal_level must be logical, found {found!r}: without it the WAL does "
            "not tell what changed in the rows.",
            "ALTER SYSTEM SET wal_level = 'logical'; and restart the source. (Azure: az postgres "
            "flexible-server parameter set --name wal_level --value logical, then restart; RDS: "
            "rds.logical_replication = 1.)",
        )


def slots(case: Case) -> Iterator[Finding]:
    server = case.source.server
    limit = number(server, "max_replication_slots")
    if len(server.slots) >= limit:
        yield blocker(
            "NoFreeSlot",
            "source",
            f"The source allows {limit} replication slots and has {len(server.slots)}; each "
            "migrating database needs one.",
            f"ALTER SYSTEM SET max_replication_slots = {limit + 5}; and restart the source, or "
            "drop a slot nobody uses: SELECT pg_drop_replication_slot('...');",
        )


def senders(case: Case) -> Iterator[Finding]:
    server = case.source.server
    limit = number(server, "max_wal_senders")
    if server.senders >= limit:
        yield blocker(
            "NoFreeWalSender",
            "source",
            f"The source allows {limit} WAL senders and has {server.senders} at work; each "
            "migrating database needs one.",
            f"ALTER SYSTEM SET max_wal_senders = {limit + 10}; and restart the source.",
        )


def forgotten_slots(case: Case) -> Iterator[Finding]:
    for slot in case.source.server.slots:
        if not slot.active and slot.name.startswith("dms_pg_"):
            yield warning(
                "ForgottenSlot",
                f"slot {slot.name}",
                f"Slot {slot.name} of an earlier migration (database {slot.database!r}) is not in "
                "use and keeps WAL on the source from being removed.",
                f"If no task needs it: SELECT pg_drop_replication_slot({literal(slot.name)});",
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
            "ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf(); for the time "
            "of the migration, with an eye on the source's disk.",
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
    limit = number(case.source.server, "wal_sender_timeout")
    if 0 < limit < _SHORT_TIMEOUT_MS:
        yield warning(
            "WalSenderTimeoutShort",
            "source",
            f"wal_sender_timeout is {limit} ms: short interruptions of the network end the stream, "
            "which then has to decode again what was in flight.",
            "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();",
        )


def open_transactions(case: Case) -> Iterator[Finding]:
    for one in case.source.open_transactions:
        if one.seconds is not None and one.seconds < _LONG_SECONDS:
            continue
        since = "for an unknown time" if one.seconds is None else f"for {one.seconds:.0f} s"
        who = f"of {one.user or 'another user'} in database {one.database or '?'}"
        yield warning(
            "LongTransaction",
            f"pid {one.pid}",
            f"Process {one.pid} {who} ({one.application or 'no application name'}, "
            f"{one.state or 'state unknown'}) has been in a writing transaction {since}. The slot "
            "cannot be created before it ends.",
            f"End it, or: SELECT pg_terminate_backend({one.pid});",
        )


def prepared_transactions(case: Case) -> Iterator[Finding]:
    for one in case.source.prepared_transactions:
        yield warning(
            "PreparedTransaction",
            f"prepared transaction {one.gid}",
            f"Transaction {one.gid!r} of {one.owner}, prepared {one.seconds:.0f} s ago in database "
            f"{one.database!r}, is not decided. The slot cannot be created before it is.",
            f"In database {one.database}: COMMIT PREPARED {literal(one.gid)}; or ROLLBACK "
            f"PREPARED {literal(one.gid)};",
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
        f"GRANT CREATE ON DATABASE {identifier(server.database)} TO {identifier(server.user)}; and "
        "make the user the owner of the tables (or a member of the owning role)."
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


CHECKS: tuple[Check, ...] = (
    wal_level,
    slots,
    senders,
    replication_right,
    publication_right,
    open_transactions,
    prepared_transactions,
    wal_kept,
    idle_slots,
    sender_timeout,
    forgotten_slots,
)
