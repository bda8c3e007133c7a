"""Reading a logical slot: START_REPLICATION, frames in, status updates out.

Owns one walsender connection, used by one thread. Never waits longer than it is told to, so that
whoever drives it can keep telling the source that we live (hazard 10). Knows no plugin.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from psycopg import sql

from azext_dms_pg.postgres import walsender
from azext_dms_pg.postgres.checkpoint import format_lsn
from azext_dms_pg.postgres.connect import connect_replication
from azext_dms_pg.postgres.copy_both import copy_both, ended
from azext_dms_pg.postgres.frames import ASYNCHRONOUS, ERROR, LONGEST_DATA, frame_at
from azext_dms_pg.postgres.sqlstate import reported

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.copy_both import CopyBoth
    from azext_dms_pg.postgres.transfer import Pace

# A walsender sends every message by itself. Being woken for each of them costs both sides more
# than the work; with a low-water mark the kernel wakes us for 64 kB, or we look after a tick.
# Measured: 8.3 s to receive 584,000 TPC-B changes without, 3.6 s with it.
_LOW_WATER = 65536
# Where the source is near, a small window makes its kernel gather messages instead of sending each
# by itself, which took the walsender up to three times as long for the same stream. Bytes; at the
# longest round trip that counts as near (microseconds) it still lets 400 MB a second through.
_NEAR_WINDOW = 131072
_NEAR = 300
# struct tcp_info in linux/tcp.h: eight bytes of flags, and tcpi_rtt is the sixteenth number.
_ROUND_TRIP = struct.Struct("=68xI")


def start_replication(
    source: Connection, slot: str, start: int, options: Mapping[str, str], pace: Pace
) -> ReplicationStream:
    """Connect and begin to stream.

    :param start: commits before this position are not sent again.
    :raises ServerError: refused, or the connection was lost.
    :raises Interrupted: as the pace wished.
    """
    connection = connect_replication(source, purpose="stream")
    try:
        wire = copy_both(connection, "source")
        command = sql.SQL("START_REPLICATION SLOT {} LOGICAL {} ({})").format(
            sql.Identifier(slot),
            sql.SQL(format_lsn(start)),  # hexadecimal digits and a slash
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(name), sql.Literal(value))
                for name, value in options.items()
            ),
        )
        wire.start(command.as_bytes(connection), pace)
    except BaseException:
        connection.close()
        raise
    _wake_rarely(connection.pgconn.socket)
    return ReplicationStream(wire, connection)


class ReplicationStream:
    """An open stream of messages from one slot. Closes the connection in the end."""

    def __init__(self, wire: CopyBoth, connection: psycopg.Connection[Any]) -> None:
        self._wire = wire
        self._connection = connection
        self._pending = bytearray()
        self._needed = 0
        self.recent = 0
        """Bytes that came last time."""

    @property
    def pid(self) -> int:
        """The walsender's process."""
        return self._connection.info.backend_pid

    def read(self, seconds: float) -> bytes:
        """Messages that are there, or that come within ``seconds``; may be none.

        The last one may not be whole: then ``apart`` keeps it until it is.

        :raises ServerError: the stream has ended or the connection was lost.
        """
        came = self._wire.read(seconds)
        self.recent = len(came)
        if not self._pending:
            return came
        self._pending += came
        if len(self._pending) < self._needed:
            return b""
        data = bytes(self._pending)
        self._pending.clear()
        return data

    def apart(self, data: bytes, at: int) -> tuple[int, walsender.Keepalive | None]:
        """Take the message at ``at``, which holds no plugin's bytes or is not whole.

        :returns: where the next one begins, which is ``at`` when the rest of it is to come; and a
            keepalive if it was one.
        :raises ServerError: the source says that the stream has ended.
        :raises ProtocolError: it is malformed.
        """
        frame = frame_at(data, at, len(data), LONGEST_DATA)
        if frame is None:
            self._pending += data[at:]
            self._needed = walsender.size_at(data, at)
            return at, None
        payload = data[frame.start : frame.end]
        if frame.kind == walsender.COPY_DATA:
            return frame.end, walsender.keepalive(payload)
        if frame.kind in ASYNCHRONOUS:
            return frame.end, None
        if frame.kind == ERROR:
            raise reported(payload, "source", "sending changes")
        raise ended("source")

    def report(self, written: int, flushed: int, *, answer: bool = False) -> None:
        """Tell the source how far we are; gives up at once if it does not listen just now.

        :raises ServerError: the connection was lost.
        """
        self._wire.send(walsender.status(written, flushed, time.time_ns() // 1000, answer=answer))

    def close(self) -> None:
        self._wire.close()
        self._connection.close()


def _wake_rarely(descriptor: int) -> None:
    """Where a system has no such thing, every message is sent and wakes us, as always."""
    with suppress(OSError, AttributeError), socket.socket(fileno=os.dup(descriptor)) as wire:
        if _round_trip(wire) < _NEAR:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _NEAR_WINDOW)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, _LOW_WATER)


def _round_trip(wire: socket.socket) -> int:
    """Microseconds, as the kernel has measured them; 0 where it tells none (a Unix socket)."""
    if wire.family == socket.AF_UNIX:
        return 0
    told = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ROUND_TRIP.size)
    return int(_ROUND_TRIP.unpack(told)[0])
