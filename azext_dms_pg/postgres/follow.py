"""Reading a logical slot: START_REPLICATION, frames in, status updates out.

Owns one walsender connection, used by one thread. Never waits longer than it is told to, so that
whoever drives it can keep telling the source that we live (hazard 10). Knows no plugin.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from azext_dms_pg.errors import ServerError
from azext_dms_pg.postgres.checkpoint import format_lsn
from azext_dms_pg.postgres.connect import connect, connect_replication
from azext_dms_pg.postgres.patient import Talk
from azext_dms_pg.postgres.sqlstate import translate
from azext_dms_pg.postgres.statements import statement
from azext_dms_pg.postgres.walsender import status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.transfer import Pace

# A walsender sends every message by itself. Being woken for each of them costs both sides more
# than the work; with a low-water mark the kernel wakes us for 64 kB, or we look after TICK.
# Measured: 8.3 s to receive 584,000 TPC-B changes without, 3.6 s with it.
_LOW_WATER = 65536
# Where the source is near, a small window makes its kernel gather messages instead of sending each
# by itself, which took the walsender up to three times as long for the same stream. Bytes; at the
# longest round trip that counts as near (microseconds) it still lets 400 MB a second through.
_NEAR_WINDOW = 131072
_NEAR = 300
# struct tcp_info in linux/tcp.h: eight bytes of flags, and tcpi_rtt is the sixteenth number.
_ROUND_TRIP = struct.Struct("=68xI")
_WORTH_READING_ON = 8192
_MESSAGES_SINCE = 90600
# Frames handed out at once: enough to make the call cheap, little enough to stay responsive.
_ROUND_BYTES = 1 << 20


class ReplicationStream:
    """An open stream of frames from one slot."""

    def __init__(
        self,
        source: Connection,
        slot: str,
        start: int,
        options: Mapping[str, str],
        pace: Pace,
    ) -> None:
        """Connect and start.

        :param start: commits before this position are not sent again.
        :raises ServerError: refused, or the connection was lost.
        """
        self._connection = connect_replication(source, purpose="stream")
        self._pgconn = self._connection.pgconn
        try:
            self._start(slot, start, options, pace)
        except BaseException:
            self.close()
            raise
        self._readable = select.poll()
        self._readable.register(self._pgconn.socket, select.POLLIN)
        self.recent = 0
        """Bytes in the frames handed out last."""
        self._unsent = False

    def _start(self, slot: str, start: int, options: Mapping[str, str], pace: Pace) -> None:
        command = sql.SQL("START_REPLICATION SLOT {} LOGICAL {} ({})").format(
            sql.Identifier(slot),
            sql.SQL(format_lsn(start)),  # hexadecimal digits and a slash
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(name), sql.Literal(value))
                for name, value in options.items()
            ),
        )
        talk = Talk(self._connection, "source", pace)
        talk.send(command.as_bytes(self._connection))
        talk.expect(ExecStatus.COPY_BOTH)
        # Where a system has no such thing, every message is sent and wakes us, as always.
        with (
            suppress(OSError, AttributeError),
            socket.socket(fileno=_duplicate(self._pgconn.socket)) as wire,
        ):
            if _round_trip(wire) < _NEAR:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _NEAR_WINDOW)
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, _LOW_WATER)

    @property
    def pid(self) -> int:
        """The walsender's process."""
        return self._pgconn.backend_pid

    def frames(self, seconds: float) -> list[bytes]:
        """The frames that are there, or that come within ``seconds``; may be none.

        :raises ServerError: the stream has ended or the connection was lost.
        """
        found: list[bytes] = []
        size = 0
        try:
            get, keep = self._pgconn.get_copy_data, found.append
            waited = False
            while size < _ROUND_BYTES:
                length, frame = get(1)
                if length > 0:
                    size += length
                    keep(bytes(frame))
                elif length < 0:
                    raise self._ended()
                elif found or waited:
                    break
                else:
                    waited = self._fill(seconds)
        except psycopg.Error as error:
            raise translate(error, "source", "receiving changes") from error
        self.recent = size
        return found

    def _fill(self, seconds: float) -> bool:
        """Read from the socket; True when the time was up before much came."""
        if self.recent >= _WORTH_READING_ON:
            self.recent = 0
            self._pgconn.consume_input()
            return False
        early = bool(self._readable.poll(seconds * 1000))
        # After the time is up there may be bytes below the low-water mark.
        self._pgconn.consume_input()
        return not early

    def report(self, written: int, flushed: int, *, answer: bool = False) -> None:
        """Tell the source how far we are; gives up at once if it does not listen just now.

        :raises ServerError: the connection was lost.
        """
        try:
            if not self._unsent:
                frame = status(written, flushed, time.time_ns() // 1000, answer=answer)
                self._pgconn.put_copy_data(frame)
            self._unsent = bool(self._pgconn.flush())
        except psycopg.Error as error:
            raise translate(error, "source", "acknowledging changes") from error

    def close(self) -> None:
        self._connection.close()

    def _ended(self) -> ServerError:
        result = self._pgconn.get_result()
        if result is not None and result.status == ExecStatus.FATAL_ERROR:
            return translate(error_from_result(result), "source", "sending changes")
        return ServerError(
            "The source ended the change stream.",
            "It is shutting down or was told to; the stream is opened again.",
            side="source",
            retryable=True,
        )


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


def _round_trip(wire: socket.socket) -> int:
    """Microseconds, as the kernel has measured them; 0 where it tells none (a Unix socket)."""
    if wire.family == socket.AF_UNIX:
        return 0
    told = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ROUND_TRIP.size)
    return int(_ROUND_TRIP.unpack(told)[0])


def _duplicate(descriptor: int) -> int:
    return os.dup(descriptor)
