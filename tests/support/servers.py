"""Real PostgreSQL servers to test against: start, stop, crash, restart.

    with Server.start(version=17) as server:
        with server.connect("postgres") as connection: ...

Owns: one server's life and how to reach it. Importable by tests, the demo and the benchmarks;
needs psycopg and the standard library (and ``cryptography`` for ``tls=True``). Knows nothing of
migrations. Servers die with the process that started them (see ``guard.py``).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from types import TracebackType
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from tests.support import account, cluster, packages, processes
from tests.support.cluster import Setting
from tests.support.packages import VERSIONS, Installation, Package, Unavailable

__all__ = ["VERSIONS", "Package", "Server", "Unavailable", "client_program"]

START_SECONDS = 60
STOP_SECONDS = 60
GUARD = Path(__file__).with_name("guard.py")
# Below the ephemeral range, so that no outgoing connection takes the port while we restart.
PORTS = range(20000, 32000)


def client_program(name: str) -> str:
    """Path of pg_dump, psql, pg_restore, pgbench …: of the newest version there is.

    A newer pg_dump reads every older server; the other way round it refuses.
    """
    for major in reversed(VERSIONS):
        with contextlib.suppress(Unavailable):
            program = packages.find(major).program(name)
            if program is not None:
                return str(program)
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"{name} is in none of the packages and not on PATH")
    return found


class Server:
    """One running (or stopped) server. Make one with :meth:`start`."""

    host = "127.0.0.1"
    superuser = "postgres"

    def __init__(self, installation: Installation, home: Path, *, owns_home: bool) -> None:
        self._installation = installation
        self._home = home
        self._owns_home = owns_home
        self._guard: subprocess.Popen[str] | None = None
        self._sockets = account.private_directory("pg")
        self.version = installation.package.major
        self.package = installation.package
        self.port = 0
        self.pid = 0
        self.password = secrets.token_urlsafe(12)
        self.data = home / "data"
        self.log = home / "server.log"
        self.ca_file: Path | None = None

    # -- life ------------------------------------------------------------------------------

    @classmethod
    def start(
        cls,
        version: int = 17,
        *,
        directory: Path | None = None,
        settings: Mapping[str, Setting] | None = None,
        tls: bool = False,
        fsync: bool = False,
        port: int | None = None,
        hba: Sequence[str] = (),
        initdb: Sequence[str] = (),
    ) -> Server:
        """Create a cluster and start it.

        :param directory: where to keep it, e.g. a small tmpfs; a private one by default. Must
            be a directory the server's account can enter when we are root.
        :param settings: on top of ``cluster.DEFAULTS``.
        :param fsync: off by default: a crash of the *process* loses nothing either way, and
            only a crash of the machine would.
        :param hba: lines put before the default pg_hba.conf lines (SCRAM for everybody).
        :param initdb: more arguments, e.g. ``["--encoding=LATIN1"]``.
        :raises Unavailable: there is no package for that version (with TLS, if asked for).
        """
        installation = packages.find(version, tls=tls)
        home = directory or account.private_directory()
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            account.hand_over(directory)
        server = cls(installation, home, owns_home=directory is None)
        atexit.register(server.destroy)
        try:
            cluster.initialise(installation, home, server.superuser, server.password, initdb)
            lines = {**(settings or {}), "unix_socket_directories": str(server._sockets)}
            if tls:
                server.ca_file, more = cluster.certificates(home)
                lines |= more
            cluster.configure(server.data, lines, fsync=fsync, hba=hba)
            server._run(port)
        except BaseException:
            server.destroy()
            raise
        return server

    def stop(self, mode: str = "fast") -> None:
        """Stop in an orderly way (``smart``, ``fast``) or at once (``immediate``)."""
        number = {
            "smart": signal.SIGTERM,
            "fast": signal.SIGINT,
            "immediate": signal.SIGQUIT,
        }[mode]
        if self.running:
            os.kill(self.pid, number)
        self._await_end()

    def kill(self) -> None:
        """SIGKILL the postmaster and every child of it: what a power cut leaves behind."""
        if self.running:
            processes.kill_tree(self.pid)
        self._await_end()

    def run_again(self) -> None:
        """Start it on the same port after a stop or kill."""
        if not self.running:
            self._run(self.port)

    def restart(self, mode: str = "fast") -> None:
        self.stop(mode)
        self.run_again()

    def immediate_restart(self) -> None:
        """Crash and recover: ``pg_ctl restart -m immediate``."""
        self.restart("immediate")

    def destroy(self) -> None:
        """Stop at once and remove everything. Safe to call twice."""
        atexit.unregister(self.destroy)
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            self.stop("immediate")
        if self.running:
            self.kill()
        shutil.rmtree(self._sockets, ignore_errors=True)
        shutil.rmtree(self._home if self._owns_home else self.data, ignore_errors=True)

    @property
    def running(self) -> bool:
        return self._guard is not None and self._guard.poll() is None

    def __enter__(self) -> Server:  # noqa: PYI034 - typing.Self is 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.destroy()

    def __repr__(self) -> str:
        return f"<PostgreSQL {self.version} ({self.package.source}) on port {self.port}>"

    # -- use -------------------------------------------------------------------------------

    def parameters(self, database: str = "postgres", **more: Any) -> dict[str, Any]:
        """libpq parameters of a superuser connection."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.superuser,
            "password": self.password,
            "dbname": database,
            "connect_timeout": 10,
            **more,
        }

    def connect(
        self, database: str = "postgres", *, autocommit: bool = True, **more: Any
    ) -> psycopg.Connection[TupleRow]:
        """A superuser connection; ``more`` are libpq parameters (user=, password=, …)."""
        return psycopg.connect(**self.parameters(database, **more), autocommit=autocommit)

    def run(self, statement: str, database: str = "postgres") -> list[TupleRow]:
        """Run a script or one query as superuser; the rows of the last statement."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode())
            while cursor.nextset():
                pass
            return [] if cursor.description is None else cursor.fetchall()

    def environment(self, database: str = "postgres") -> dict[str, str]:
        """PG* variables for a client program."""
        return {
            **os.environ,
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.superuser,
            "PGPASSWORD": self.password,
            "PGDATABASE": database,
            "PGSSLMODE": "prefer",
        }

    def bin(self, name: str) -> str:
        """Path of a program: the server's own ones, or the newest client."""
        if name in {"initdb", "postgres", "pg_ctl", "pg_controldata", "pg_resetwal"}:
            program = self._installation.program(name)
            if program is not None:
                return str(program)
        return client_program(name)

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """``CREATE DATABASE``; returns the name."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template or "template1")
        )
        with self.connect() as connection:
            connection.execute(statement)
        return name

    def drop_database(self, name: str) -> None:
        """Drop it with its logical slots and whoever is connected."""
        with self.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots"
                " WHERE database = %s AND active",
                [name],
            )
            _until_gone(connection, name)
            connection.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                " WHERE database = %s",
                [name],
            )
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))

    def log_tail(self, characters: int = 4000) -> str:
        if not self.log.exists():
            return "(no log)"
        return self.log.read_text(errors="replace")[-characters:]

    # -- making it run ---------------------------------------------------------------------

    def _run(self, port: int | None) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            self.port = port or _free_port()
            self._launch()
            if self._ready(deadline):
                return
            taken = "could not bind" in self.log_tail(2000)
            if not taken or time.monotonic() > deadline:
                raise RuntimeError(f"{self!r} did not start:\n{self.log_tail()}")
            time.sleep(0.2)

    def _launch(self) -> None:
        who = account.server_account()
        spec = {
            "command": [
                str(self._installation.bin / "postgres"),
                "-D",
                str(self.data),
                "-p",
                str(self.port),
            ],
            "log": str(self.log),
            "uid": who.uid if who else None,
            "gid": who.gid if who else None,
            "scratch": [str(self._sockets), str(self._home if self._owns_home else self.data)],
        }
        self._guard = subprocess.Popen(
            [sys.executable, "-ISE", str(GUARD), json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            start_new_session=True,
        )
        assert self._guard.stdout is not None
        self.pid = int(self._guard.stdout.readline() or 0)

    def _ready(self, deadline: float) -> bool:
        while self.running and time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError):
                self.connect().close()
                return True
            time.sleep(0.05)
        return False

    def _await_end(self) -> None:
        if self._guard is None:
            return
        self._guard.wait(STOP_SECONDS)
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                pipe.close()
        self._guard = None


def _free_port() -> int:
    random = SystemRandom()
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((Server.host, port))
            return port


def _until_gone(connection: psycopg.Connection[TupleRow], database: str) -> None:
    """Terminate the sessions on a database and wait until they have ended."""
    deadline = time.monotonic() + 10
    while connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database]
    ).fetchall():
        if time.monotonic() > deadline:
            raise TimeoutError(f"sessions on {database} do not end")
        time.sleep(0.02)
