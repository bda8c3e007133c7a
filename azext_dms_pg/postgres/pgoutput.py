"""Decoder of the pgoutput plugin's messages, protocol version 1. Pure: bytes in, values out.

Source: PostgreSQL documentation, "Logical Replication Message Formats". Integers are big-endian,
times in microseconds since 2000-01-01 UTC, strings end in NUL.

    Begin     'B'  int64 final LSN  int64 commit time  int32 xid
    Commit    'C'  int8 flags  int64 commit LSN  int64 end LSN  int64 commit time
    Origin    'O'  int64 LSN  string name
    Relation  'R'  int32 OID  string namespace (empty: pg_catalog)  string name  int8 identity
                   int16 n  n x (int8 flags, 1 = identity  string name  int32 type  int32 modifier)
    Type      'Y'  int32 OID  string namespace  string name
    Insert    'I'  int32 OID  'N' tuple
    Update    'U'  int32 OID  ['K' tuple | 'O' tuple]  'N' tuple
    Delete    'D'  int32 OID  'K' tuple | 'O' tuple
    Truncate  'T'  int32 n  int8 options (1 CASCADE, 2 RESTART IDENTITY)  n x int32 OID
    Message   'M'  int8 flags (1 = transactional)  int64 LSN  string prefix  int32 n  n bytes

Tuples are read by ``tuples.py``. Whatever is malformed raises ``ProtocolError``; no length is
believed before the bytes it promises are seen to be there.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from azext_dms_pg.errors import ProtocolError
from azext_dms_pg.postgres.changes import (
    Fields,
    LogicalMessage,
    StreamColumn,
    StreamRelation,
    Truncate,
    TypeNote,
)
from azext_dms_pg.postgres.relations import Name, ReplicaIdentity
from azext_dms_pg.postgres.tuples import TupleReader, broken
from azext_dms_pg.postgres.walsender import EPOCH

INSERT, UPDATE, DELETE = 0x49, 0x55, 0x44
BEGIN, COMMIT, RELATION, ORIGIN, TYPE, TRUNCATE, MESSAGE = b"BCROYTM"

_BEGIN = struct.Struct(">qqI")
_COMMIT = struct.Struct(">Bqqq")
_COLUMN_END = struct.Struct(">Ii")
_MESSAGE_HEAD = struct.Struct(">Bq")
_OID = struct.Struct(">I")
_COUNT = struct.Struct(">H")
KEY, OLD, NEW = b"KON"


class RowChange(NamedTuple):
    """An Insert, Update or Delete with its tuples.

    :param operation: ``INSERT``, ``UPDATE`` or ``DELETE``.
    :param old_is_key: the old tuple holds the replica identity's columns only.
    """

    operation: int
    old_is_key: bool
    old: Fields | None
    new: Fields | None


def oid_of(data: bytes, at: int) -> int:
    """The relation of the row change whose message begins at ``at``."""
    try:
        return int(_OID.unpack_from(data, at + 1)[0])
    except struct.error:
        raise broken(data) from None


def row_change(data: bytes, at: int, reader: TupleReader) -> RowChange:
    """Decode an Insert, Update or Delete that begins at ``at``.

    :raises ProtocolError: malformed.
    """
    if len(data) < at + 6:
        raise broken(data)
    operation, mark = data[at], data[at + 5]
    position = at + 6
    old: Fields | None = None
    new: Fields | None = None
    is_key = mark == KEY
    if mark in (KEY, OLD) and operation != INSERT:
        old, position = reader.read(data, position)
        if operation == UPDATE:
            if position >= len(data):
                raise broken(data)
            mark = data[position]
            position += 1
    if operation != DELETE:
        if mark != NEW:
            raise broken(data)
        new, position = reader.read(data, position)
    elif old is None:
        raise broken(data)
    if position != len(data):
        raise broken(data)
    return RowChange(operation, is_key, old, new)


def begin(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """The fields of a ``Begin`` from the message that begins at ``at`` and ends at ``end``.

    Every transaction has one: making the object itself would cost more than reading it.
    """
    if end != at + 1 + _BEGIN.size:
        raise broken(data[at:end])
    final, time, xid = _BEGIN.unpack_from(data, at + 1)
    return final, time + EPOCH, xid


def commit(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The fields of a ``Commit`` likewise."""
    if end != at + 1 + _COMMIT.size:
        raise broken(data[at:end])
    _, _, end_lsn, time = _COMMIT.unpack_from(data, at + 1)
    if end_lsn < 0:
        raise broken(data[at:end])
    return end_lsn, time + EPOCH


def relation(data: bytes, at: int = 0) -> StreamRelation:
    oid = oid_of(data, at)
    schema, at = _string(data, at + 5)
    name, at = _string(data, at)
    try:
        identity = ReplicaIdentity(data[at : at + 1].decode("ascii"))
    except (UnicodeDecodeError, ValueError):
        raise broken(data) from None
    (count,) = _unpack(_COUNT, data, at + 1)
    at += 3
    columns = []
    for _ in range(count):
        if at >= len(data):
            raise broken(data)
        flags = data[at]
        column, at = _string(data, at + 1)
        type_oid, modifier = _unpack(_COLUMN_END, data, at)
        at += _COLUMN_END.size
        columns.append(StreamColumn(column, type_oid, modifier, "", bool(flags & 1)))
    if at != len(data):
        raise broken(data)
    return StreamRelation(oid, Name(schema or "pg_catalog", name), identity, tuple(columns))


def type_note(data: bytes, at: int = 0) -> TypeNote:
    oid = oid_of(data, at)
    schema, at = _string(data, at + 5)
    name, at = _string(data, at)
    if at != len(data):
        raise broken(data)
    return TypeNote(oid, Name(schema or "pg_catalog", name))


def truncate(data: bytes, at: int = 0) -> Truncate:
    count = oid_of(data, at)
    if len(data) != at + 6 + 4 * count:
        raise broken(data)
    options = data[at + 5]
    oids = struct.unpack_from(f">{count}I", data, at + 6)
    return Truncate(oids, bool(options & 1), bool(options & 2))


def message(data: bytes, at: int = 0) -> LogicalMessage:
    flags, _ = _unpack(_MESSAGE_HEAD, data, at + 1)
    prefix, at = _raw_string(data, at + 1 + _MESSAGE_HEAD.size)
    (length,) = _unpack(_OID, data, at)
    content = data[at + 4 : at + 4 + length]
    if len(content) != length or len(data) != at + 4 + length:
        raise broken(data)
    return LogicalMessage(bool(flags & 1), prefix, content)


def unexpected(data: bytes, at: int) -> ProtocolError:
    """For a message of a kind that version 1 of the protocol does not have."""
    return ProtocolError(
        f"The source sent a pgoutput message of unknown kind {data[at : at + 1]!r}.",
        "Report this with the server's version.",
    )


def _unpack(layout: struct.Struct, data: bytes, at: int) -> tuple[int, ...]:
    try:
        return layout.unpack_from(data, at)
    except struct.error:
        raise broken(data) from None


def _string(data: bytes, at: int) -> tuple[str, int]:
    raw, at = _raw_string(data, at)
    try:
        return raw.decode(), at
    except UnicodeDecodeError:
        raise broken(data) from None


def _raw_string(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.find(b"\0", at)
    if end < 0 or at > len(data):
        raise broken(data)
    return data[at:end], end + 1
