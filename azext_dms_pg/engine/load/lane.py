"""One copy stream: a session on either side, and units of work that pass between them.

A lane's source session sits in one transaction on the exported snapshot; each unit runs in a
savepoint that is rolled back, so that no table stays locked longer than it is read. On the target
each unit is one transaction, which also notes its parts in ``dms_pg.loaded_part``: whether a
COMMIT whose answer was lost took effect is decided by looking there.

Owns two connections, used by one thread. Knows nothing of other lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from azext_dms_pg.engine.load.parts import Unit
from azext_dms_pg.errors import Interrupted, ServerError
from azext_dms_pg.postgres.channel import open_channel
from azext_dms_pg.postgres.checkpoint import loaded_parts
from azext_dms_pg.postgres.connect import connect, driven
from azext_dms_pg.postgres.copy import copy
from azext_dms_pg.postgres.liveness import Backend, Watch
from azext_dms_pg.postgres.patient import run
from azext_dms_pg.postgres.snapshot import open_snapshot
from azext_dms_pg.postgres.splice import splice
from azext_dms_pg.postgres.sqlstate import translate
from azext_dms_pg.postgres.transfer import Moved

if TYPE_CHECKING:
    from azext_dms_pg.engine.load.budget import Throttle
    from azext_dms_pg.engine.load.tally import Flight
    from azext_dms_pg.model.connection import Connection

_SAVEPOINT = b"SAVEPOINT dms_pg"
_RELEASE_LOCKS = b"ROLLBACK TO SAVEPOINT dms_pg"


@dataclass(frozen=True)
class Ends:
    """Where rows come from and go to, and what a session there must be told."""

    source: Connection
    target: Connection
    snapshot: str
    migration_id: str
    replica_role: bool


def _reader(ends: Ends) -> psycopg.Connection[Any]:
    """A source session that reads the snapshot and can let go of its locks in between."""
    connection = open_snapshot(ends.source, ends.snapshot, "copy")
    try:
        # Ranges of blocks rely on TID scans.
        connection.execute("SET LOCAL enable_tidscan = on")
        connection.execute(_SAVEPOINT)
    except psycopg.Error as error:
        connection.close()
        raise translate(error, "source") from error
    return connection


class Lane:
    """Copies one unit after the other; opens its sessions when it needs them."""

    def __init__(self, ends: Ends, throttle: Throttle, stopping: Callable[[], bool]) -> None:
        self._ends = ends
        self._throttle = throttle
        self._stopping = stopping
        self._source: psycopg.Connection[Any] | None = None
        self._target: psycopg.Connection[Any] | None = None
        self._watch: Watch | None = None
        self._flight: Flight | None = None
        # The target session that may still be working on a unit we gave up.
        self._suspect: Backend | None = None
        self._at_target: Backend | None = None

    def __enter__(self) -> Lane:  # noqa: PYI034 - typing.Self is 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of both sessions; whatever they were doing is rolled back."""
        for connection in (self._source, self._target):
            if connection is not None:
                with suppress(psycopg.Error):
                    connection.close()
        self._source = self._target = self._watch = None

    def give_up(self) -> None:
        """After an error: close, and remember the target session in case it works on."""
        self._suspect, self._at_target = self._at_target or self._suspect, None
        self.close()

    def copy(self, flight: Flight, *, spliced: bool = True) -> Sequence[Moved]:
        """Copy one unit and commit it.

        :raises ServerError: try again on new connections if it is retryable.
        :raises MigrationError: the snapshot is gone.
        :raises Interrupted: a stop was asked for.
        """
        self._flight = flight
        source, target = self._open()
        already = self._committed(flight.unit, target)
        if already is not None:
            return already
        unit = flight.unit
        run(target, "target", self, b"BEGIN")
        copies = [part.copy() for part in unit.parts]
        rows, sink = (open_channel(source), open_channel(target)) if spliced else (None, None)
        if rows is not None and sink is not None:
            with driven(source, target):
                moved = splice(rows, sink, copies, self)
        else:
            moved = copy(source, target, copies, self)
        run(target, "target", self, self._note(unit, moved))
        # Alone in its message: what comes back is the answer to this and nothing else.
        results = run(target, "target", self, b"COMMIT")
        if [result.command_status for result in results] != [b"COMMIT"]:
            raise ServerError("The target did not commit.", side="target", retryable=True)
        run(source, "source", self, _RELEASE_LOCKS)
        return moved

    # -- the pace of our transfers ---------------------------------------------------------

    def moved(self, size: int) -> None:
        if self._flight is not None:
            self._flight.bytes += size
        self._check()
        self._throttle.spend(size)
        if self._watch is not None:
            self._watch.moved()

    def waiting(self, side: str) -> None:
        self._check()
        if self._watch is not None:
            self._watch.waiting("source" if side == "source" else "target")

    def _check(self) -> None:
        if self._stopping():
            raise Interrupted("A stop was asked for while copying.")

    # -- sessions --------------------------------------------------------------------------

    def _open(self) -> tuple[psycopg.Connection[Any], psycopg.Connection[Any]]:
        if self._source is None or self._target is None:
            self._source = _reader(self._ends)
            self._target = connect(self._ends.target, "target", "copy")
            if self._ends.replica_role:
                run(self._target, "target", self, b"SET session_replication_role = replica")
            self._at_target = Backend(self._target, self._ends.target, "target")
            self._watch = Watch(Backend(self._source, self._ends.source, "source"), self._at_target)
        elif self._watch is not None:
            self._watch.moved()
        return self._source, self._target

    def _committed(self, unit: Unit, target: psycopg.Connection[Any]) -> Sequence[Moved] | None:
        """After a failure: what the unit carried if its COMMIT took effect after all."""
        if self._suspect is None:
            return None
        try:
            self._suspect.end(target)
            parts = loaded_parts(target, self._ends.migration_id)
        except psycopg.Error as error:
            raise translate(error, "target") from error
        self._suspect = None
        if any(part.id not in parts for part in unit.parts):
            return None
        return [Moved(*parts[part.id]) for part in unit.parts]

    def _note(self, unit: Unit, moved: Sequence[Moved]) -> bytes:
        rows = [
            sql.SQL("({})").format(
                sql.SQL(", ").join(
                    sql.Literal(value)
                    for value in (self._ends.migration_id, part.id, carried.rows, carried.bytes)
                )
            )
            for part, carried in zip(unit.parts, moved, strict=True)
        ]
        return (
            sql.SQL("INSERT INTO dms_pg.loaded_part (migration, part, rows, bytes) VALUES {}")
            .format(sql.SQL(", ").join(rows))
            .as_bytes()
        )
