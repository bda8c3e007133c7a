"""Messages of the frontend/backend protocol 3.0, as far as moving COPY data needs them.

Layout, from the PostgreSQL documentation ("Message Formats"), integers big-endian:

    message          byte1 type, int32 length (counts itself, not the type), payload
    Q  Query         text, NUL
    H  CopyOut       int8 format, int16 n, n int16          (G CopyIn: the same)
    d  CopyData      bytes                                   (the same in both directions)
    c  CopyDone      nothing                                 (the same in both directions)
    C  Complete      tag, NUL                                ("COPY 42")
    T  RowDescription, D DataRow: see ``marker``
    E  Error, N Notice   (byte1 field, text, NUL)…, NUL
    S  ParameterStatus   name, NUL, value, NUL
    Z  ReadyForQuery byte1 status: I idle, T in a transaction, E in a failed one

Pure: bytes in, values out. Knows no socket and no COPY.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from azext_dms_pg.errors import ProtocolError

COPY_DONE = b"c\x00\x00\x00\x04"
ERROR = ord("E")
# Asynchronous messages a server may send at any message boundary.
ASYNCHRONOUS = frozenset(b"NSA")
_HEADER = struct.Struct("!cI")
_SHORTEST = 4
# No message but data is anywhere near this long; an absurd length is not worth waiting for.
_LONGEST = 1 << 20
LONGEST_DATA = 1 << 30
"""What PostgreSQL's own buffers can hold."""


@dataclass(frozen=True)
class Frame:
    """One message within a buffer: ``payload`` starts at ``start``, the next message at ``end``."""

    kind: int
    start: int
    end: int


def frame_at(
    buffer: bytes | bytearray, at: int, filled: int, longest: int = _LONGEST
) -> Frame | None:
    """The message that starts at ``at``, or None while it is incomplete.

    :param longest: a length that cannot be; of messages that are not data by default.
    :raises ProtocolError: the length cannot be right.
    """
    if filled - at < _HEADER.size:
        return None
    _, length = _HEADER.unpack_from(buffer, at)
    if not _SHORTEST <= length <= longest:
        raise ProtocolError(
            f"A server sent a message of {length} bytes where at most {longest} were expected.",
            "Check what stands between this machine and the server: a proxy may mangle the stream.",
        )
    end = at + 1 + length
    return Frame(buffer[at], at + _HEADER.size, end) if end <= filled else None


def query(text: bytes) -> bytes:
    """A Query message. ``text`` must hold no NUL byte."""
    if b"\0" in text:
        raise ProtocolError("A statement holds a NUL byte, which no server accepts.")
    return b"Q" + struct.pack("!I", len(text) + 5) + text + b"\0"


def copy_data(content: bytes) -> bytes:
    """A CopyData message."""
    return _message(b"d", content)


def error_fields(payload: bytes) -> dict[str, str]:
    """Fields of an ErrorResponse by letter: S severity, C SQLSTATE, M message, W context."""
    fields = {}
    for item in payload.split(b"\0"):
        if item:
            fields[chr(item[0])] = item[1:].decode("utf-8", "replace")
    return fields


def marker(nonce: str) -> tuple[bytes, bytes]:
    """A statement that answers with the nonce, and every byte the server will answer with.

    The RowDescription is predictable because name and type are given: one column ``n`` that
    belongs to no table (0, 0), type text (OID 25, length -1), no modifier (-1), text format (0).
    """
    value = nonce.encode("ascii")
    described = struct.pack("!H", 1) + b"n\0" + struct.pack("!IHIhih", 0, 0, 25, -1, -1, 0)
    row = struct.pack("!HI", 1, len(value)) + value
    answer = _message(b"T", described) + _message(b"D", row) + _message(b"C", b"SELECT 1\0")
    return b"SELECT '" + value + b"'::pg_catalog.text AS n", answer


def _message(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack("!I", len(payload) + 4) + payload
