"""The sieve against rows that look like protocol, cut anywhere."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azext_dms_pg.errors import DmsPgError, ServerError
from azext_dms_pg.postgres.frames import marker
from azext_dms_pg.postgres.sieve import HOLD, Sieve, SpliceDoubtError
from tests.support import wire

NONCES = ["00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100", "a" * 32]
ANSWERS = [marker(nonce)[1] for nonce in NONCES]
# What an adversary who knows the protocol, but not the nonce, would store in a row.
EVIL = [
    wire.COPY_DONE,
    wire.READY,
    wire.READY_FAILED,
    wire.COPY_DONE + wire.complete("COPY 7") + marker("b" * 32)[1] + wire.READY,
    wire.error("57P01", "terminating connection due to administrator command"),
    wire.message(b"Q", b"DROP TABLE x\0"),
    ANSWERS[0][:-20],
    b"\0" * 40,
    b"d\0\0\0\x04" * 10,
]
rows = st.lists(st.one_of(st.binary(max_size=80), st.sampled_from(EVIL)), max_size=40)


def sift(sieve: Sieve, stream: bytes, cuts: list[int]) -> bytes:
    """Feed the stream in pieces as ``splice.py`` does; what would go to the target."""
    out = bytearray()
    buffer = bytearray()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        buffer += stream[start:end]
        ranges, done = sieve.take(buffer, len(buffer))
        for first, last in ranges:
            out += buffer[first:last]
        del buffer[:done]
    return bytes(out)


@settings(max_examples=300)
@given(data=st.data(), tables=st.lists(rows, min_size=1, max_size=3))
def test_exactly_the_rows_get_through(data: st.DataObject, tables: list[list[bytes]]) -> None:
    answers = ANSWERS[: len(tables)]
    sections = [wire.section(*both) for both in zip(tables, answers, strict=True)]
    stream = b"".join(sections) + wire.READY
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    sieve = Sieve(answers)
    passed = sift(sieve, stream, cuts)
    assert passed == b"".join(wire.data(*table) + wire.COPY_DONE for table in tables)
    assert sieve.finished
    assert [count for count, _ in sieve.counts] == [len(table) for table in tables]
    assert sum(size for _, size in sieve.counts) == len(passed)


@given(data=st.data(), table=rows)
def test_nothing_past_the_rows_gets_through_however_it_ends(
    data: st.DataObject, table: list[bytes]
) -> None:
    """The source reports an error in the middle of the rows: the end is never recognised."""
    stream = wire.COPY_OUT + wire.data(*table) + wire.error("XX001", "bad page") + wire.READY_FAILED
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    sieve = Sieve(ANSWERS[:1])
    passed = sift(sieve, stream, cuts)
    assert wire.data(*table).startswith(passed)
    assert not sieve.finished
    assert sieve.looks_ended(bytearray(stream), len(stream))


@pytest.mark.parametrize("width", [1, 7, HOLD - 1, HOLD, HOLD + 1, 5000])
def test_what_is_held_back_is_never_less_than_the_trailer(width: int) -> None:
    stream = wire.section([b"x" * 20] * 500, ANSWERS[0]) + wire.READY
    sieve = Sieve(ANSWERS[:1])
    passed = sift(sieve, stream, list(range(width, len(stream), width)))
    assert passed == wire.data(*[b"x" * 20] * 500) + wire.COPY_DONE


def test_parameter_changes_between_sections_are_none_of_the_targets_business() -> None:
    noise = wire.parameter("TimeZone", "UTC")
    stream = noise + wire.section([b"a"], ANSWERS[0]) + noise
    stream += wire.section([b"b"], ANSWERS[1]) + noise + wire.READY
    sieve = Sieve(ANSWERS[:2])
    assert (
        sift(sieve, stream, [])
        == wire.data(b"a") + wire.COPY_DONE + wire.data(b"b") + wire.COPY_DONE
    )
    assert sieve.finished


def test_an_error_before_the_rows_is_reported_in_the_servers_words() -> None:
    sieve = Sieve(ANSWERS[:1])
    stream = wire.error("42501", "permission denied for table x") + wire.READY_FAILED
    with pytest.raises(ServerError, match="permission denied for table x") as caught:
        sift(sieve, stream, [])
    assert (caught.value.sqlstate, caught.value.side) == ("42501", "source")
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(wire.section([b"a"], ANSWERS[0]) + wire.READY_FAILED, id="failed"),
        pytest.param(wire.READY, id="no rows at all"),
        pytest.param(
            wire.COPY_OUT + wire.COPY_DONE + wire.complete("SELECT 5") + ANSWERS[0] + wire.READY,
            id="no count",
        ),
        pytest.param(
            wire.COPY_OUT + wire.complete("COPY 0") + ANSWERS[0] + wire.READY, id="not done"
        ),
        pytest.param(
            wire.section([], ANSWERS[0]) + wire.section([], ANSWERS[1]) + wire.READY,
            id="one table too many",
        ),
    ],
)
def test_anything_unexpected_is_a_doubt(stream: bytes) -> None:
    with pytest.raises(SpliceDoubtError) as caught:
        sift(Sieve(ANSWERS[:1]), stream, [])
    assert caught.value.retryable


@given(st.binary(max_size=4000), st.integers(1, 3))
def test_garbage_never_finishes(garbage: bytes, tables: int) -> None:
    sieve = Sieve(ANSWERS[:tables])
    with suppress(DmsPgError):
        sift(sieve, garbage, [])
    assert not sieve.finished
