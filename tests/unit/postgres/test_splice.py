"""The splice between two servers that the test plays itself, as badly as servers can behave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from azext_dms_pg.errors import Interrupted, ServerError
from azext_dms_pg.postgres import splice as splicing
from azext_dms_pg.postgres.channel import _Plain
from azext_dms_pg.postgres.frames import marker
from azext_dms_pg.postgres.sieve import SpliceDoubtError
from azext_dms_pg.postgres.transfer import Copy, Moved
from tests.support import wire

NONCE = "0123456789abcdef0123456789abcdef"
ANSWER = marker(NONCE)[1]
COPIES = [Copy(b"COPY a TO STDOUT", b"COPY a FROM STDIN")]
ROWS = [b"row %d" % number for number in range(1000)]


@dataclass
class Pace:
    """Counts; stops the transfer after so many ticks without progress."""

    ticks: int = 100
    size: int = 0
    waits: list[str] = field(default_factory=list)

    def moved(self, size: int) -> None:
        self.size += size

    def waiting(self, side: str) -> None:
        self.waits.append(side)
        if len(self.waits) > self.ticks:
            raise Interrupted("enough")


@dataclass
class Connection:
    """A connection whose server is the test."""

    ours: socket.socket
    theirs: socket.socket

    def hears(self) -> bytes:
        """Everything sent to this server so far, without the Query."""
        self.theirs.setblocking(False)
        heard = b""
        try:
            while piece := self.theirs.recv(1 << 20):
                heard += piece
        except BlockingIOError:
            pass
        return heard[1 + int.from_bytes(heard[1:5], "big") :]


@pytest.fixture
def source() -> Iterator[Connection]:
    yield from _connection()


@pytest.fixture
def target() -> Iterator[Connection]:
    yield from _connection()


def _connection() -> Iterator[Connection]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Connection(ours, theirs)


@pytest.fixture(autouse=True)
def known_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: NONCE)
    monkeypatch.setattr(splicing, "TICK", 0.01)


def splice(source: Connection, target: Connection, pace: Pace | None = None) -> list[Moved]:
    ours = _Plain(source.ours.fileno()), _Plain(target.ours.fileno())
    return splicing.splice(*ours, COPIES, pace or Pace())


GOOD_TARGET = wire.COPY_IN + wire.complete("COPY 1000") + wire.READY


def test_rows_arrive_and_nothing_else(source: Connection, target: Connection) -> None:
    source.theirs.sendall(wire.section(ROWS, ANSWER) + wire.READY)
    target.theirs.sendall(GOOD_TARGET)
    assert splice(source, target) == [Moved(1000, len(wire.data(*ROWS)) + 5)]
    assert target.hears() == wire.data(*ROWS) + wire.COPY_DONE


def test_notices_and_parameters_from_the_target_are_ignored(
    source: Connection, target: Connection
) -> None:
    source.theirs.sendall(wire.section(ROWS, ANSWER) + wire.READY)
    noise = wire.parameter("TimeZone", "UTC") + wire.message(b"N", b"SNOTICE\0\0")
    target.theirs.sendall(
        noise + wire.COPY_IN + noise + wire.complete("COPY 1000") + noise + wire.READY
    )
    assert splice(source, target)[0].rows == 1000


def test_a_source_that_counts_otherwise_is_a_doubt(source: Connection, target: Connection) -> None:
    source.theirs.sendall(wire.section(ROWS, ANSWER, count=999) + wire.READY)
    target.theirs.sendall(GOOD_TARGET)
    with pytest.raises(SpliceDoubtError, match="999"):
        splice(source, target)


def test_an_error_in_the_middle_of_the_rows_is_a_doubt(
    source: Connection, target: Connection
) -> None:
    source.theirs.sendall(
        wire.COPY_OUT
        + wire.data(*ROWS)
        + wire.error("XX001", "invalid page in block 7")
        + wire.READY_FAILED
    )
    target.theirs.sendall(wire.COPY_IN)
    with pytest.raises(SpliceDoubtError):
        splice(source, target)
    assert wire.COPY_DONE not in target.hears()


def test_rows_that_look_like_the_end_are_rows(source: Connection, target: Connection) -> None:
    """A slow source pauses exactly behind a row that ends like ReadyForQuery."""
    fake = wire.COPY_DONE + wire.complete("COPY 1") + marker("f" * 32)[1] + wire.READY
    first = wire.COPY_OUT + wire.data(*ROWS, fake)
    rest = wire.section([*ROWS, fake, b"last"], ANSWER)[len(first) :] + wire.READY
    source.theirs.sendall(first)
    later = threading.Timer(0.02, source.theirs.sendall, [rest])
    later.start()
    target.theirs.sendall(wire.COPY_IN + wire.complete("COPY 1002") + wire.READY)
    assert splice(source, target)[0].rows == 1002
    later.join()
    assert target.hears() == wire.data(*ROWS, fake, b"last") + wire.COPY_DONE


@pytest.mark.parametrize("sent", [b"", wire.COPY_OUT, wire.COPY_OUT + wire.data(*ROWS)])
def test_a_source_that_hangs_up_is_lost(
    source: Connection, target: Connection, sent: bytes
) -> None:
    source.theirs.sendall(sent)
    source.theirs.shutdown(socket.SHUT_WR)
    target.theirs.sendall(wire.COPY_IN)
    with pytest.raises(ServerError) as caught:
        splice(source, target)
    assert (caught.value.side, caught.value.retryable) == ("source", True)
    assert wire.COPY_DONE not in target.hears()


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_target_that_refuses_is_heard(source: Connection, target: Connection, size: int) -> None:
    sender = _in_background(source, wire.section([b"x" * 100] * size, ANSWER) + wire.READY)
    target.theirs.sendall(
        wire.COPY_IN + wire.error("53100", "could not extend file: No space left on device")
    )
    with pytest.raises(ServerError, match="No space left") as caught:
        splice(source, target)
    assert (caught.value.sqlstate, caught.value.retryable) == ("53100", True)
    source.theirs.shutdown(socket.SHUT_RDWR)
    sender.join()


def test_a_target_that_dies_is_lost(source: Connection, target: Connection) -> None:
    source.theirs.sendall(wire.section(ROWS, ANSWER) + wire.READY)
    target.theirs.close()
    with pytest.raises(ServerError) as caught:
        splice(source, target)
    assert (caught.value.side, caught.value.retryable) == ("target", True)


def test_a_failed_transaction_on_the_target_is_no_success(
    source: Connection, target: Connection
) -> None:
    source.theirs.sendall(wire.section(ROWS, ANSWER) + wire.READY)
    target.theirs.sendall(wire.COPY_IN + wire.complete("COPY 1000") + wire.READY_FAILED)
    with pytest.raises(SpliceDoubtError):
        splice(source, target)


@pytest.mark.parametrize(
    ("sent", "side"),
    [
        pytest.param(wire.COPY_OUT + wire.data(*ROWS), "source", id="source"),
        pytest.param(wire.section(ROWS, ANSWER) + wire.READY, "target", id="target"),
    ],
)
def test_whoever_is_silent_is_asked_about(
    source: Connection, target: Connection, sent: bytes, side: str
) -> None:
    source.theirs.sendall(sent)
    target.theirs.sendall(wire.COPY_IN)
    pace = Pace(ticks=20)
    with pytest.raises(Interrupted):
        splice(source, target, pace)
    assert set(pace.waits) == {side}


def test_a_target_that_reads_slowly_holds_the_source_back(
    source: Connection, target: Connection
) -> None:
    """Nothing piles up with us: what does not fit into the sockets stays at the source."""
    sender = _in_background(source, wire.section([b"x" * 1000] * 20_000, ANSWER) + wire.READY)
    pace = Pace(ticks=5)
    with pytest.raises(Interrupted):
        splice(source, target, pace)
    assert pace.size < 4 << 20
    assert sender.is_alive()
    source.theirs.shutdown(socket.SHUT_RDWR)
    sender.join()


def test_a_stop_ends_a_busy_transfer(source: Connection, target: Connection) -> None:
    class Stopped(Pace):
        def moved(self, size: int) -> None:
            raise Interrupted(f"stop after {size}")

    source.theirs.sendall(wire.section(ROWS, ANSWER))
    with pytest.raises(Interrupted):
        splice(source, target, Stopped())


def _in_background(source: Connection, stream: bytes) -> threading.Thread:
    def send() -> None:
        try:
            source.theirs.sendall(stream)
        except OSError:
            return

    thread = threading.Thread(target=send)
    thread.start()
    return thread
