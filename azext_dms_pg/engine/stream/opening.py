"""Opening the stream: the slot is still whole and nobody else reads it.

Whoever gets here holds the migration's apply lock on the target, so a walsender that is still on
the slot belongs to a worker that is no more.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from azext_dms_pg.errors import Interrupted, MigrationError, ServerError
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.follow import start_replication
from azext_dms_pg.postgres.replication import check_slot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import psycopg

    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.follow import ReplicationStream
    from azext_dms_pg.postgres.transfer import Side

_IN_USE = "55006"
_IN_USE_PATIENCE = 30.0
_END_AFTER = 1.0
_PAUSE = 0.1
# A refusal in these codes may mean that the slot or publication is gone.
_GONE = {"42704", "55000", "58P01"}


def open_stream(
    source: Connection,
    session: psycopg.Connection[Any],
    slot: str,
    progress: int,
    options: Mapping[str, str],
    stopping: Callable[[], bool],
) -> ReplicationStream:
    """Start reading the slot after ``progress``.

    :param session: an ordinary one on the source.
    :raises SlotLostError: it does not hold everything after ``progress``.
    :raises ServerError: the source refused or is gone.
    """
    began = time.monotonic()
    pace = _Pace(stopping)
    while True:
        status = check_slot(session, slot, progress)
        try:
            return start_replication(source, slot, progress, options, pace)
        except ServerError as error:
            if error.sqlstate != _IN_USE:
                check_slot(session, slot, progress)
                if error.sqlstate in _GONE:
                    raise _refused(error) from error
                raise
            if time.monotonic() - began > _IN_USE_PATIENCE:
                raise replaced(error) from error
        if time.monotonic() - began > _END_AFTER and status.active_pid is not None:
            _end(session, status.active_pid)
        pace.waiting("source")
        time.sleep(_PAUSE)


def replaced(error: ServerError) -> ServerError:
    """The same, worth another try later."""
    return ServerError(
        error.message,
        "End the session on the source that reads this slot.",
        side=error.side,
        sqlstate=error.sqlstate,
        retryable=True,
    )


def _refused(error: ServerError) -> MigrationError:
    return MigrationError(
        error.message,
        "The source no longer lets this slot be read as it was made. If its publication was "
        "dropped or altered, changes are missing: cancel the task and begin anew.",
        code="StreamRefused",
    )


def _end(session: psycopg.Connection[Any], pid: int) -> None:
    """End the walsender of a worker that is gone (its machine may have vanished from the net)."""
    with translated("source", "ending a session that is left on the slot"):
        session.execute("SELECT pg_catalog.pg_terminate_backend(%s)", (pid,))


class _Pace:
    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping

    def moved(self, size: int) -> None:
        """Nothing moves here."""

    def waiting(self, side: Side) -> None:
        del side
        if self._stopping():
            raise Interrupted("The follower was closed.")
