"""Generated decoders say what the careful one says, or nothing."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azext_dms_pg.errors import ProtocolError
from azext_dms_pg.postgres.changes import NULL, UNCHANGED
from azext_dms_pg.postgres.rowcode import row_reader
from azext_dms_pg.postgres.tuples import TupleReader

AT = 31
FIRST = object()
WIDTHS = st.lists(st.sampled_from([1, 2, 4, 8, 16, -1]), max_size=8)


@st.composite
def tuples(draw: st.DrawFn) -> tuple[list[int], bytes]:
    """Widths of a table's columns, and a tuple that may keep to them."""
    widths = draw(WIDTHS)
    parts = [struct.pack(">H", len(widths))]
    for width in widths:
        value = draw(
            st.one_of(
                st.binary(min_size=max(width, 0), max_size=max(width, 0) or 30),
                st.sampled_from([b"n", b"u"]).map(lambda kind: (kind,)),
                st.binary(max_size=9),
            )
        )
        if isinstance(value, tuple):
            parts.append(value[0])
        else:
            parts.append(b"b" + struct.pack(">I", len(value)) + value)
    return widths, b"".join(parts)


def _read(
    widths: Sequence[int],
    picks: Sequence[int],
    key: Sequence[int],
    data: bytes,
) -> tuple[bytes, bytes] | None:
    """The tuple of a message that has others around it."""
    message = bytes(AT) + data
    around = b"b\0\0\0\4"
    start = len(around)
    whole = around + message + around
    found = row_reader(widths, picks, key, AT, FIRST)(whole, start, start + len(message))
    if found is None:
        return None
    first, *rest = found
    assert first is FIRST
    return rest[0], rest[1]


@given(tuples())
def test_plain_tuples_become_rows(made: tuple[list[int], bytes]) -> None:
    widths, data = made
    fields, end = TupleReader(len(widths), binary=True).read(data, 0)
    assert end == len(data)
    picks = [place for place in range(len(widths)) if place % 3 != 1]
    for key in ([], [0], [0, 1], [1]):
        if len(key) > len(picks) or (key and key[-1] >= len(picks)):
            continue
        found = _read(widths, picks, key, data)
        if UNCHANGED in fields:
            assert found is None
        elif found is not None:
            picked = [fields[place] for place in picks]
            row = struct.pack(">H", len(picked)) + b"".join(picked)
            assert found == (b"".join(picked[place] for place in key), row)
        else:
            # Left alone: only where a column is not as wide as its type, or NULL.
            assert any(
                width > 0 and len(field) != 4 + width
                for width, field in zip(widths, fields, strict=True)
            )


@given(WIDTHS, st.binary(max_size=200))
def test_noise_is_left_alone_or_was_sound(widths: list[int], data: bytes) -> None:
    found = _read(widths, range(len(widths)), [], data)
    if found is not None:
        fields, end = TupleReader(len(widths), binary=True).read(data, 0)
        assert (end, found[1][2:]) == (len(data), b"".join(fields))


@given(tuples(), st.data())
def test_a_cut_tuple_is_left_alone(made: tuple[list[int], bytes], data: st.DataObject) -> None:
    widths, whole = made
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert _read(widths, range(len(widths)), [], cut) is None
    with pytest.raises(ProtocolError):
        TupleReader(len(widths), binary=True).read(cut, 0)


def test_a_table_as_wide_as_they_get() -> None:
    widths = [8] * 1600
    data = struct.pack(">H", len(widths)) + (b"b" + struct.pack(">I", 8) + b"12345678") * 1600
    found = _read(widths, range(1600), [0], data)
    assert found is not None
    assert found[1].count(b"12345678") == 1600


def test_values_as_text_and_other_counts_are_left_alone() -> None:
    def read(data: bytes) -> tuple[Any, ...] | None:
        return _read([4, -1], [0, 1], [0], data)

    plain = b"\0\2b\0\0\0\4abcdb\0\0\0\1x"
    assert read(plain) == (b"\0\0\0\4abcd", b"\0\2\0\0\0\4abcd\0\0\0\1x")
    assert read(b"\0\2b\0\0\0\4abcdn") == (b"\0\0\0\4abcd", b"\0\2\0\0\0\4abcd" + NULL)
    assert read(plain.replace(b"b\0\0\0\1", b"t\0\0\0\1")) is None
    assert read(b"\0\1" + plain[2:]) is None
    assert read(plain + b"n") is None
    assert _read([], [], [], b"\0\0") == (b"", b"\0\0")
