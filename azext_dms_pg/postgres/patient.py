"""Waiting for a server without ever being deaf: simple queries on libpq that can be given up.

psycopg's own ``execute`` waits as long as the server takes. Here every wait ends after a tick to
ask the ``Pace`` whether to go on, so that a stop is obeyed and a dead peer noticed. After an
exception the connection is in the middle of something and must be closed.

Owns the waiting. Knows nothing of COPY beyond its result states.
"""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from azext_dms_pg.errors import ServerError
from azext_dms_pg.postgres.sqlstate import translate
from azext_dms_pg.postgres.transfer import TICK, Pace, Side

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

_FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)


def run(
    connection: psycopg.Connection[Any], side: Side, pace: Pace, statement: bytes
) -> list[PGresult]:
    """Run statements through the simple protocol; their results.

    :raises ServerError: the server refused or is gone.
    :raises Interrupted: as the pace wished.
    """
    talk = Talk(connection, side, pace)
    talk.send(statement)
    results = []
    while (result := talk.result()) is not None:
        results.append(result)
    return results


class Talk:
    """One libpq connection, driven without blocking."""

    def __init__(self, connection: psycopg.Connection[Any], side: Side, pace: Pace) -> None:
        self.pgconn: PGconn = connection.pgconn
        self.side: Side = side
        self._pace = pace
        self._overheard = False
        self.pgconn.nonblocking = 1
        self._readable = select.poll()
        self._readable.register(self.pgconn.socket, select.POLLIN)
        self._either = select.poll()
        self._either.register(self.pgconn.socket, select.POLLIN | select.POLLOUT)

    def send(self, statement: bytes) -> None:
        try:
            self.pgconn.send_query(statement)
        except psycopg.Error as error:
            raise translate(error, self.side) from error
        self.flush()

    def flush(self) -> None:
        """Hand everything to the kernel; read meanwhile, or both ends may wait for ever."""
        try:
            while self.pgconn.flush():
                ready = self._either.poll(TICK * 1000)
                if not ready:
                    self._pace.waiting(self.side)
                elif ready[0][1] & ~select.POLLOUT:
                    self.pgconn.consume_input()
                    self._overheard = True
        except psycopg.Error as error:
            raise translate(error, self.side) from error

    def result(self) -> PGresult | None:
        """The next result, None after the last one.

        :raises ServerError: the result is an error.
        """
        self._overheard = False
        asked = time.monotonic()
        try:
            while self.pgconn.is_busy():
                self._readable.poll(TICK * 1000)
                # By the clock: notices without end are no answer either.
                if time.monotonic() - asked >= TICK:
                    self._pace.waiting(self.side)
                    asked = time.monotonic()
                self.pgconn.consume_input()
            result = self.pgconn.get_result()
        except psycopg.Error as error:
            raise translate(error, self.side) from error
        if result is not None and result.status in _FAILED:
            raise translate(error_from_result(result), self.side)
        return result

    def expect(self, status: ExecStatus) -> PGresult:
        """The next result, which must have that status."""
        result = self.result()
        if result is None or result.status != status:
            found = "nothing" if result is None else ExecStatus(result.status).name
            raise ServerError(
                f"The {self.side} server answered {found} where {status.name} was expected.",
                "Report this with the server's version.",
                side=self.side,
            )
        return result

    def wait_readable(self) -> None:
        """Wait until something can be read, or a tick."""
        if not self._readable.poll(TICK * 1000):
            self._pace.waiting(self.side)

    @property
    def has_spoken(self) -> bool:
        """Whether the server has said something since its last result."""
        return self._overheard or bool(self._readable.poll(0))
