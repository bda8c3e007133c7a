"""The byte stream beneath TLS: rows pass, and whatever breaks is an error, never an end of rows.

The servers are the test's own, so that a record can be cut, spoilt or withheld.
"""

from __future__ import annotations

import ctypes
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from azext_dms_pg.errors import Interrupted, ServerError
from azext_dms_pg.postgres import channel as channels
from azext_dms_pg.postgres import splice as splicing
from azext_dms_pg.postgres.channel import Channel, open_channel
from azext_dms_pg.postgres.frames import marker
from azext_dms_pg.postgres.sieve import SpliceDoubtError
from azext_dms_pg.postgres.transfer import Copy, Moved
from tests.support import wire
from tests.support.tls_peer import TlsPeer

NONCE = "0123456789abcdef0123456789abcdef"
ANSWER = marker(NONCE)[1]
COPIES = [Copy(b"COPY a TO STDOUT", b"COPY a FROM STDIN")]
ROWS = [b"row %d" % number * 10 for number in range(1000)]
WHOLE = wire.section(ROWS, ANSWER) + wire.READY
TAKEN = wire.COPY_IN + wire.complete("COPY 1000") + wire.READY

MakePeer = Callable[[], TlsPeer]


class Pace:
    """Ends the transfer after ten seconds of waiting."""

    def __init__(self) -> None:
        self.waits: list[str] = []

    def moved(self, size: int) -> None:
        """As fast as it will."""

    def waiting(self, side: str) -> None:
        self.waits.append(side)
        if len(self.waits) > 1000:
            raise Interrupted("enough")


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def version(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def make_peer(tmp_path: Path, version: ssl.TLSVersion) -> Iterator[MakePeer]:
    peers: list[TlsPeer] = []

    def make() -> TlsPeer:
        peers.append(TlsPeer(tmp_path, version))
        return peers[-1]

    yield make
    for peer in peers:
        peer.close()


@pytest.fixture
def source(make_peer: MakePeer) -> TlsPeer:
    return make_peer()


@pytest.fixture
def target(make_peer: MakePeer) -> TlsPeer:
    return make_peer()


@pytest.fixture(autouse=True)
def known_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: NONCE)
    monkeypatch.setattr(splicing, "TICK", 0.01)


def opened(peer: TlsPeer) -> Channel:
    channel = open_channel(peer.connection)
    assert isinstance(channel, channels._Encrypted)
    return channel


def splice(source: TlsPeer, target: TlsPeer) -> list[Moved]:
    return splicing.splice(opened(source), opened(target), COPIES, Pace())


def rows_heard(target: TlsPeer) -> bytes:
    heard = target.hears()
    return heard[1 + int.from_bytes(heard[1:5], "big") :]


def test_a_closed_channel_is_not_used(source: TlsPeer) -> None:
    channel = opened(source)
    channel.close()
    with pytest.raises(ConnectionError):
        channel.receive(memoryview(bytearray(10)))
    with pytest.raises(ConnectionError):
        channel.send(memoryview(b"x"))


def test_rows_arrive_and_nothing_else(source: TlsPeer, target: TlsPeer) -> None:
    source.send(source.seal(WHOLE))
    target.send(target.seal(TAKEN))
    assert splice(source, target) == [Moved(1000, len(wire.data(*ROWS)) + 5)]
    assert rows_heard(target) == wire.data(*ROWS) + wire.COPY_DONE


def test_libpq_goes_on_where_the_channel_stopped(source: TlsPeer, target: TlsPeer) -> None:
    source.send(source.seal(WHOLE))
    target.send(target.seal(TAKEN))
    splice(source, target)
    for peer in (source, target):
        peer.send(peer.seal(wire.complete("SET") + wire.READY))
        assert peer.connection.execute("SET a = 1").statusmessage == "SET"
    assert target.hears().endswith(b"SET a = 1\0")


def test_libpq_is_woken_by_every_byte_again(source: TlsPeer, target: TlsPeer) -> None:
    source.send(source.seal(WHOLE))
    target.send(target.seal(TAKEN))
    splice(source, target)
    with socket.socket(fileno=os.dup(source.connection.pgconn.socket)) as handle:
        assert handle.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


