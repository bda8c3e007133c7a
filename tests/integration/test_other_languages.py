"""Servers whose lc_messages is not English: what they refuse is told, and is no firewall.

The servers of the tests speak English only, so the one here is played: it asks for a password and
answers as PostgreSQL does in German (the words are those of its de.po).
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from azext_dms_pg.errors import ServerError
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.postgres.connect import connect
from tests.support import wire
from tests.support.databases import Database
from tests.support.migrate import Mover

WRONG = ("28P01", "Passwort-Authentifizierung für Benutzer »postgres« fehlgeschlagen")
STARTING = ("57P03", "das Datenbanksystem startet")
FULL = ("53300", "tut mir leid, schon zu viele Verbindungen")

_TLS_REQUEST = struct.pack("!I", 80877103)
_CLEARTEXT = 3


class Refusing:
    """Refuses every connection in German."""

    def __init__(self, sqlstate: str, text: str, *, asks: bool) -> None:
        fields = f"SFATAL\0VFATAL\0C{sqlstate}\0M{text}\0\0".replace("SFATAL", "SSCHWERWIEGEND")
        self._answer = wire.message(b"E", fields.encode())
        self._asks = asks
        self.visits = 0
        self.host = "127.0.0.1"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            self.visits += 1
            with visitor, visitor.makefile("rb") as heard:
                if _packet(heard) == _TLS_REQUEST:
                    visitor.sendall(b"N")
                    _packet(heard)
                if self._asks:
                    visitor.sendall(wire.message(b"R", struct.pack("!I", _CLEARTEXT)))
                    heard.read(1)
                    _packet(heard)
                visitor.sendall(self._answer)


def _packet(heard: BinaryIO) -> bytes:
    return heard.read(struct.unpack("!I", heard.read(4))[0] - 4)


@pytest.fixture(params=[(WRONG, True), (FULL, False), (STARTING, False)], ids=lambda p: p[0][0])
def refusing(request: pytest.FixtureRequest) -> Iterator[Refusing]:
    (sqlstate, text), asks = request.param
    server = Refusing(sqlstate, text, asks=asks)
    yield server
    server.close()


def test_a_refusal_is_told_in_the_servers_own_words(
    refusing: Refusing, request: pytest.FixtureRequest
) -> None:
    (_, text), _ = request.node.callspec.params["refusing"]
    where = Connection(
        server="127.0.0.1",
        port=refusing.port,
        user="postgres",
        password=Secret("wrong"),
        database="postgres",
        encrypt=False,
    )
    with pytest.raises(ServerError) as caught:
        connect(where, "source")
    error = caught.value
    assert error.code == "ConnectionRefused"
    assert error.message.endswith(f"refused the connection: {text}.")
    assert "firewall" not in error.action
    assert "pg_hba.conf" in error.action


def test_a_task_does_not_try_for_ever(mover: Mover, source: Database, target: Database) -> None:
    """Before anything has begun, a refusal nobody understands ends the task after a few tries."""
    server = Refusing(*WRONG, asks=True)
    try:
        task = mover.start(source, target, source_by=server)  # type: ignore[arg-type]
        task.reach("VALIDATION_FAILED", "FAILED")
    finally:
        server.close()
    assert WRONG[1] in str(task.show()["errors"])
    assert 1 < server.visits < 10
