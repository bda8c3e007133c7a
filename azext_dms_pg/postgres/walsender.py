"""Frames inside COPY_BOTH between a walsender and its client. Pure: bytes in, values out.

Source: PostgreSQL documentation, "Streaming Replication Protocol". All integers big-endian, times
in microseconds since 2000-01-01 UTC. Every frame is the content of a CopyData message:

    CopyData        'd'  int32 length (counts itself)  frame

    XLogData        'w'  int64 start LSN  int64 end of WAL  int64 server time  plugin's bytes
    keepalive       'k'  int64 end of WAL  int64 server time  byte 1 = reply at once
    status update   'r'  int64 written  int64 flushed  int64 applied  int64 time  byte 1 = answer
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from azext_dms_pg.errors import ProtocolError

COPY_DATA = 0x64
XLOG_DATA = 0x77
KEEPALIVE = 0x6B
FRAME = 5
"""Where a frame begins in its CopyData message."""
PAYLOAD = 25
"""Where the output plugin's own bytes begin in its frame."""

EPOCH = 946_684_800_000_000
"""2000-01-01 in microseconds since 1970."""

_XLOG_DATA = struct.Struct(">xqqq")
_KEEPALIVE = struct.Struct(">xqqB")
_STATUS = struct.Struct(">cqqqqB")
_MAX_LSN = (1 << 63) - 1


class Header(NamedTuple):
    """Of an XLogData frame. For a logical slot both positions are the plugin's choice."""

    start: int
    wal_end: int
    server_time: int


class Keepalive(NamedTuple):
    """``wal_end``: everything before it has been decoded and, where it matters, sent."""

    wal_end: int
    server_time: int
    reply: bool


def xlog_data(data: bytes, at: int) -> tuple[bytes, int] | None:
    """The XLogData frame of the message at ``at``, and where that ends.

    None when the message is another one or not whole.

    :raises ProtocolError: the frame is too short.
    """
    if data[at + FRAME : at + FRAME + 1] != b"w" or data[at] != COPY_DATA:
        return None
    stop = at + size_at(data, at)
    if stop > len(data):
        return None
    return frame_of(data, at, stop), stop


def frame_of(data: bytes, at: int, stop: int) -> bytes:
    """The XLogData frame of the message from ``at`` to ``stop``.

    :raises ProtocolError: too short.
    """
    frame = data[at + FRAME : stop]
    if len(frame) <= PAYLOAD:
        raise _broken(frame)
    return frame


def size_at(data: bytes, at: int) -> int:
    """Bytes the whole message at ``at`` takes; 1 while that is not known yet."""
    return 1 + int.from_bytes(data[at + 1 : at + FRAME], "big") if len(data) >= at + FRAME else 1


def header(frame: bytes, at: int = 0) -> Header:
    """Of the frame at ``at``.

    :raises ProtocolError: too short.
    """
    try:
        start, wal_end, sent = _XLOG_DATA.unpack_from(frame, at)
    except struct.error:
        raise _broken(frame) from None
    return Header(start, wal_end, sent + EPOCH)


def keepalive(frame: bytes) -> Keepalive:
    """:raises ProtocolError: not exactly a keepalive."""
    if frame[:1] not in (b"w", b"k"):
        raise _unexpected(frame)
    if len(frame) != _KEEPALIVE.size or frame[0] != KEEPALIVE:
        raise _broken(frame)
    wal_end, sent, reply = _KEEPALIVE.unpack(frame)
    if wal_end < 0:
        raise _broken(frame)
    return Keepalive(wal_end, sent + EPOCH, reply != 0)


def status(written: int, flushed: int, now: int, *, answer: bool = False) -> bytes:
    """A status update; ``now`` in microseconds since 1970."""
    return _STATUS.pack(
        b"r",
        min(written, _MAX_LSN),
        min(flushed, _MAX_LSN),
        min(flushed, _MAX_LSN),
        now - EPOCH,
        1 if answer else 0,
    )


def _unexpected(frame: bytes) -> ProtocolError:
    """For a frame that is neither of the two."""
    return ProtocolError(
        f"The source sent a replication frame of an unknown kind ({frame[:1]!r}).",
        "See whether something between here and the source alters the connection.",
    )


def _broken(frame: bytes) -> ProtocolError:
    return ProtocolError(
        f"The source sent a replication frame of kind {frame[:1]!r} with {len(frame)} bytes, "
        "which is not its length.",
        "See whether something between here and the source alters the connection.",
    )
