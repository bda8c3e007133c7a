"""What protects a connection: TLS, verification, and ways to sign in."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from azext_dms_pg.errors import InputError, ServerError
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.postgres import connect, token
from tests.support import wire

CLEAR_TEXT, MD5 = struct.pack("!I", 3), struct.pack("!I", 5) + b"salt"
AZURE = "x.postgres.database.azure.com"


class Asking:
    """A server that asks for the password in one way and keeps what it is told."""

    def __init__(self, way: bytes) -> None:
        self.told = b""
        self.way = way
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(wire.message(b"R", self.way))
            self.told = connection.recv(10_000)
            connection.sendall(wire.error("28P01", "no"))

    def close(self) -> None:
        self._listener.close()
        self._thread.join(10)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGSSLROOTCERT", "PGREQUIREAUTH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(connect, "_ROOT_STORES", ())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 counts as a server of some network."""
    monkeypatch.setattr(connect, "_is_loopback", lambda _: False)


@pytest.fixture(params=[CLEAR_TEXT, MD5])
def asking(request: pytest.FixtureRequest) -> Iterator[Asking]:
    server = Asking(request.param)
    yield server
    server.close()


@pytest.mark.parametrize(
    "server", ["127.0.0.1", "127.9.8.7", "::1", "LocalHost", "/run/postgresql"]
)
def test_this_machine(server: str) -> None:
    assert connect.protection(Connection(server)) == {"sslmode": "prefer"}
    assert connect.protection(Connection(server, encrypt=False)) == {"sslmode": "disable"}


@pytest.mark.parametrize("server", ["127.example.com", "127.0.0.1.x.com", "localhost.x", "::2"])
def test_other_machines(server: str) -> None:
    assert connect.protection(Connection(server))["sslmode"] == "verify-full"


@pytest.mark.parametrize("server", ["127.0.0.1,example.com", "a,b"])
def test_one_server_alone(server: str) -> None:
    with pytest.raises(InputError, match="must be one server"):
        Connection.from_wire({"serverName": server})


@pytest.mark.usefixtures("no_store")
def test_nothing_to_verify_by() -> None:
    with pytest.raises(ServerError) as caught:
        connect.protection(Connection("db.example.com"))
    assert caught.value.code == "NoCertificateAuthorities"
    assert not caught.value.retryable
    assert "no file of certificate authorities" in caught.value.message
    trusting = Connection("db.example.com", trust_server_certificate=True)
    assert connect.protection(trusting) == {"sslmode": "require"}


def test_what_was_named_is_not_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", str(tmp_path / "gone.crt"))
    with pytest.raises(ServerError, match=r"gone\.crt, which is no file"):
        connect.protection(Connection("db.example.com"))


@pytest.mark.usefixtures("elsewhere")
def test_no_password_in_clear_text(asking: Asking) -> None:
    connection = Connection("127.0.0.1", "u", Secret("canary"), port=asking.port, encrypt=False)
    with pytest.raises(ServerError) as caught:
        connect.connect(connection, "source")
    asking.close()
    assert b"canary" not in asking.told
    if asking.way == CLEAR_TEXT:
        assert caught.value.code == "SignInNotAllowed"
        assert not caught.value.retryable
    else:
        assert b"md5" in asking.told


@pytest.mark.parametrize(
    ("allowed", "then"),
    [
        ("", "!password"),
        ("!md5", "!md5,!password"),
        ("!password, !md5", "!password,!md5"),
        ("scram-sha-256,password", "scram-sha-256"),
        ("password", "!password"),
    ],
)
def test_what_the_user_allows_is_narrowed(
    allowed: str, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGREQUIREAUTH", allowed)
    found = connect.protection(Connection("db.example.com", encrypt=False))
    assert found == {"sslmode": "disable", "require_auth": then}


@pytest.mark.parametrize("how", [{"encrypt": False}, {"trust_server_certificate": True}])
def test_no_token_without_verification(
    how: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> Any:
        raise AssertionError

    monkeypatch.setattr(token, "access_token", never)
    monkeypatch.setattr(psycopg, "connect", never)
    for connection in (
        Connection(AZURE, "u", **how),  # type: ignore[arg-type]
        Connection("a", "u", Secret("t"), authentication="ActiveDirectory", **how),  # type: ignore[arg-type]
    ):
        with pytest.raises(ServerError) as caught:
            connect.connect(connection, "target")
        assert caught.value.code == "TokenUnprotected"
    assert connect.protection(Connection(AZURE, "u"))["sslmode"] == "verify-full"
