"""Where the source's WAL ends, and what becomes of its walsender, asked beside the stream.

Owns one ordinary session, used by the thread that reads the stream; never waits for an answer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.sqlstate import translate
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from azext_dms_pg.model.connection import Connection

_MESSAGES_SINCE = 90600


class WalEnd:
    """Asks the source now and then where its WAL ends, without ever waiting for the answer.

    Can also make it write some, which no reader of the slot is told of.
    """

    def __init__(self, source: Connection) -> None:
        self._connection = connect(source, "source", "watch")
        version = self._connection.info.server_version
        self._query = statement("replication", "wal_end", version).encode()
        self._push = (
            statement("replication", "push", version).encode()
            if version >= _MESSAGES_SINCE
            else b""
        )
        self._walsender = statement("replication", "walsender", version)
        self._suspect = 0
        self._wanted = self._pushed = False
        self._connection.pgconn.nonblocking = 1
        self._asked: float | None = None
        self._last = 0.0
        self.known = 0
        """Where the WAL ended when last asked."""
        self.answered = time.monotonic()
        """When that was."""
        self.walsender: str | None = ""
        """What the suspected walsender waited for; None when the source knows it no more."""

    def suspect(self, pid: int) -> None:
        """With every question ask after that process, too; 0 to ask no more."""
        if self._suspect != pid:
            self._suspect, self.walsender = pid, ""

    def poll(self, every: float) -> bool:
        """Take the answer if there is one, ask again if it is time; True with a new answer.

        :raises ServerError: the connection was lost.
        """
        pgconn = self._connection.pgconn
        now = time.monotonic()
        try:
            if self._asked is not None:
                pgconn.consume_input()
                pgconn.flush()
                if not pgconn.is_busy():
                    return self._take(pgconn)
            elif now - self._last >= every:
                pgconn.send_query(self._question())
                self._pushed, self._wanted = self._wanted, False
                pgconn.flush()
                self._asked = self._last = now
        except psycopg.Error as error:
            raise translate(error, "source", "asking for its WAL position") from error
        return False

    def _question(self) -> bytes:
        if self._wanted:
            return self._push
        return self._walsender.format(pid=self._suspect).encode() if self._suspect else self._query

    def push(self) -> None:
        """With the next question, have the source write a page of WAL.

        A walsender that meets a record the source could not finish before it crashed may wait for
        WAL as far as the record would have gone (seen with 16.2); an idle source writes none.
        """
        self._wanted = self._push != b""

    def _take(self, pgconn: Any) -> bool:
        self._asked = None
        answered = False
        while (result := pgconn.get_result()) is not None:
            if result.status != ExecStatus.TUPLES_OK and self._pushed:
                # Somebody has taken the right away; then it is waited for.
                self._push = b""
                continue
            if result.status != ExecStatus.TUPLES_OK:
                raise translate(error_from_result(result), "source")
            self.known = int(result.get_value(0, 0) or 0)
            self.answered = time.monotonic()
            if result.nfields > 1:
                found = result.get_value(0, 1)
                self.walsender = None if found is None else found.decode()
            answered = True
        return answered

    def close(self) -> None:
        self._connection.close()