def test_records_that_come_in_single_bytes(source: TlsPeer, target: TlsPeer) -> None:
    sealed = source.seal(WHOLE)
    target.send(target.seal(TAKEN))

    def trickle() -> None:
        for at in range(0, len(sealed), 997):
            source.send(sealed[at : at + 997])

    sender = threading.Thread(target=trickle)
    sender.start()
    assert splice(source, target)[0].rows == 1000
    sender.join()


@pytest.mark.parametrize("keep", [0, 3, 5, 40, -1])
@pytest.mark.parametrize("orderly", [True, False], ids=["close_notify", "FIN"])
def test_a_session_that_ends_amid_the_rows(
    source: TlsPeer, target: TlsPeer, keep: int, orderly: bool
) -> None:
    """Behind whole records, within the header of one, within one."""
    source.send(source.seal(wire.COPY_OUT + wire.data(*ROWS)))
    last = source.seal(WHOLE[-200:])
    source.send(last[:keep])
    source.hang_up(orderly=orderly and keep == 0)
    target.send(target.seal(wire.COPY_IN))
    with pytest.raises(ServerError) as caught:
        splice(source, target)
    assert (caught.value.side, caught.value.retryable) == ("source", True)
    assert wire.COPY_DONE not in rows_heard(target)


@pytest.mark.parametrize("at", [1, 5, 30, -1])
def test_a_record_that_was_spoilt_on_the_way(source: TlsPeer, target: TlsPeer, at: int) -> None:
    sealed = bytearray(source.seal(wire.COPY_OUT + wire.data(*ROWS[:50])))
    sealed[at] ^= 0x41
    source.send(bytes(sealed))
    target.send(target.seal(wire.COPY_IN))
    with pytest.raises((ServerError, Interrupted)):
        splice(source, target)
    assert rows_heard(target) == b""


def test_an_error_in_the_middle_of_the_rows(source: TlsPeer, target: TlsPeer) -> None:
    source.send(
        source.seal(
            wire.COPY_OUT
            + wire.data(*ROWS)
            + wire.error("XX001", "invalid page in block 7")
            + wire.READY_FAILED
        )
    )
    target.send(target.seal(wire.COPY_IN))
    with pytest.raises(SpliceDoubtError):
        splice(source, target)
    assert wire.COPY_DONE not in rows_heard(target)


def test_last_words_before_the_session_ends(source: TlsPeer, target: TlsPeer) -> None:
    source.send(source.seal(wire.error("57P01", "terminating connection")))
    source.hang_up(orderly=True)
    target.send(target.seal(wire.COPY_IN))
    with pytest.raises(ServerError, match="terminating connection") as caught:
        splice(source, target)
    assert caught.value.retryable


@pytest.mark.parametrize("orderly", [True, False], ids=["close_notify", "FIN"])
def test_a_target_that_hangs_up(source: TlsPeer, target: TlsPeer, orderly: bool) -> None:
    source.send(source.seal(WHOLE))
    target.send(target.seal(wire.COPY_IN))
    target.hang_up(orderly=orderly)
    with pytest.raises(ServerError) as caught:
        splice(source, target)
    assert (caught.value.side, caught.value.retryable) == ("target", True)


def test_a_target_that_refuses(source: TlsPeer, target: TlsPeer) -> None:
    source.send(source.seal(WHOLE))
    target.send(target.seal(wire.COPY_IN + wire.error("53100", "No space left on device")))
    with pytest.raises(ServerError, match="No space left"):
        splice(source, target)


def test_a_target_that_reads_slowly_gets_every_byte_once(source: TlsPeer, target: TlsPeer) -> None:
    """A record the socket has no room for must be offered again as it was."""
    rows = [b"%d" % number * 200 for number in range(10_000)]
    stream = source.seal(wire.section(rows, ANSWER) + wire.READY)
    sender = threading.Thread(target=source.send, args=(stream,), daemon=True)
    sender.start()
    heard = bytearray()
    done = threading.Event()

    def read() -> None:
        while not done.wait(0.01) and not heard.endswith(wire.COPY_DONE):
            heard.extend(target.hears())
        target.send(target.seal(wire.COPY_IN + wire.complete("COPY 10000") + wire.READY))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert splice(source, target)[0].rows == 10_000
    finally:
        done.set()
        reader.join()
        sender.join()
    assert bytes(heard).endswith(wire.data(*rows) + wire.COPY_DONE)


