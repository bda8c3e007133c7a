r"""Parser of the test_decoding plugin's text. Pure: bytes in, values out.

For sources before 10 and for roles that may not create a publication. Source:
contrib/test_decoding/test_decoding.c of 9.5 to 18, with include-xids, include-timestamp, and
skip-empty-xacts off.

    BEGIN 1234
    table public."Odd name": INSERT: id[integer]:1 note[character varying]:'it''s' gone[text]:null
    table public.t: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2 b[bytea]:'\x00'
    table public.t: UPDATE: id[integer]:2 doc[text]:unchanged-toast-datum
    table public.t: DELETE: id[integer]:2
    table public.t: DELETE: (no-tuple-data)
    table public.t, public.u: TRUNCATE: restart_seqs cascade
    message: transactional: 1 prefix: dms_pg, sz: 3 content:abc
    COMMIT 1234 (at 2026-11-23 10:42:36.123456+00)

Numbers, NULL, booleans and ``unchanged-toast-datum`` stand bare, bit strings as B'…', everything
else in quotes with quotes doubled and nothing else escaped: only the bare token means unchanged
TOAST (hazard 1). NULLs are left out of old keys.
"""

from __future__ import annotations

import re
import struct
from datetime import datetime, timezone
from typing import NamedTuple

from azext_dms_pg.errors import ProtocolError
from azext_dms_pg.postgres.changes import (
    NULL,
    UNCHANGED,
    Begin,
    Commit,
    LogicalMessage,
    Truncate,
)
from azext_dms_pg.postgres.relations import Name

_IDENTIFIER = rb'"[^"]*(?:""[^"]*)*"|[^\s".,:\[\]]+'
_QUALIFIED = re.compile(rb"(" + _IDENTIFIER + rb")\.(" + _IDENTIFIER + rb")")
# A type may be qualified and quoted, and end in [] itself; "]:" outside quotes ends it. No two
# ways to match the same text, so a malformed message cannot make this backtrack for ever.
_COLUMN = re.compile(rb" (" + _IDENTIFIER + rb')\[([^"\]]*(?:(?:"[^"]*"|\](?!:))[^"\]]*)*)\]:')
_BARE = re.compile(rb"[^\s']+")
_BEGIN = re.compile(rb"BEGIN (\d{1,10})")
_COMMIT = re.compile(rb"COMMIT (?:\d{1,10})(?: \(at (\d+)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)"
                     rb"(?:\.(\d{1,6}))?\+00\))?")  # fmt: skip
_MESSAGE = re.compile(rb"message: transactional: ([01]) prefix: ")
_SIZE = re.compile(rb", sz: (\d{1,10}) content:")
_TABLE, _NO_TUPLE = b"table ", b" (no-tuple-data)"
_OLD_KEY, _NEW_TUPLE = b" old-key:", b" new-tuple:"


class TextColumn(NamedTuple):
    """One printed column; the field as in ``changes.py``."""

    name: str
    type_name: str
    field: bytes


class TextChange(NamedTuple):
    """An INSERT, UPDATE or DELETE; ``old`` is None where the stream is silent."""

    operation: str
    relation: Name
    old: list[TextColumn] | None
    new: list[TextColumn] | None


Event = Begin | Commit | TextChange | Truncate | LogicalMessage


def parse(data: bytes, end_lsn: int) -> Event:
    """Parse one message; ``end_lsn`` is the position its frame carried.

    :raises ProtocolError: malformed.
    """
    if data.startswith(_TABLE):
        return _table(data)
    if data.startswith(b"BEGIN"):
        found = _BEGIN.fullmatch(data)
        if found is None:
            raise _broken(data)
        return Begin(0, 0, int(found[1]))
    if data.startswith(b"COMMIT"):
        return _commit(data, end_lsn)
    if data.startswith(b"message:"):
        return _message(data)
    raise _broken(data)


