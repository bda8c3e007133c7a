"""What is fuzzed: each target takes bytes and may refuse them in the one way it is meant to.

Anything else that is raised, and whatever takes for ever, is a finding.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

from azext_dms_pg.cli import lenient
from azext_dms_pg.engine.faults import BinaryImpossibleError
from azext_dms_pg.engine.stream.feeds import Feed, PgoutputFeed, TextFeed
from azext_dms_pg.errors import MigrationError, ServerError
from azext_dms_pg.postgres import sieve, walsender
from azext_dms_pg.postgres.frames import copy_data
from tests.fuzz import stand

Target = Callable[[bytes], None]

_HEADER = b"w" + bytes(24)


def _message(content: bytes) -> bytes:
    return copy_data(_HEADER + content)


def _relation(*columns: tuple[bytes, int]) -> bytes:
    head = b"R" + stand.OID.to_bytes(4, "big") + b"public\0t\0d" + struct.pack(">H", len(columns))
    return head + b"".join(
        struct.pack(">B", name == b"id") + name + b"\0" + struct.pack(">Ii", oid, -1)
        for name, oid in columns
    )


_OID = stand.OID.to_bytes(4, "big")
_ROW = b"\0\2b\0\0\0\4\0\0\0\1b\0\0\0\3abc"
_DESCRIBED = _relation((b"id", stand.INT), (b"v", stand.TEXT))
_STREAM = (
    b"B" + struct.pack(">qqI", 100, 0, 7),
    _DESCRIBED,
    b"I" + _OID + b"N" + _ROW,
    b"U" + _OID + b"K\0\2b\0\0\0\4\0\0\0\1nN" + _ROW,
    b"U" + _OID + b"N\0\2b\0\0\0\4\0\0\0\1u",
    b"D" + _OID + b"K\0\2b\0\0\0\4\0\0\0\1n",
    b"T" + struct.pack(">IB", 1, 0) + _OID,
    b"M\1" + bytes(8) + b"dms_pg\0\0\0\0\3abc",
    b"C\0" + struct.pack(">qqq", 100, 110, 0),
)
_TEXT_STREAM = tuple(
    message.replace(b"b\0\0\0\4\0\0\0\1", b"t\0\0\0\0011").replace(b"b\0\0\0\3", b"t\0\0\0\3")
    for message in _STREAM
)
_LINES = (
    b"BEGIN 7",
    b"table public.t: INSERT: id[integer]:1 v[text]:'a''b'",
    b"table public.t: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2 v[text]:null",
    b"table public.t: UPDATE: id[integer]:2 v[text]:unchanged-toast-datum",
    b"table public.t: DELETE: id[integer]:2",
    b"table public.t: TRUNCATE: cascade",
    b"message: transactional: 1 prefix: dms_pg, sz: 3 content:abc",
    b"message: transactional: 0 prefix: \xe9, sz: 1 content:, sz: 5 content:hello",
    b"COMMIT 7 (at 2026-01-01 00:00:00.5+00)",
)


def _feed(make: Callable[[], Feed], beginning: tuple[bytes, ...]) -> Target:
    """Messages with a length of two bytes each, after a stream has begun as it should."""

    def run(data: bytes) -> None:
        feed = make()
        with suppress(MigrationError, BinaryImpossibleError):
            for message in beginning:
                feed.take(_message(message), 0)
            at = 0
            while at + 2 < len(data):
                size = int.from_bytes(data[at : at + 2], "big")
                message, at = data[at + 2 : at + 2 + size], at + 2 + size
                taken = _message(message)
                assert feed.take(taken, 0) in {0, len(taken)}

    return run


def _pgoutput(*, binary: bool) -> Target:
    return _feed(
        lambda: PgoutputFeed(
            stand.plan("pgoutput", binary=binary), stand.OneTable(binary=binary), stand.assembler()
        ),
        (_STREAM if binary else _TEXT_STREAM)[:3],
    )


def _test_decoding() -> Target:
    return _feed(
        lambda: TextFeed(
            stand.plan("test_decoding", binary=False),
            stand.OneTable(binary=False),
            stand.assembler(),
        ),
        _LINES[:1],
    )


def _walsender(data: bytes) -> None:
    at = 0
    with suppress(MigrationError):
        while (found := walsender.xlog_data(data, at)) is not None:
            frame, at = found
            walsender.header(frame)
        walsender.keepalive(data[at:])


def _sieve(data: bytes) -> None:
    """Every split of what a source answers to COPY and its marker."""
    cuts, rest = data[:4], data[4:]
    reader = sieve.Sieve([b"\x7fmarker"])
    buffer = bytearray()
    with suppress(MigrationError, ServerError):
        for cut in (*cuts, len(rest)):
            piece, rest = rest[:cut], rest[cut:]
            buffer += piece
            _, used = reader.take(buffer, len(buffer))
            del buffer[:used]


def _json(data: bytes) -> None:
    with suppress(lenient.LenientError):
        lenient.loads(data.decode("utf-8", "replace"))


TARGETS: dict[str, Target] = {
    "pgoutput": _pgoutput(binary=True),
    "pgoutput-text": _pgoutput(binary=False),
    "test_decoding": _test_decoding(),
    "walsender": _walsender,
    "sieve": _sieve,
    "json": _json,
}


def seeds(target: str) -> list[bytes]:
    """Inputs that are as they should be, for the fuzzer to start from."""
    if target == "json":
        return [b'{\'a\': [1, None, true,], "b": "\\u00e9"} // c', b"[{ \"name\": 'x' } ]"]
    if target == "walsender":
        return [_message(b"x") * 2 + b"k" + bytes(17), b"k" + bytes(17)]
    if target == "sieve":
        return [b"\5\5\5\5H\0\0\0\7\0\0\0" + b"d\0\0\0\x0crow 1\n\n\n" + b"\x7fmarker"]
    stream = {"pgoutput": _STREAM, "pgoutput-text": _TEXT_STREAM, "test_decoding": _LINES}[target]
    whole = b"".join(struct.pack(">H", len(each)) + each for each in stream)
    return [whole, *(struct.pack(">H", len(each)) + each for each in stream)]