def test_keys_change_amid_the_rows(source: TlsPeer, target: TlsPeer, version: Any) -> None:
    """TLS 1.3 lets either side change its keys at any record."""
    if version is not ssl.TLSVersion.TLSv1_3:
        pytest.skip("an invention of TLS 1.3")
    half = len(WHOLE) // 2
    source.send(source.seal(WHOLE[:half]))
    target.send(target.seal(wire.COPY_IN))
    for peer in (source, target):
        _change_keys(opened(peer))

    def answer() -> None:
        # What we write next carries our new keys, and the request for new ones of theirs.
        while not source.hears():
            pass
        source.send(source.seal(WHOLE[half:]))
        while not target.hears():
            pass
        target.send(target.seal(TAKEN[len(wire.COPY_IN) :]))

    peers = threading.Thread(target=answer, daemon=True)
    peers.start()
    assert splice(source, target)[0].rows == 1000
    peers.join()


def _change_keys(channel: Any) -> None:
    path = next(
        line.split()[-1]
        for line in Path("/proc/self/maps").read_text("utf-8").splitlines()
        if "libssl" in line and "psycopg" in line
    )
    assert ctypes.CDLL(path).SSL_key_update(ctypes.c_void_p(channel._session), 1) == 1


# -- where it must not be tried -------------------------------------------------------------


@pytest.fixture
def fresh() -> Iterator[None]:
    channels._libraries.cache_clear()
    yield
    channels._libraries.cache_clear()


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    "maps",
    [
        pytest.param("", id="libpq linked in"),
        pytest.param("7f r-xp /nowhere/libpq.so.5\n", id="libpq replaced on disk"),
        pytest.param("7f /a/libpq.so.5\n7f /b/libpq-1.so.5.17\n", id="two of them"),
        pytest.param("7f r-xp /lib/x86_64-linux-gnu/libpq.so.5.15\n", id="not the one loaded"),
    ],
)
def test_no_channel_without_certainty(
    source: TlsPeer, monkeypatch: pytest.MonkeyPatch, maps: str
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_: maps)
    assert open_channel(source.connection) is None


@pytest.mark.usefixtures("fresh")
def test_no_channel_where_the_program_brings_an_openssl_of_its_own(
    source: TlsPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = channels._address
    seen: list[Any] = []

    def address(function: Any) -> int | None:
        seen.append(function)
        return len(seen) if function.__name__ == "SSL_read" else real(function)

    monkeypatch.setattr(channels, "_address", address)
    assert open_channel(source.connection) is None


_WITH_SYSTEM_LIBPQ = """
import sys
from pathlib import Path
from ssl import TLSVersion
import psycopg
from azext_dms_pg.postgres.channel import open_channel
from tests.support.tls_peer import TlsPeer
assert psycopg.pq.__impl__ == "python"
peer = TlsPeer(Path(sys.argv[1]), TLSVersion.TLSv1_3)
channel = open_channel(peer.connection)
room = memoryview(bytearray(100))
try:
    channel.receive(room)
except BlockingIOError:
    pass
peer.send(peer.seal(b"hello"))
while True:
    try:
        assert bytes(room[: channel.receive(room)]) == b"hello"
        break
    except BlockingIOError:
        pass
assert channel.send(memoryview(b"you too")) == 7
while not (heard := peer.hears()):
    pass
assert heard == b"you too"
peer.close()
"""


def test_the_systems_libpq_with_the_systems_openssl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where psycopg comes without libraries of its own."""
    if not any(Path("/usr/lib").glob("*/libpq.so.5")):
        pytest.skip("no libpq is installed on this machine")
    monkeypatch.setenv("PSYCOPG_IMPL", "python")
    subprocess.run([sys.executable, "-c", _WITH_SYSTEM_LIBPQ, str(tmp_path)], check=True)
