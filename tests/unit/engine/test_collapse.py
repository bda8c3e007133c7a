"""The net effect of a batch is what its changes come to, whatever they are."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azext_dms_pg.engine.changes.codec import BINARY, TEXT, Codec
from azext_dms_pg.engine.changes.collapse import (
    InconsistentStreamError,
    KeyedDelta,
    NetEffect,
    WholeDelta,
)
from azext_dms_pg.postgres.changes import NULL, UNCHANGED

# A row is (key, toasted, plain); the table maps keys to the other two and to what the target
# alone knows of the row.
Row = tuple[bytes, bytes]
Table = dict[bytes, Row]


def field(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def encoded(codec: Codec, *values: bytes | None) -> list[bytes]:
    """Values in the codec's form; None is one that was not sent."""
    return codec.values([UNCHANGED if value is None else field(value) for value in values])


def applied(table: Table, net: NetEffect, codec: Codec) -> Table:
    """What a target would be after the net effect, every row accounted for."""
    after = dict(table)
    inserts = [codec.split(row) for row in net.inserts]
    for known, moves in net.moves.items():
        inserts += [overlaid([origin, *table[origin]], known, values) for origin, values in moves]
    assert len(set(net.deletes)) == len(net.deletes)
    for key in net.deletes:
        del after[key]
    changed: list[tuple[tuple[int, ...], list[bytes]]] = [
        ((0, 1, 2), codec.split(row)) for row in net.updates
    ]
    changed += [(known, values) for known, rows in net.partial.items() for values in rows]
    for known, values in changed:
        key = codec.key([values[known.index(0)]])
        _, toasted, plain = overlaid([key, *after[key]], known, values)
        after[key] = (toasted, plain)
    for key_value, toasted, plain in inserts:
        key = codec.key([key_value])
        assert key not in after
        after[key] = (toasted, plain)
    return after


def overlaid(row: list[bytes], known: tuple[int, ...], values: list[bytes]) -> list[bytes]:
    row = list(row)
    for at, value in zip(known, values, strict=True):
        row[at] = value
    return row


@settings(max_examples=500)
@given(st.data(), st.sampled_from([BINARY, TEXT]), st.booleans(), st.booleans())
def test_any_history(data: st.DataObject, codec: Codec, careful: bool, keep_rest: bool) -> None:
    keys = [b"a", b"b\t", b"c", b"d"]
    coded = {key: encoded(codec, key)[0] for key in keys}
    new_value = st.sampled_from([b"1", b"2\n", b"3\\", b"", b"\\N"])
    start = data.draw(st.sets(st.sampled_from(keys)))
    one, two = encoded(codec, b"one", b"two")
    before: Table = {codec.key([coded[key]]): (one, two) for key in start}
    now = dict(before)
    delta = KeyedDelta(codec, keep_rest=keep_rest)
    for _ in range(data.draw(st.integers(0, 12))):
        there = [key for key in keys if codec.key([coded[key]]) in now]
        gone = [key for key in keys if key not in there]
        choices = (["insert"] if gone else []) + (["update", "delete"] if there else [])
        choices += ["rekey"] if there and gone else []
        what = data.draw(st.sampled_from(choices))
        toasted, plain = data.draw(st.one_of(new_value, st.none())), data.draw(new_value)
        if what == "insert":
            key = data.draw(st.sampled_from(gone))
            values = encoded(codec, key, toasted or b"", plain)
            delta.insert(codec.key(values[:1]), codec.row(values))
            now[codec.key(values[:1])] = (values[1], values[2])
            continue
        key = data.draw(st.sampled_from(there))
        old = codec.key([coded[key]])
        if what == "delete":
            delta.delete(old)
            del now[old]
            continue
        known = now[old]
        new_key = data.draw(st.sampled_from(gone)) if what == "rekey" else key
        values = encoded(codec, new_key, toasted, plain)
        new = codec.key(values[:1])
        if what == "rekey":
            delta.change_key(old, new, values)
        elif codec.unchanged in values:
            delta.update_partly(old, b"", values)
        else:
            delta.update(old, codec.row(values))
        del now[old]
        kept = known[0] if values[1] == codec.unchanged else values[1]
        now[new] = (kept, values[2])
    assert applied(before, delta.net(careful=careful), codec) == now


@given(st.lists(st.tuples(st.sampled_from("iud"), st.sampled_from([b"x", b"y", b"z"]))))
def test_without_a_key_rows_are_counted(changes: list[tuple[str, bytes]]) -> None:
    delta, expected = WholeDelta(), {b"x": 0, b"y": 0, b"z": 0}
    for operation, row in changes:
        if operation == "i":
            delta.insert(b"", row)
            expected[row] += 1
        elif operation == "d":
            delta.delete(row)
            expected[row] -= 1
        else:
            delta.update(row, b"x")
            expected[row] -= 1
            expected[b"x"] += 1
    assert delta.rows == {row: count for row, count in expected.items() if count}


def test_impossible_histories_are_refused() -> None:
    row = BINARY.row(encoded(BINARY, b"a", b"1", b"2"))
    key = BINARY.key(encoded(BINARY, b"a"))
    other = BINARY.key(encoded(BINARY, b"b"))
    values = encoded(BINARY, b"b", b"1", b"2")
    twice = KeyedDelta(BINARY)
    twice.insert(key, row)
    with pytest.raises(InconsistentStreamError):
        twice.insert(key, row)
    gone = KeyedDelta(BINARY)
    gone.delete(key)
    with pytest.raises(InconsistentStreamError):
        gone.delete(key)
    with pytest.raises(InconsistentStreamError):
        gone.update(key, row)
    with pytest.raises(InconsistentStreamError):
        gone.update_partly(key, b"", values)
    with pytest.raises(InconsistentStreamError):
        gone.change_key(key, other, values)
    taken = KeyedDelta(BINARY)
    taken.update(other, row)
    with pytest.raises(InconsistentStreamError):
        taken.change_key(key, other, values)


cells = st.one_of(st.binary(max_size=50).filter(lambda value: b"\0" not in value), st.none())


@given(st.lists(cells, min_size=1, max_size=6), st.sampled_from([BINARY, TEXT]))
def test_rows_can_be_cut_again(row: list[bytes | None], codec: Codec) -> None:
    coded = codec.values([NULL if value is None else field(value) for value in row])
    assert codec.split(codec.row(coded)) == coded
    assert codec.unchanged not in coded
