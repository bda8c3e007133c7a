from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azext_dms_pg.errors import ProtocolError
from azext_dms_pg.postgres.frames import error_fields, frame_at, marker, query
from tests.support import wire


@given(kind=st.integers(0, 255), payload=st.binary(max_size=300), before=st.binary(max_size=9))
def test_a_whole_message_is_found_wherever_it_starts(
    kind: int, payload: bytes, before: bytes
) -> None:
    buffer = before + wire.message(bytes([kind]), payload)
    frame = frame_at(buffer, len(before), len(buffer))
    assert frame is not None
    assert (frame.kind, buffer[frame.start : frame.end]) == (kind, payload)
    assert frame_at(buffer, len(before), len(buffer) - 1) is None


@pytest.mark.parametrize("length", [b"\0\0\0\0", b"\0\0\0\x03", b"\xff\xff\xff\xff", b"\0\x20\0\0"])
def test_an_absurd_length_is_refused_at_once(length: bytes) -> None:
    with pytest.raises(ProtocolError):
        frame_at(b"C" + length, 0, 5)


@given(st.binary(max_size=200))
def test_error_fields_never_fail(payload: bytes) -> None:
    error_fields(payload)


def test_error_fields() -> None:
    payload = wire.error("53100", "no space left")[5:]
    assert error_fields(payload) == {
        "S": "ERROR",
        "V": "ERROR",
        "C": "53100",
        "M": "no space left",
    }


def test_a_query_ends_in_one_nul() -> None:
    assert query(b"SELECT 1") == b"Q\0\0\0\x0dSELECT 1\0"
    with pytest.raises(ProtocolError):
        query(b"SELECT '\0'")


def test_the_marker_answers_with_its_nonce() -> None:
    statement, answer = marker("0123abcd")
    assert b"'0123abcd'" in statement
    assert answer.count(b"0123abcd") == 1
    assert answer.endswith(wire.complete("SELECT 1"))
