"""A TCP proxy that can hurt: cut, stall, half-open, swallow the answer to COMMIT.

    with Proxy(server.host, server.port) as proxy:
        connect(host=proxy.host, port=proxy.port)
        proxy.cut()

Owns: bytes in flight and the faults done to them. Reads just enough of the frontend protocol
to see a COMMIT (simple and extended query); TLS hides that, so ``drop_commit_reply`` needs a
connection without it. Knows nothing of what the statements mean.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

CHUNK = 1 << 16


@dataclass
class _Link:
    """One client connection and its twin to the server."""

    client: socket.socket
    server: socket.socket
    swallow: bool = False
    dead: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self, *, reset: bool = False) -> None:
        with self.lock:
            if self.dead:
                return
            self.dead = True
            for end in (self.client, self.server):
                with contextlib.suppress(OSError):
                    if reset:  # RST instead of FIN
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                    end.close()


class Proxy:
    """Listens on a port of its own and forwards to ``host:port``."""

    host = "127.0.0.1"

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._links: list[_Link] = []
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = False
        self._drop_commits = 0
        self._deaf = False
        self._spoiling: tuple[bytes, bytes] | None = None
        self.spoiled = 0
        self._strike: Callable[[], None] | None = None
        self._before: tuple[bytes, Callable[[], object]] | None = None
        self._closed = False
        self.connections = 0
        self.dropped_commits = 0
        self._listener = socket.create_server((self.host, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True, name="proxy-accept").start()

    # -- faults ----------------------------------------------------------------------------

    def cut(self, *, reset: bool = False) -> int:
        """Close every connection now; the number closed. New ones are let in."""
        with self._lock:
            links, self._links = self._links, []
        alive = [link for link in links if not link.dead]
        for link in alive:
            link.close(reset=reset)
        return len(alive)

    def refuse(self, refuse: bool = True) -> None:
        """Cut new connections as soon as they come (the network is gone) until told otherwise."""
        self._refusing = refuse

    def stall(self) -> None:
        """Stop forwarding in both directions; connections stay open (a frozen network)."""
        self._flowing.clear()

    def resume(self) -> None:
        """Undo ``stall``, ``refuse`` and ``half_open``."""
        self._deaf = False
        self._refusing = False
        self._flowing.set()

    def half_open(self) -> None:
        """Swallow whatever the server says from now on; the client believes all is well."""
        self._deaf = True

    def drop_commit_reply(self, times: int = 1) -> None:
        """Forward the next COMMIT, wait for the server to have done it, and cut unanswered."""
        self._drop_commits += times

    def at_commit(self, strike: Callable[[], None]) -> None:
        """Call ``strike`` right after the next COMMIT was forwarded."""
        with self._lock:
            self._strike = strike

    def disarm(self) -> bool:
        """Call nothing at the next COMMIT; whether it had not come yet."""
        return self._take_strike() is not None

    def before(self, text: bytes, strike: Callable[[], object]) -> None:
        """Call ``strike`` once, before what has ``text`` in it is forwarded (in one piece)."""
        self._before = (text, strike)

    def _take_strike(self) -> Callable[[], None] | None:
        with self._lock:
            strike, self._strike = self._strike, None
        return strike

    def spoil(self, old: bytes, new: bytes) -> None:
        """Put ``new`` where the server says ``old`` next (in one piece)."""
        self._spoiling = (old, new)

    # -- life ------------------------------------------------------------------------------

    def close(self) -> None:
        self._closed = True
        self.resume()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def __enter__(self) -> Proxy:  # noqa: PYI034 - typing.Self is 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- forwarding ------------------------------------------------------------------------

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            try:
                server = socket.create_connection(self._upstream, timeout=5)
            except OSError:  # the server is down: the client sees a closed connection
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(client, server)
            with self._lock:
                self._links.append(link)
                self.connections += 1
            for pump in (self._to_server, self._to_client):
                threading.Thread(target=self._run, args=(pump, link), daemon=True).start()

    def _run(self, pump: object, link: _Link) -> None:
        assert callable(pump)
        with contextlib.suppress(OSError, ValueError):  # closed under our feet: that is the job
            pump(link)
        link.close()

    def _receive(self, link: _Link, end: socket.socket) -> bytes:
        while not link.dead:
            self._flowing.wait()
            if select.select([end], [], [], 0.2)[0]:
                self._flowing.wait()
                return end.recv(CHUNK)
        return b""

    def _to_server(self, link: _Link) -> None:
        tail = b""
        while data := self._receive(link, link.client):
            if self._drop_commits and _has_commit(tail, data):
                self._drop_commits -= 1
                link.swallow = True
            strike = self._take_strike() if self._strike and _has_commit(tail, data) else None
            tail = data[-16:]
            if self._before and self._before[0] in data:
                (_, before), self._before = self._before, None
                before()
            link.server.sendall(data)
            if strike is not None:
                strike()

    def _spoiled(self, data: bytes) -> bytes:
        if self._spoiling is None or self._spoiling[0] not in data:
            return data
        old, new = self._spoiling
        self._spoiling = None
        self.spoiled += 1
        return data.replace(old, new, 1)

    def _to_client(self, link: _Link) -> None:
        answer = b""
        while data := self._receive(link, link.server):
            if link.swallow:
                # The tag COMMIT says the transaction is durable: now the network "fails". What
                # comes before it (ParseComplete) must get through, or it never comes.
                answer = answer[-16:] + data
                if b"COMMIT\0" in answer:
                    self.dropped_commits += 1
                    return
            if not self._deaf:
                link.client.sendall(self._spoiled(data))


def _has_commit(seen: bytes, new: bytes) -> bool:
    """Whether a Query or Parse message whose text is COMMIT, in any letter case, ends in ``new``.

    ``seen`` are the last bytes before ``new``: a message may arrive in two pieces.
    """
    data = (seen + new).upper()
    at = max(0, len(seen) - len(b"COMMIT"))
    while (at := data.find(b"COMMIT", at)) >= 0:
        # 'Q' length text, or 'P' length name\0 text
        begins = data[max(0, at - 5) : at].startswith(b"Q") or data[at - 1 : at] == b"\0"
        if begins and data[at + 6 : at + 7] in {b"\0", b";"}:
            return True
        at += 1
    return False
