"""Servers for the whole session, databases for one test.

``DMS_PG_TEST_SOURCE`` and ``DMS_PG_TEST_TARGET`` choose other versions than 17 and 18.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.support import databases
from tests.support.databases import Database
from tests.support.servers import Server, Unavailable

MakeDatabase = Callable[..., Database]

# Tests run side by side under xdist: small servers leave room for one another.
SETTINGS = {"shared_buffers": "64MB", "wal_sender_timeout": "30s"}


class Servers:
    """The servers of this session, started when first asked for."""

    def __init__(self) -> None:
        self._started: dict[tuple[int, bool, str], Server] = {}

    def get(self, version: int, *, tls: bool = False, role: str = "") -> Server:
        """The session's server of that version; ``role`` names a second one of the same version.

        A test that stops, kills or reconfigures a server must start its own instead.
        """
        key = (version, tls, role)
        if key not in self._started:
            try:
                self._started[key] = Server.start(version, tls=tls, settings=SETTINGS)
            except Unavailable as reason:
                pytest.skip(str(reason))
        server = self._started[key]
        if not server.running:
            server.run_again()
        return server

    def close(self) -> None:
        for server in self._started.values():
            server.destroy()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    started = Servers()
    yield started
    started.close()


@pytest.fixture(scope="session")
def source_server(servers: Servers) -> Server:
    return servers.get(int(os.environ.get("DMS_PG_TEST_SOURCE", "17")), role="source")


@pytest.fixture(scope="session")
def target_server(servers: Servers) -> Server:
    return servers.get(int(os.environ.get("DMS_PG_TEST_TARGET", "18")), role="target")


@pytest.fixture
def make_database() -> Iterator[MakeDatabase]:
    """``make_database(server, script="", name=None)``: a database that goes with the test."""
    made: list[Database] = []

    def make(server: Server, script: str = "", *, name: str | None = None) -> Database:
        made.append(databases.create(server, script, name=name))
        return made[-1]

    yield make
    for database in made:
        if database.server.running:
            database.drop()


@pytest.fixture
def source(source_server: Server, make_database: MakeDatabase) -> Database:
    """An empty database on the source server."""
    return make_database(source_server)


@pytest.fixture
def target(target_server: Server, make_database: MakeDatabase) -> Database:
    """An empty database on the target server."""
    return make_database(target_server)


@pytest.fixture
def own_server() -> Iterator[Callable[..., Server]]:
    """``own_server(17, settings=…)``: a server to stop, kill and reconfigure at will."""
    started: list[Server] = []

    def start(version: int = 17, **options: object) -> Server:
        try:
            started.append(Server.start(version, **options))  # type: ignore[arg-type]
        except Unavailable as reason:
            pytest.skip(str(reason))
        return started[-1]

    yield start
    for server in started:
        server.destroy()
