"""A PostgreSQL server made of a test, over TLS done by hand, so that records can be cut anywhere.

Owns the handshakes. What is said after them is the test's: ``seal`` makes records of plain bytes
without sending them, ``send`` and ``hang_up`` decide what becomes of them.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from pathlib import Path
from typing import Any

import psycopg

from tests.support import certificates, wire

_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_WELCOME = (
    wire.message(b"R", bytes(4))
    + wire.parameter("server_version", "17.0")
    + wire.parameter("client_encoding", "UTF8")
    + wire.READY
)


class TlsPeer:
    """One connection of psycopg's, and this end of it."""

    def __init__(self, directory: Path, version: ssl.TLSVersion) -> None:
        files = certificates.make(directory)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        context.minimum_version = context.maximum_version = version
        self._arriving, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._arriving, self._leaving, server_side=True)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            welcome = threading.Thread(target=self._welcome, args=(listener,))
            welcome.start()
            self.connection: psycopg.Connection[Any] = psycopg.connect(
                host="127.0.0.1",
                port=listener.getsockname()[1],
                user="u",
                dbname="d",
                sslmode="require",
                gssencmode="disable",
                autocommit=True,
            )
            welcome.join()

    def seal(self, plain: bytes) -> bytes:
        """The records these bytes travel in."""
        self._tls.write(plain)
        return self._leaving.read()

    def send(self, raw: bytes) -> None:
        self._socket.sendall(raw)

    def hang_up(self, *, orderly: bool) -> None:
        """Close, with the alert TLS wants for it or without."""
        if orderly:
            try:
                self._tls.unwrap()
            except ssl.SSLWantReadError:
                self.send(self._leaving.read())
        self._socket.shutdown(socket.SHUT_WR)

    def hears(self) -> bytes:
        """Everything said to this server that is there by now."""
        heard = b""
        self._socket.setblocking(False)
        try:
            while raw := self._socket.recv(1 << 16):
                self._arriving.write(raw)
        except BlockingIOError:
            pass
        finally:
            self._socket.setblocking(True)
        try:
            while plain := self._tls.read(1 << 16):
                heard += plain
        except ssl.SSLWantReadError:
            pass
        # What the session had to answer by itself (a change of keys) goes out with it.
        if self._leaving.pending:
            self.send(self._leaving.read())
        return heard

    def close(self) -> None:
        self._socket.close()
        self.connection.close()

    def _welcome(self, listener: socket.socket) -> None:
        self._socket, _ = listener.accept()
        if self._socket.recv(8) != _SSL_REQUEST:
            raise AssertionError("libpq did not ask for TLS")
        self.send(b"S")
        self._until_done(self._tls.do_handshake)
        startup = bytearray()
        self._until_done(lambda: startup.extend(self._tls.read(1 << 16)))
        self.send(self.seal(_WELCOME))

    def _until_done(self, step: Any) -> None:
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                if self._leaving.pending:
                    self.send(self._leaving.read())
                self._arriving.write(self._socket.recv(1 << 16))
                continue
            if self._leaving.pending:
                self.send(self._leaving.read())
            return
