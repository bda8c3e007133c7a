"""Replication slots: made together with a snapshot, looked at, removed.

Owns the life of a slot; reading from one is ``follow.py``. Function and column names of 9.5 to 18
stand in ``queries/replication.sql``. Knows no task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from azext_dms_pg.errors import MigrationError, ServerError
from azext_dms_pg.postgres import plugins
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.checkpoint import format_lsn, parse_lsn
from azext_dms_pg.postgres.connect import connect, connect_replication
from azext_dms_pg.postgres.patient import run
from azext_dms_pg.postgres.snapshot import SnapshotHandle
from azext_dms_pg.postgres.sqlstate import is_retryable
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from types import TracebackType

    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.relations import Name
    from azext_dms_pg.postgres.transfer import Side

# Creating a slot waits for every older transaction to end. After so many seconds they are named.
_SAY_AFTER = 3.0
_ASK_EVERY = 5.0
# A walsender whose client died holds its slot until it notices; it is told to go.
_DROP_PATIENCE = 30.0
_DROP_PAUSE = 0.1
_EXPORT_SNAPSHOT_SINCE = 100000

Blockers = Callable[[str], None]


class SlotLostError(MigrationError):
    """The slot is gone or invalidated: changes are missing for good. Terminal."""

    code = "SlotLost"


@dataclass(frozen=True)
class SlotStatus:
    """One row of ``pg_replication_slots``.

    :param wal_status: ``reserved``, ``extended``, ``unreserved`` or ``lost`` (13+), else empty.
    :param invalidation: why the server gave the slot up (17+, ``lost`` before), else empty.
    :param retained_bytes: WAL the source keeps because of this slot.
    """

    plugin: str
    database: str
    active_pid: int | None
    wal_status: str
    invalidation: str
    restart_lsn: int | None
    confirmed_lsn: int | None
    retained_bytes: int

    @property
    def lost(self) -> bool:
        return self.wal_status == "lost" or self.invalidation != "" or self.restart_lsn is None


class ReplicationSession:
    """A walsender session that made a slot; the snapshot lives as long as it stays open."""

    def __init__(self, connection: psycopg.Connection[Any], handle: SnapshotHandle) -> None:
        self._connection = connection
        self.handle = handle

    def __enter__(self) -> ReplicationSession:  # noqa: PYI034 - typing.Self is 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the snapshot go; the slot stays."""
        self._connection.close()


def create_slot(
    source: Connection,
    name: str,
    plugin: str,
    waiting: Blockers | None = None,
    check: Callable[[], None] | None = None,
    *,
    temporary: bool = False,
) -> ReplicationSession:
    """Make a logical slot and export the snapshot that fits it to the byte (hazard 4).

    :param waiting: told which transactions the slot waits for, again and again (hazard 5).
    :param check: called while waiting; what it raises ends the attempt, and no slot is left.
    :param temporary: the slot goes with the session (since 10).
    :raises ServerError: the source refused or is gone.
    """
    connection = connect_replication(source, purpose="snapshot")
    try:
        command = sql.SQL("CREATE_REPLICATION_SLOT {} {}LOGICAL {}").format(
            sql.Identifier(name),
            sql.SQL("TEMPORARY " if temporary else ""),
            sql.Identifier(plugin),
        )
        if connection.info.server_version >= _EXPORT_SNAPSHOT_SINCE:
            command += sql.SQL(" EXPORT_SNAPSHOT")
        pace = _Patience(source, connection.info.backend_pid, waiting, check)
        try:
            row = run(connection, "source", pace, command.as_bytes(connection))[0]
        except ServerError as error:
            if error.sqlstate == plugins.NO_SUCH_FILE:
                raise plugins.missing(plugin) from error
            raise
        handle = _handle([row.get_value(0, column) for column in range(3)])
    except BaseException:
        connection.close()
        raise
    return ReplicationSession(connection, handle)


def _handle(row: list[bytes | None]) -> SnapshotHandle:
    slot, consistent, snapshot = (None if value is None else value.decode() for value in row)
    if not slot or not consistent or not snapshot:
        raise ServerError(
            f"The source made the slot {slot!r} but exported no snapshot with it.",
            "Report this with the server's version.",
            side="source",
        )
    return SnapshotHandle(slot, snapshot, parse_lsn(consistent))


class _Patience:
    """Waits for a slot to become consistent, saying whom it waits for."""

    def __init__(
        self,
        source: Connection,
        pid: int,
        waiting: Blockers | None,
        check: Callable[[], None] | None,
    ) -> None:
        self._source = source
        self._pid = pid
        self._tell = waiting
        self._check = check
        self._next = time.monotonic() + _SAY_AFTER

    def moved(self, size: int) -> None:
        """Nothing moves here."""

    def waiting(self, side: Side) -> None:
        del side
        if self._check is not None:
            self._check()
        if self._tell is None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _ASK_EVERY
        found = blockers(self._source, self._pid)
        if found:
            self._tell("; ".join(found))


def blockers(source: Connection, pid: int) -> tuple[str, ...]:
    """Transactions that a slot being made by backend ``pid`` has to wait for, in words."""
    with connect(source, "source", "look") as look, translated("source"):
        query = statement("replication", "blockers", look.info.server_version)
        return tuple(row[0] for row in look.execute(query, {"pid": pid}).fetchall())


