"""A walsender's stream beneath libpq; the test plays the server, as badly as servers can behave."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from azext_dms_pg.errors import Interrupted, ProtocolError, ServerError
from azext_dms_pg.postgres import walsender
from azext_dms_pg.postgres.channel import _Plain
from azext_dms_pg.postgres.copy_both import Beneath
from azext_dms_pg.postgres.follow import ReplicationStream
from tests.support import wire

BEGUN = wire.message(b"W", b"\0\0\0")
KEEPALIVE = b"k" + struct.pack(">qqB", 7, 0, 1)
ROW = b"w" + bytes(24) + b"I and so on"


class Pace:
    """Stops after some ticks in which no answer came."""

    left = 3

    def moved(self, size: int) -> None: ...

    def waiting(self, side: str) -> None:
        self.left -= 1
        if not self.left:
            raise Interrupted(side)


class Held:
    """The connection of a stream, as far as the stream has to do with it."""

    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def server(pair: tuple[socket.socket, socket.socket]) -> socket.socket:
    return pair[1]


@pytest.fixture
def beneath(pair: tuple[socket.socket, socket.socket]) -> Iterator[Beneath]:
    opened = Beneath(_Plain(pair[0].fileno()), "source")
    yield opened
    opened.close()


@pytest.fixture
def stream(beneath: Beneath) -> ReplicationStream:
    connection: Any = Held()
    return ReplicationStream(beneath, connection)


def test_what_comes_with_the_answer_is_not_lost(server: socket.socket, beneath: Beneath) -> None:
    server.sendall(wire.parameter("a", "b") + BEGUN + wire.data(ROW))
    beneath.start(b"START_REPLICATION", Pace())
    assert server.recv(100) == wire.message(b"Q", b"START_REPLICATION\0")
    assert beneath.read(1) == wire.data(ROW)
    server.sendall(wire.data(KEEPALIVE)[:3])
    assert beneath.read(1) == wire.data(KEEPALIVE)[:3]
    assert beneath.read(0) == b""


def test_a_refusal(server: socket.socket, beneath: Beneath) -> None:
    server.sendall(wire.error("55006", 'replication slot "s" is active for PID 7'))
    with pytest.raises(ServerError, match="is active for PID 7") as caught:
        beneath.start(b"START_REPLICATION", Pace())
    assert (caught.value.sqlstate, caught.value.side) == ("55006", "source")


def test_no_answer(beneath: Beneath) -> None:
    with pytest.raises(Interrupted):
        beneath.start(b"START_REPLICATION", Pace())


@pytest.fixture
def chatter(server: socket.socket) -> Iterator[None]:
    """Notices for as long as somebody listens."""

    def talk() -> None:
        with suppress(OSError):
            while not over.is_set():
                server.sendall(wire.message(b"N", b"SNOTICE\0C00000\0Mhello\0\0") * 1000)

    over = threading.Event()
    server.settimeout(1)
    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.usefixtures("chatter")
def test_notices_without_end(beneath: Beneath) -> None:
    with pytest.raises(Interrupted):
        beneath.start(b"START_REPLICATION", Pace())


@pytest.mark.parametrize("answer", [b"", b"W\0\0", b"d\0\0"])
def test_an_end_before_the_beginning(
    server: socket.socket, beneath: Beneath, answer: bytes
) -> None:
    server.sendall(answer)
    server.shutdown(socket.SHUT_WR)
    with pytest.raises(ServerError, match="closed the connection") as caught:
        beneath.start(b"START_REPLICATION", Pace())
    assert caught.value.retryable


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\r\n", b"W\xff\xff\xff\xff" + bytes(9)])
def test_another_protocol(server: socket.socket, beneath: Beneath, answer: bytes) -> None:
    server.sendall(answer)
    with pytest.raises(ProtocolError, match="were expected"):
        beneath.start(b"START_REPLICATION", Pace())


def test_any_other_answer(server: socket.socket, beneath: Beneath) -> None:
    server.sendall(wire.COPY_OUT)
    with pytest.raises(ProtocolError, match="'H', not with a stream"):
        beneath.start(b"START_REPLICATION", Pace())


def test_a_message_in_pieces(server: socket.socket, stream: ReplicationStream) -> None:
    """However it is cut, it is handed out whole, and once."""
    large = b"w" + bytes(24) + b"x" * 300_000
    whole = wire.data(ROW, KEEPALIVE, large, ROW)
    server.setblocking(True)
    found: list[bytes] = []
    for cut in range(0, len(whole), 9_999):
        server.sendall(whole[cut : cut + 9_999])
        found += _taken(stream)
    assert found == [ROW, KEEPALIVE, large, ROW]


def _taken(stream: ReplicationStream) -> Iterator[bytes]:
    data, at = stream.read(1), 0
    while at < len(data):
        if (found := walsender.xlog_data(data, at)) is not None:
            frame, at = found
            yield frame
            continue
        after, keepalive = stream.apart(data, at)
        if after == at:
            return
        if keepalive is not None:
            yield KEEPALIVE
        at = after


@pytest.mark.parametrize("length", [0, 3, (1 << 30) + 1, (1 << 32) - 1])
def test_absurd_lengths(server: socket.socket, stream: ReplicationStream, length: int) -> None:
    server.sendall(b"d" + struct.pack(">I", length) + b"?")
    with pytest.raises(ProtocolError):
        stream.apart(stream.read(1), 0)


@pytest.mark.parametrize("content", [b"", b"?", b"k", ROW[:20], KEEPALIVE + b"!"])
def test_frames_that_are_none(
    server: socket.socket, stream: ReplicationStream, content: bytes
) -> None:
    server.sendall(wire.data(content))
    with pytest.raises(ProtocolError):
        stream.apart(stream.read(1), 0)


def test_the_source_says_why_it_ends(server: socket.socket, stream: ReplicationStream) -> None:
    server.sendall(wire.parameter("a", "b") + wire.error("57P01", "terminating"))
    server.shutdown(socket.SHUT_RDWR)
    data = stream.read(1)
    at, keepalive = stream.apart(data, 0)
    assert keepalive is None
    with pytest.raises(ServerError, match="terminating") as caught:
        stream.apart(data, at)
    assert caught.value.retryable
    with pytest.raises(ServerError, match="closed the connection"):
        stream.read(1)


def test_the_source_ends_in_order(server: socket.socket, stream: ReplicationStream) -> None:
    server.sendall(wire.COPY_DONE)
    with pytest.raises(ServerError, match="ended the change stream"):
        stream.apart(stream.read(1), 0)


def test_a_source_that_does_not_listen(server: socket.socket, stream: ReplicationStream) -> None:
    """What waits to be taken is finished before anything new is said."""
    for told in range(100_000):
        stream.report(told, told)
    heard = b""
    server.settimeout(0.1)
    for _ in range(1000):
        try:
            heard += server.recv(1 << 20)
        except TimeoutError:
            break
        stream.report(100_000, 100_000)
    sizes = {struct.unpack_from(">I", heard, at + 1)[0] for at in range(0, len(heard) - 38, 39)}
    assert (sizes, len(heard) % 39) == ({38}, 0)
    assert struct.unpack_from(">q", heard, len(heard) - 33) == (100_000,)


def test_closing_closes_the_connection(stream: ReplicationStream) -> None:
    stream.close()
    assert stream._connection.closed is True
