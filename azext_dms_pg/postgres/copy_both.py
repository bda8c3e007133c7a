"""Two ways to talk to a walsender once it streams: beneath libpq, or through it.

Both hand out what came as whole bytes of the protocol, CopyData messages above all, without
taking it apart: libpq gives one message a call, which costs three times as much as the same
messages in one piece. Beneath it is the way; through it is for where ``channel.py`` finds none.

Owns the bytes on their way. Knows no replication.
"""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from azext_dms_pg.errors import ProtocolError, ServerError
from azext_dms_pg.postgres.channel import open_channel
from azext_dms_pg.postgres.frames import ASYNCHRONOUS, ERROR, copy_data, frame_at, query
from azext_dms_pg.postgres.patient import Talk
from azext_dms_pg.postgres.sqlstate import reported, translate
from azext_dms_pg.postgres.transfer import TICK, Pace, Side

if TYPE_CHECKING:
    from azext_dms_pg.postgres.channel import Channel

_BUFFER = 1 << 20
# After so many bytes there may well be more already, and no need to wait to be woken.
_MUCH = 131072
# After less, some more may gather for so long (seconds). A server that finds our window open sends
# every message by itself, which costs it three times as much as leaving them to its kernel; once
# it does, it is slower than we are, and would find the window open for ever.
_GATHER = 0.005
# The end of a burst is below the low-water mark and wakes nobody; so soon (seconds) and so often we
# look for it. Any sooner, and the window would be open.
_LOOK = 0.01
_LOOKS = 3
# libpq reads 16 kB at a time, so that much less says that there is more.
_LIBPQ_MUCH = 8192
_BEGUN = ord("W")


class CopyBoth(Protocol):
    """One connection, used by one thread.

    :raises ServerError: (all methods) the server refused, or the connection was lost.
    """

    def start(self, command: bytes, pace: Pace) -> None:
        """Run the statement that begins it.

        :raises Interrupted: as the pace wished.
        """

    def read(self, seconds: float) -> bytes:
        """What is there, or comes within ``seconds``: any bytes of the protocol, maybe none."""

    def send(self, content: bytes) -> None:
        """Send a CopyData message, unless one before it is still waiting to be taken."""

    def close(self) -> None: ...


def copy_both(connection: psycopg.Connection[Any], side: Side) -> CopyBoth:
    """The better way there is on this connection, which is idle."""
    channel = open_channel(connection)
    return Through(connection, side) if channel is None else Beneath(channel, side)


class Beneath:
    """On the byte stream itself. libpq must not be used meanwhile."""

    def __init__(self, channel: Channel, side: Side) -> None:
        self._channel = channel
        self._side: Side = side
        self._buffer = memoryview(bytearray(_BUFFER))
        self._rest = b""
        self._unsent = b""
        self._recent = self._looks = 0
        self._readable = select.poll()
        self._readable.register(channel, select.POLLIN)

    def start(self, command: bytes, pace: Pace) -> None:
        self._unsent = query(command)
        came = b""
        asked = time.monotonic()
        while True:
            self._flush()
            at = 0
            while (frame := frame_at(came, at, len(came))) is not None:
                payload, at = came[frame.start : frame.end], frame.end
                if frame.kind == _BEGUN:
                    self._rest = came[at:]
                    return
                if frame.kind == ERROR:
                    raise reported(payload, self._side, "beginning to stream")
                if frame.kind not in ASYNCHRONOUS:
                    raise ProtocolError(
                        f"The {self._side} answered {chr(frame.kind)!r}, not with a stream.",
                        "Report this with the server's version.",
                    )
            self._readable.poll(TICK * 1000)
            came = came[at:] + bytes(self._buffer[: self._drain()])
            # By the clock: notices without end are no answer either.
            if time.monotonic() - asked >= TICK:
                pace.waiting(self._side)
                asked = time.monotonic()

    def read(self, seconds: float) -> bytes:
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        if self._recent >= _MUCH:
            self._looks = _LOOKS
        else:
            self._readable.poll(1000 * (min(seconds, _LOOK) if self._looks else seconds))
            self._looks = max(self._looks - 1, 0)
            time.sleep(_GATHER)
        self._recent = self._drain()
        return bytes(self._buffer[: self._recent])

    def send(self, content: bytes) -> None:
        if not self._unsent:
            self._unsent = copy_data(content)
        self._flush()

    def close(self) -> None:
        self._channel.close()

    def _drain(self) -> int:
        """Fill the buffer with what is there; every piece makes room for the next one.

        What came before the end of the stream is handed out first: it may say why.
        """
        filled = 0
        try:
            while filled < _BUFFER:
                got = self._channel.receive(self._buffer[filled:])
                if not got:
                    break
                filled += got
        except BlockingIOError:
            return filled
        except OSError as error:
            if not filled:
                raise self._gone(str(error)) from error
        if not filled:
            raise self._gone("it closed the connection")
        return filled

    def _flush(self) -> None:
        """Send what can be sent at once."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self._channel.send(memoryview(self._unsent)) :]
        except BlockingIOError:
            return
        except OSError as error:
            raise self._gone(str(error)) from error

    def _gone(self, why: str) -> ServerError:
        return ServerError(
            f"The connection to the {self._side} server was lost: {why}.",
            f"See the {self._side} server's log; it is tried again.",
            side=self._side,
            retryable=True,
        )


class Through:
    """Message by message."""

    def __init__(self, connection: psycopg.Connection[Any], side: Side) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._side: Side = side
        self._unsent = False
        self._recent = 0
        self._readable = select.poll()
        self._readable.register(self._pgconn.socket, select.POLLIN)

    def start(self, command: bytes, pace: Pace) -> None:
        talk = Talk(self._connection, self._side, pace)
        talk.send(command)
        talk.expect(ExecStatus.COPY_BOTH)

    def read(self, seconds: float) -> bytes:
        try:
            found = self._held()
            if not found:
                if self._recent < _LIBPQ_MUCH:
                    self._readable.poll(seconds * 1000)
                self._pgconn.consume_input()
                found = self._held()
        except psycopg.Error as error:
            raise translate(error, self._side, "streaming") from error
        self._recent = len(found)
        return found

    def send(self, content: bytes) -> None:
        try:
            if not self._unsent:
                self._pgconn.put_copy_data(content)
            self._unsent = bool(self._pgconn.flush())
        except psycopg.Error as error:
            raise translate(error, self._side, "streaming") from error

    def close(self) -> None:
        """Nothing is held."""

    def _held(self) -> bytes:
        """Whole messages libpq has received already."""
        found: list[bytes] = []
        size = 0
        while size < _BUFFER:
            length, content = self._pgconn.get_copy_data(1)
            if length < 0:
                raise self._ended()
            if length == 0:
                break
            found.append(copy_data(bytes(content)))
            size += length
        return b"".join(found)

    def _ended(self) -> ServerError:
        result = self._pgconn.get_result()
        if result is not None and result.status == ExecStatus.FATAL_ERROR:
            return translate(error_from_result(result), self._side, "streaming")
        return ended(self._side)


def ended(side: Side) -> ServerError:
    """The server has said that nothing more will come."""
    return ServerError(
        f"The {side} ended the change stream.",
        "It is shutting down or was told to; the stream is opened again.",
        side=side,
        retryable=True,
    )