def open_transactions(source: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Transactions of this database that have written something and may still commit, in words."""
    query = statement("replication", "open_transactions", source.info.server_version)
    with translated("source", "looking for open transactions"):
        return tuple(row[0] for row in source.execute(query, {}).fetchall())


def slot_status(source: psycopg.Connection[Any], name: str) -> SlotStatus | None:
    """How the slot stands, or None when there is none of that name."""
    query = statement("replication", "slot_status", source.info.server_version)
    with translated("source", f"looking at the slot {name}"):
        row = source.execute(query, {"name": name}).fetchone()
    if row is None:
        return None
    return SlotStatus(
        plugin=row[0],
        database=row[1] or "",
        active_pid=row[2],
        wal_status=row[3],
        invalidation=row[4],
        restart_lsn=None if row[5] is None else parse_lsn(row[5]),
        confirmed_lsn=None if row[6] is None else parse_lsn(row[6]),
        retained_bytes=int(row[7] or 0),
    )


def check_slot(source: psycopg.Connection[Any], name: str, progress: int) -> SlotStatus:
    """The slot, if it still holds everything after ``progress`` (hazard 12).

    :raises SlotLostError: it is gone, was given up by the server, or was moved past ``progress``;
        or the source itself has been put back to a time before it.
    """
    found = slot_status(source, name)
    begin_anew = (
        "Changes made on the source are missing for good. Cancel the task and begin anew; to "
        "prevent it, raise max_slot_wal_keep_size on the source and leave the slot alone."
    )
    if found is None:
        raise SlotLostError(f"The replication slot {name!r} is gone from the source.", begin_anew)
    if found.lost:
        reason = found.invalidation or found.wal_status or "its WAL is no longer reserved"
        raise SlotLostError(
            f"The source has invalidated the replication slot {name!r} ({reason}).", begin_anew
        )
    if found.confirmed_lsn is not None and found.confirmed_lsn > progress:
        raise SlotLostError(
            f"Somebody else read from the replication slot {name!r}: it stands at "
            f"{format_lsn(found.confirmed_lsn)}, but the target has everything only up to "
            f"{format_lsn(progress)}.",
            begin_anew,
        )
    end = source.execute(statement("replication", "wal_end", source.info.server_version)).fetchone()
    if end is not None and int(end[0]) < progress:
        raise SlotLostError(
            f"The source's WAL ends at {format_lsn(int(end[0]))}, but the target has everything up "
            f"to {format_lsn(progress)}: the source was put back to an earlier time.",
            "What the target has and what the source has are two stories now. Cancel the task and "
            "begin anew.",
        )
    return found


def changed_since(
    source: psycopg.Connection[Any],
    name: str,
    plugin: str,
    publication: str,
    tables: Collection[Name],
    after: int,
    seconds: float = 30.0,
) -> int | None:
    """Rows of these tables changed by transactions that ended after a position, without reading.

    Ten thousand is as many or more. The slot gives nothing away, so they can still be followed.

    :param seconds: whoever keeps the slot far back makes the source decode all WAL since then.
    :returns: None when the time was not enough, or the source refuses to tell.
    :raises ServerError: (retryable) the slot stays in use, or the source is gone.
    """
    query = statement("replication", f"late_{plugin}", source.info.server_version)
    parameters = {
        "slot": name,
        "publication": publication,
        "schemas": [table.schema for table in tables],
        "names": [table.name for table in tables],
        "after": format_lsn(after),
    }
    deadline = time.monotonic() + _DROP_PATIENCE
    with translated("source", "looking for late changes"):
        while True:
            try:
                with source.transaction():
                    source.execute(
                        sql.SQL("SET LOCAL statement_timeout = {}").format(
                            sql.Literal(f"{seconds * 1000:.0f}ms")
                        )
                    )
                    row = source.execute(query, parameters).fetchone()
            except psycopg.errors.QueryCanceled:
                return None
            except psycopg.errors.ObjectInUse:
                # A walsender takes a moment to see that nobody listens any more.
                if time.monotonic() > deadline:
                    raise
                time.sleep(_DROP_PAUSE)
            except psycopg.Error as error:
                # No right to call it, no room for its temporary file: nothing to stop for.
                if error.sqlstate is None or is_retryable(error.sqlstate):
                    raise
                return None
            else:
                return int(row[0]) if row else 0


def drop_slot(source: psycopg.Connection[Any], name: str) -> None:
    """Drop the slot; nothing happens when there is none. A walsender still on it is ended.

    :raises ServerError: it stayed in use (retryable), or the source refused.
    """
    deadline = time.monotonic() + _DROP_PATIENCE
    while True:
        found = slot_status(source, name)
        if found is None:
            return
        try:
            if found.active_pid is not None:
                source.execute("SELECT pg_catalog.pg_terminate_backend(%s)", (found.active_pid,))
            else:
                source.execute("SELECT pg_catalog.pg_drop_replication_slot(%s)", (name,))
                return
        except psycopg.errors.UndefinedObject:
            return
        except (psycopg.errors.ObjectInUse, psycopg.errors.InsufficientPrivilege):
            if not source.autocommit:
                raise
        if time.monotonic() > deadline:
            raise ServerError(
                f"The replication slot {name!r} stays in use by process {found.active_pid} "
                "of the source.",
                f"End that session, or run SELECT pg_drop_replication_slot('{name}') later.",
                side="source",
                sqlstate="55006",
                retryable=True,
            )
        time.sleep(_DROP_PAUSE)


def system_identifier(source: psycopg.Connection[Any]) -> str:
    """What tells this cluster from every other; empty where the role may not ask (before 9.6)."""
    query = statement("replication", "system_identifier", source.info.server_version)
    with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFunction):
        row = source.execute(query).fetchone()
        return str(row[0]) if row else ""
    return ""
