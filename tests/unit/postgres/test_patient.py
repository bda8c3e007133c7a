"""Waiting for a result through libpq; the test plays the server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from azext_dms_pg.errors import Interrupted
from azext_dms_pg.postgres import patient
from tests.support import wire

WELCOME = (
    wire.message(b"R", bytes(4))
    + wire.parameter("server_version", "17.0")
    + wire.parameter("client_encoding", "UTF8")
    + wire.message(b"Z", b"I")
)
NOTICES = wire.message(b"N", b"SNOTICE\0C00000\0Mhello\0\0") * 1000


class Pace:
    """Stops after some ticks in which no answer came."""

    left = 3

    def moved(self, size: int) -> None: ...

    def waiting(self, side: str) -> None:
        self.left -= 1
        if not self.left:
            raise Interrupted(side)


@pytest.fixture
def chatty() -> Iterator[psycopg.Connection[Any]]:
    """To a server that answers every question with notices for as long as somebody listens."""

    def talk(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.settimeout(5)
            connection.recv(10_000)
            connection.sendall(WELCOME)
            connection.recv(10_000)
            while True:
                connection.sendall(NOTICES)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk, args=(listener,), daemon=True)
        thread.start()
        opened = psycopg.connect(
            host="127.0.0.1",
            port=listener.getsockname()[1],
            user="u",
            dbname="d",
            sslmode="disable",
            gssencmode="disable",
            autocommit=True,
        )
        yield opened
        opened.close()
        thread.join()


def test_notices_without_end(chatty: psycopg.Connection[Any]) -> None:
    with pytest.raises(Interrupted):
        patient.run(chatty, "source", Pace(), b"SELECT 1")
