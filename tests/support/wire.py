"""Server messages for tests that play the server themselves."""

from __future__ import annotations

import struct

COPY_OUT = b"H\0\0\0\x09\0\0\x01\0\0"
COPY_IN = b"G\0\0\0\x09\0\0\x01\0\0"
COPY_DONE = b"c\0\0\0\x04"
READY = b"Z\0\0\0\x05T"
READY_FAILED = b"Z\0\0\0\x05E"


def message(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack("!I", len(payload) + 4) + payload


def data(*rows: bytes) -> bytes:
    return b"".join(message(b"d", row) for row in rows)


def complete(tag: str) -> bytes:
    return message(b"C", tag.encode() + b"\0")


def error(sqlstate: str, text: str) -> bytes:
    fields = f"SERROR\0VERROR\0C{sqlstate}\0M{text}\0\0"
    return message(b"E", fields.encode())


def parameter(name: str, value: str) -> bytes:
    return message(b"S", f"{name}\0{value}\0".encode())


def section(rows: list[bytes], answer: bytes, count: int | None = None) -> bytes:
    """What a server answers to one COPY TO STDOUT and its marker."""
    number = len(rows) if count is None else count
    return COPY_OUT + data(*rows) + COPY_DONE + complete(f"COPY {number}") + answer
