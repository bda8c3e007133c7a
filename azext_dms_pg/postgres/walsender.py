"""Frames inside COPY_BOTH between a walsender and its client. Pure: bytes in, values out.

Source: PostgreSQL documentation, "Streaming Replication Protocol". All integers big-endian, times
in microseconds since 2000-01-01 UTC.

    XLogData        'w'  int64 start LSN  int64 end of WAL  int64 server time  plugin's bytes
    keepalive       'k'  int64 end of WAL  int64 server time  byte 1 = reply at once
    status update   'r'  int64 written  int64 flushed  int64 applied  int64 time  byte 1 = answer
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from azext_dms_pg.errors import ProtocolError

XLOG_DATA = 0x77
KEEPALIVE = 0x6B
# Where the output plugin's own bytes begin.
PAYLOAD = 25

EPOCH = 946_684_800_000_000
"""2000-01-01 in microseconds since 1970."""

_XLOG_DATA = struct.Struct(">xqqq")
_KEEPALIVE = struct.Struct(">xqqB")
_STATUS = struct.Struct(">cqqqqB")
_MAX_LSN = (1 << 63) - 1
_kind = itemgetter(slice(0, 1))


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


def runs(frames: Sequence[bytes]) -> Iterator[tuple[bool, list[bytes]]]:
    """Neighbours of one kind: True and frames with plugin's bytes, or False and keepalives.

    :raises ProtocolError: neither.
    """
    # Most often all are of one kind, and then there is no need to go through them.
    together = len(set(map(_kind, frames))) == 1
    for kind, group in [(frames[0][:1], frames)] if together else groupby(frames, _kind):
        run = list(group)
        data = kind == b"w"
        if not data and kind != b"k":
            raise unexpected(run[0])
        if data and min(map(len, run)) <= PAYLOAD:
            raise _broken(min(run, key=len))
        yield data, run


def header(frame: bytes) -> Header:
    """:raises ProtocolError: too short."""
    try:
        start, wal_end, sent = _XLOG_DATA.unpack_from(frame)
    except struct.error:
        raise _broken(frame) from None
    return Header(start, wal_end, sent + EPOCH)


def keepalive(frame: bytes) -> Keepalive:
    """:raises ProtocolError: not exactly a keepalive."""
    if len(frame) != _KEEPALIVE.size:
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


def unexpected(frame: bytes) -> ProtocolError:
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