def _commit(data: bytes, end_lsn: int) -> Commit:
    found = _COMMIT.fullmatch(data)
    if found is None:
        raise _broken(data)
    if found[1] is None:
        return Commit(end_lsn, 0)
    *parts, fraction = (group or b"" for group in found.groups())
    try:
        moment = datetime(*(int(part) for part in parts), tzinfo=timezone.utc)  # type: ignore[arg-type,misc]
    except (ValueError, OverflowError):
        raise _broken(data) from None
    return Commit(end_lsn, int(moment.timestamp()) * 1_000_000 + int(fraction.ljust(6, b"0")))


def _message(data: bytes) -> LogicalMessage:
    """Prefix and content are anybody's, in any encoding: only the size tells where one ends."""
    found = _MESSAGE.match(data)
    if found is None:
        raise _broken(data)
    for size in _SIZE.finditer(data, found.end()):
        if len(data) - size.end() == int(size[1]):
            prefix = data[found.end() : size.start()]
            return LogicalMessage(found[1] == b"1", prefix, data[size.end() :])
    raise _broken(data)


def _table(data: bytes) -> TextChange | Truncate:
    names = []
    at = len(_TABLE)
    while True:
        found = _QUALIFIED.match(data, at)
        if found is None:
            raise _broken(data)
        names.append(Name(_unquote(found[1], data), _unquote(found[2], data)))
        at = found.end()
        if not data.startswith(b", ", at):
            break
        at += 2
    for operation in ("INSERT", "UPDATE", "DELETE", "TRUNCATE"):
        head = f": {operation}:".encode()
        if data.startswith(head, at):
            at += len(head)
            break
    else:
        raise _broken(data)
    if operation == "TRUNCATE":
        words = data[at:].split()
        return Truncate(tuple(names), b"cascade" in words, b"restart_seqs" in words)
    if len(names) > 1:
        raise _broken(data)
    return _row(data, at, operation, names[0])


def _row(data: bytes, at: int, operation: str, relation: Name) -> TextChange:
    if data[at:] == _NO_TUPLE:
        return TextChange(operation, relation, None, None)
    old = None
    if operation == "UPDATE" and data.startswith(_OLD_KEY, at):
        old, at = _columns(data, at + len(_OLD_KEY))
        if not data.startswith(_NEW_TUPLE, at):
            raise _broken(data)
        at += len(_NEW_TUPLE)
        if data[at:] == _NO_TUPLE:
            return TextChange(operation, relation, old, None)
    columns, at = _columns(data, at)
    if at != len(data):
        raise _broken(data)
    if operation == "DELETE":
        return TextChange(operation, relation, columns, None)
    return TextChange(operation, relation, old, columns)


def _columns(data: bytes, at: int) -> tuple[list[TextColumn], int]:
    columns = []
    while found := _COLUMN.match(data, at):
        field, at = _value(data, found.end())
        columns.append(TextColumn(_unquote(found[1], data), _text(found[2], data), field))
    return columns, at


def _value(data: bytes, at: int) -> tuple[bytes, int]:
    if data.startswith(b"'", at):
        value, at = _quoted(data, at + 1)
    elif data.startswith(b"B'", at):
        value, at = _quoted(data, at + 2)
    else:
        found = _BARE.match(data, at)
        if found is None:
            raise _broken(data)
        value, at = found[0], found.end()
        if value == b"null":
            return NULL, at
        if value == b"unchanged-toast-datum":
            return UNCHANGED, at
    return struct.pack(">I", len(value)) + value, at


def _quoted(data: bytes, at: int) -> tuple[bytes, int]:
    """The text whose opening quote stands before ``at``, and where it ends."""
    end = at
    while True:
        end = data.find(b"'", end)
        if end < 0:
            raise _broken(data)
        if not data.startswith(b"''", end):
            return data[at:end].replace(b"''", b"'"), end + 1
        end += 2


def _unquote(name: bytes, data: bytes) -> str:
    if name.startswith(b'"'):
        name = name[1:-1].replace(b'""', b'"')
    return _text(name, data)


def _text(raw: bytes, data: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _broken(data) from None


def _broken(data: bytes) -> ProtocolError:
    return ProtocolError(
        f"The source sent a test_decoding message of {len(data)} bytes that is not understood "
        f"(it begins with {data[:5]!r}).",
        "Report this with the server's version.",
    )
