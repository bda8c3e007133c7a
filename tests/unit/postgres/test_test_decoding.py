"""test_decoding's text: what the plugin would print is understood to the letter."""

from __future__ import annotations

import struct
import time
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from azext_dms_pg.errors import ProtocolError
from azext_dms_pg.postgres.changes import NULL, UNCHANGED
from azext_dms_pg.postgres.relations import Name
from azext_dms_pg.postgres.test_decoding import TextChange, TextColumn, parse

names = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20
)
values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
TYPES = (
    "integer",
    "character varying",
    "timestamp without time zone",
    "integer[]",
    '"odd ]: ""type"""',
    'public."a.b"[]',
    "bit varying",
    '"char"',
)


def field(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">I", len(raw)) + raw


def quoted(name: str) -> str:
    if name.isascii() and name.isalpha() and name.islower():
        return name
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


columns = st.lists(
    st.tuples(names, st.sampled_from(TYPES), st.one_of(st.none(), values)), min_size=1, max_size=5
)


def printed(row: list[tuple[str, str, str | None]]) -> str:
    return "".join(
        f" {quoted(name)}[{type_}]:{'null' if value is None else literal(value)}"
        for name, type_, value in row
    )


def read(row: list[tuple[str, str, str | None]]) -> list[TextColumn]:
    return [
        TextColumn(name, type_, NULL if value is None else field(value))
        for name, type_, value in row
    ]


@given(names, names, columns, columns)
def test_rows(
    schema: str,
    table: str,
    old: list[tuple[str, str, str | None]],
    new: list[tuple[str, str, str | None]],
) -> None:
    head = f"table {quoted(schema)}.{quoted(table)}:"
    name = Name(schema, table)
    for line, expected in (
        (f"{head} INSERT:{printed(new)}", ("INSERT", None, read(new))),
        (f"{head} UPDATE:{printed(new)}", ("UPDATE", None, read(new))),
        (
            f"{head} UPDATE: old-key:{printed(old)} new-tuple:{printed(new)}",
            ("UPDATE", read(old), read(new)),
        ),
        (f"{head} DELETE:{printed(old)}", ("DELETE", read(old), None)),
        (f"{head} DELETE: (no-tuple-data)", ("DELETE", None, None)),
    ):
        change = parse(line.encode(), 0)
        assert isinstance(change, TextChange)
        assert (change.operation, change.old, change.new) == expected
        assert change.relation == name


def only(text: str) -> bytes:
    change = parse(f"table public.t: INSERT: a[text]:{text}".encode(), 0)
    assert isinstance(change, TextChange)
    assert change.new is not None
    return change.new[0].field


def test_values() -> None:
    assert only("null") == NULL
    assert only("'null'") == field("null")
    assert only("unchanged-toast-datum") == UNCHANGED
    assert only("'unchanged-toast-datum'") == field("unchanged-toast-datum")
    assert only("''") == field("")
    assert only("'it''s'") == field("it's")
    assert only("-1.5") == field("-1.5")
    assert only("NaN") == field("NaN")
    assert only("B'0101'") == field("0101")
    assert only("true") == field("true")
    assert only("'a\nb c[text]:1'") == field("a\nb c[text]:1")


@given(st.lists(st.tuples(names, names), min_size=1, max_size=4))
def test_truncate(tables: list[tuple[str, str]]) -> None:
    listed = ", ".join(f"{quoted(schema)}.{quoted(name)}" for schema, name in tables)
    for words, cascade, restart in (
        ("(no-flags)", False, False),
        ("restart_seqs", False, True),
        ("restart_seqs cascade", True, True),
    ):
        found = parse(f"table {listed}: TRUNCATE: {words}".encode(), 0)
        assert found == (tuple(Name(*table) for table in tables), cascade, restart)


def test_transaction() -> None:
    assert parse(b"BEGIN 1234", 5) == (0, 0, 1234)
    assert parse(b"COMMIT 1234", 5) == (5, 0)
    line = b"COMMIT 1234 (at 2000-01-01 00:00:01.5+00)"
    assert parse(line, 5) == (5, 946_684_801_500_000)
    line = b"message: transactional: 1 prefix: dms_pg, sz: 5 content:a, sz"
    assert parse(line, 5) == (True, b"dms_pg", b"a, sz")


_PIECES = [b"dms_pg", b", sz: ", b"1", b"23", b" content:", b"a", b"\xe9", b"\n", b"message: "]
pieces = st.lists(st.sampled_from(_PIECES), max_size=8).map(b"".join)


@given(st.booleans(), pieces, pieces)
@example(True, b"a, sz: 1 content:", b"hello")
@example(False, b"dms_pg, sz: 1 content:", b", sz: 0 content:")
@example(True, "pr\xe9fixe".encode("latin1"), "\xe9".encode("latin1"))
def test_messages_of_anybody(transactional: bool, prefix: bytes, content: bytes) -> None:
    """Any prefix, any content: read without complaint, and ours is known for what it is."""
    head = b"message: transactional: %d prefix: " % transactional
    found = parse(head + prefix + b", sz: %d content:" % len(content) + content, 0)
    assert found[0] is transactional
    ours = parse(head + b"dms_pg, sz: %d content:" % len(content) + content, 0)
    assert ours == (transactional, b"dms_pg", content)
    if b", sz: " not in prefix + content:
        assert found == (transactional, prefix, content)


@settings(max_examples=2000)
@given(
    st.one_of(
        st.binary(max_size=100),
        st.lists(
            st.sampled_from(
                [b"table ", b"public.t", b": ", b"INSERT:", b"UPDATE:", b" old-key:", b" a", b"[",
                 b"text", b"]:", b"'x'", b"'", b'"', b"null", b" new-tuple:", b"B'", b"\xff",
                 b"COMMIT 1", b" (at 2000-13-01 00:00:01+00)", b"TRUNCATE:", b"BEGIN 1"]
            ),
            max_size=12,
        ).map(b"".join),
    )
)  # fmt: skip
@example(b"")
def test_malformed_is_refused_and_nothing_else(data: bytes) -> None:
    with suppress(ProtocolError):
        parse(data, 0)


@pytest.mark.parametrize(
    "data",
    [
        b'table a.b: INSERT: x["' + b'""' * 200_000,
        b"table a.b: INSERT: x[" + b"y]" * 200_000,
        b'table "' + b'""' * 200_000,
        b"table a.b: INSERT: x[text]:'" + b"''" * 200_000,
        b"table " + b"a.b, " * 100_000,
        b"message: transactional: 1 prefix: " + b", sz: 1 content:" * 100_000,
    ],
)
def test_no_message_takes_for_ever(data: bytes) -> None:
    """A parser that backtracks would need more than the age of the universe."""
    began = time.process_time()
    with pytest.raises(ProtocolError):
        parse(data, 0)
    assert time.process_time() - began < 20
