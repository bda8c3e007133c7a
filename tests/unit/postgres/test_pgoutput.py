"""pgoutput's messages: what is built here by hand comes out as it was meant."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from azext_dms_pg.errors import ProtocolError
from azext_dms_pg.postgres import pgoutput, walsender
from azext_dms_pg.postgres.changes import NULL, UNCHANGED
from azext_dms_pg.postgres.relations import Name, ReplicaIdentity
from azext_dms_pg.postgres.tuples import TupleReader

Cell = bytes | None | str
"""A value, NULL, or ``u``."""

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=63)
cells = st.one_of(st.binary(max_size=40), st.none(), st.just("u"))
oids = st.integers(0, 2**32 - 1)


def wire(row: list[Cell], kind: bytes = b"b") -> bytes:
    parts = [struct.pack(">H", len(row))]
    for cell in row:
        if cell is None:
            parts.append(b"n")
        elif isinstance(cell, str):
            parts.append(b"u")
        else:
            parts.append(kind + struct.pack(">I", len(cell)) + cell)
    return b"".join(parts)


def fields(row: list[Cell]) -> list[bytes]:
    return [
        NULL if cell is None else UNCHANGED if isinstance(cell, str)
        else struct.pack(">I", len(cell)) + cell
        for cell in row
    ]  # fmt: skip


@given(oids, st.lists(cells, max_size=12), st.booleans(), st.integers(0, 30))
def test_insert(oid: int, row: list[Cell], binary: bool, before: int) -> None:
    reader = TupleReader(len(row), binary=binary)
    message = b"I" + struct.pack(">I", oid) + b"N" + wire(row, b"b" if binary else b"t")
    data = bytes(before) + message
    assert pgoutput.oid_of(data, before) == oid
    change = pgoutput.row_change(data, before, reader)
    assert (change.operation, change.old, change.new) == (pgoutput.INSERT, None, fields(row))


@given(st.lists(cells, min_size=1, max_size=5), st.lists(cells, min_size=1, max_size=5))
def test_update_and_delete(old: list[Cell], new: list[Cell]) -> None:
    new = (new * len(old))[: len(old)]
    reader = TupleReader(len(old), binary=True)
    for mark, is_key in ((b"K", True), (b"O", False)):
        update = b"U" + bytes(4) + mark + wire(old) + b"N" + wire(new)
        change = pgoutput.row_change(update, 0, reader)
        assert change == (pgoutput.UPDATE, is_key, fields(old), fields(new))
        delete = b"D" + bytes(4) + mark + wire(old)
        change = pgoutput.row_change(delete, 0, reader)
        assert change == (pgoutput.DELETE, is_key, fields(old), None)
    change = pgoutput.row_change(b"U" + bytes(4) + b"N" + wire(new), 0, reader)
    assert (change.old, change.new) == (None, fields(new))


@given(
    oids,
    texts,
    texts,
    st.sampled_from("dnfi"),
    st.lists(st.tuples(st.integers(0, 1), texts, oids, st.integers(-(2**31), 2**31 - 1))),
)
def test_relation(
    oid: int, schema: str, name: str, identity: str, columns: list[tuple[int, str, int, int]]
) -> None:
    data = b"R" + struct.pack(">I", oid) + schema.encode() + b"\0" + name.encode() + b"\0"
    data += identity.encode() + struct.pack(">H", len(columns))
    for flag, column, type_oid, modifier in columns:
        data += bytes([flag]) + column.encode() + b"\0" + struct.pack(">Ii", type_oid, modifier)
    found = pgoutput.relation(data)
    assert found.oid == oid
    assert found.name == Name(schema or "pg_catalog", name)
    assert found.identity is ReplicaIdentity(identity)
    assert [
        (each.identifies, each.name, each.type_oid, each.modifier) for each in found.columns
    ] == [(bool(flag), column, *rest) for flag, column, *rest in columns]


def test_transaction() -> None:
    begin = b"B" + struct.pack(">qqI", 77, 1_000_000, 9)
    assert pgoutput.begin(b"?" + begin + b"?", 1, 1 + len(begin)) == (
        77,
        walsender.EPOCH + 1_000_000,
        9,
    )
    commit = b"C" + struct.pack(">Bqqq", 0, 77, 99, 5)
    assert pgoutput.commit(b"?" + commit + b"?", 1, 1 + len(commit)) == (99, walsender.EPOCH + 5)


@given(st.lists(oids, max_size=6), st.booleans(), st.booleans())
def test_truncate(relations: list[int], cascade: bool, restart: bool) -> None:
    options = cascade * 1 + restart * 2
    data = b"T" + struct.pack(">IB", len(relations), options)
    data += b"".join(struct.pack(">I", oid) for oid in relations)
    assert pgoutput.truncate(data) == (tuple(relations), cascade, restart)


@given(st.booleans(), st.binary().map(lambda raw: raw.replace(b"\0", b"")), st.binary())
@example(True, "pr\xe9fixe".encode("latin1"), b"")
def test_message(transactional: bool, prefix: bytes, content: bytes) -> None:
    data = b"M" + struct.pack(">Bq", transactional, 5) + prefix + b"\0"
    data += struct.pack(">I", len(content)) + content
    assert pgoutput.message(data) == (transactional, prefix, content)


def test_type() -> None:
    data = b"Y" + struct.pack(">I", 70000) + b"public\0mood\0"
    assert pgoutput.type_note(data) == (70000, Name("public", "mood"))


def test_a_value_in_the_other_format_says_so() -> None:
    reader = TupleReader(1, binary=True)
    with pytest.raises(ProtocolError) as caught:
        reader.read(wire([b"x"], b"t"), 0)
    assert caught.value.code == "MixedFormats"


def _rows(data: bytes) -> None:
    for reader in (
        TupleReader(3, binary=False),
        TupleReader(3, binary=True),
        TupleReader(0, binary=True),
    ):
        pgoutput.row_change(data, 0, reader)


DECODERS: tuple[Callable[[bytes], object], ...] = (
    lambda data: pgoutput.begin(data, 0, len(data)),
    lambda data: pgoutput.commit(data, 0, len(data)),
    pgoutput.relation,
    pgoutput.type_note,
    pgoutput.truncate,
    pgoutput.message,
    _rows,
    walsender.header,
    walsender.keepalive,
)

WELL_FORMED = (
    b"I" + bytes(4) + b"N" + wire([b"1234", b"12345678", b"text"]),
    b"U" + bytes(4) + b"K" + wire([b"1234", None, None]) + b"N" + wire([b"1", b"2", "u"]),
    b"R" + bytes(4) + b"public\0t\0d\0\2\1id\0\0\0\0\x17\xff\xff\xff\xff\0b\0\0\0\0\x19\0\0\0\0",
    b"T\0\0\0\2\1" + bytes(8),
    b"M\1" + bytes(8) + b"dms_pg\0\0\0\0\3abc",
    b"Y" + bytes(4) + b"public\0mood\0",
)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A message with a piece cut out, changed or put in."""
    data = bytearray(draw(st.sampled_from(WELL_FORMED)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 5))] = draw(st.binary(max_size=5))
    return bytes(data)


@settings(max_examples=2000)
@given(st.one_of(st.binary(max_size=200), mangled()))
@example(b"")
@example(b"I\0\0\0\0N\0\3b\xff\xff\xff\xff")
@example(b"T\xff\xff\xff\xff\0")
@example(b"R\0\0\0\0a\0b\0d\xff\xff")
def test_malformed_is_refused_and_nothing_else(data: bytes) -> None:
    """No exception of another kind, and no allocation a length in the message asks for."""
    for decode in DECODERS:
        with suppress(ProtocolError):
            decode(data)
