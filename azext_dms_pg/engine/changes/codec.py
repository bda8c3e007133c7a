r"""Rows as COPY wants them, made from fields as the stream carries them. Pure.

Two forms. Binary: a field *is* a COPY BINARY field, so a row is a column count and the fields end
to end. Text: values escaped as COPY TEXT wants, a tab between, a newline after. Either way a row
can be cut into its values again, because neither a length nor a tab can be mistaken.

A key is its values end to end (with tabs between, as text): equal bytes, equal key.
"""

from __future__ import annotations

import re
from typing import Protocol

from azext_dms_pg.postgres.changes import NULL, UNCHANGED, Fields

_LENGTH = 4
_NULL_TEXT = b"\\N"
# No escaped value looks like this; an empty one is empty.
_UNCHANGED_TEXT = b"\\u"
_SPECIAL = re.compile(rb"[\\\t\n\r]")


class Codec(Protocol):
    """One of the two forms."""

    options: str
    """What COPY is told."""
    head: bytes
    tail: bytes
    unchanged: bytes
    """What ``values`` makes of a value that was not sent."""
    null: bytes

    def values(self, fields: Fields) -> list[bytes]:
        """The fields in this form."""
        ...

    def row(self, values: list[bytes]) -> bytes: ...

    def split(self, row: bytes) -> list[bytes]:
        """The values ``row`` was made of."""
        ...

    def key(self, values: list[bytes]) -> bytes: ...

    def key_row(self, key: bytes, count: int) -> bytes:
        """A row of the key's columns alone."""
        ...


class BinaryCodec:
    """COPY … (FORMAT binary); source: PostgreSQL documentation, COPY, "Binary Format"."""

    options = "FORMAT binary"
    head = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    tail = b"\xff\xff"
    unchanged = UNCHANGED
    null = NULL

    def values(self, fields: Fields) -> list[bytes]:
        return fields

    def row(self, values: list[bytes]) -> bytes:
        return len(values).to_bytes(2, "big") + b"".join(values)

    def split(self, row: bytes) -> list[bytes]:
        values, at = [], 2
        while at < len(row):
            head = row[at : at + _LENGTH]
            end = at + _LENGTH + (0 if head == NULL else int.from_bytes(head, "big"))
            values.append(row[at:end])
            at = end
        return values

    def key(self, values: list[bytes]) -> bytes:
        return b"".join(values)

    def key_row(self, key: bytes, count: int) -> bytes:
        return count.to_bytes(2, "big") + key


class TextCodec:
    """COPY … (FORMAT text): each value goes through its type's own input function."""

    options = "FORMAT text"
    head = b""
    tail = b""
    unchanged = _UNCHANGED_TEXT
    null = _NULL_TEXT

    def values(self, fields: Fields) -> list[bytes]:
        return [_escaped(field) for field in fields]

    def row(self, values: list[bytes]) -> bytes:
        return b"\t".join(values) + b"\n"

    def split(self, row: bytes) -> list[bytes]:
        return row[:-1].split(b"\t")

    def key(self, values: list[bytes]) -> bytes:
        return b"\t".join(values)

    def key_row(self, key: bytes, count: int) -> bytes:
        del count
        return key + b"\n"


def _escaped(field: bytes) -> bytes:
    if field == NULL:
        return _NULL_TEXT
    if field == UNCHANGED:
        return _UNCHANGED_TEXT
    value = field[_LENGTH:]
    if _SPECIAL.search(value) is None:
        return value
    return (
        value.replace(b"\\", b"\\\\")
        .replace(b"\t", b"\\t")
        .replace(b"\n", b"\\n")
        .replace(b"\r", b"\\r")
    )


BINARY: Codec = BinaryCodec()
TEXT: Codec = TextCodec()
