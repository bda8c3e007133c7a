"""A password is nowhere to be found: not by other users, not in what we write or print.

The canaries are the passwords of the roles a migration connects as; they are looked for as they
are, and in the encodings a careless hand would give them.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import socket
import socketserver
import stat
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path

import pytest

from azext_dms_pg.model.options import TaskOptions
from azext_dms_pg.postgres import tools
from tests.support.azcli import Az
from tests.support.databases import Database
from tests.support.migrate import SERVICE, Login, Mover
from tests.support.processes import end_all_naming

SCHEMA = "CREATE TABLE t (id int PRIMARY KEY, v text)"


def _canary() -> str:
    # Letters and digits alone would hide what quoting and escaping give away.
    return f"cAn4ry {secrets.token_hex(8)}'\"\\%&"


def _spellings(secret: str) -> set[bytes]:
    core = secret.split()[1].split("'", maxsplit=1)[0]
    encoded = {secret, core, urllib.parse.quote(secret), json.dumps(secret)[1:-1]}
    texts = {text.encode() for text in encoded}
    return texts | {base64.b64encode(secret.encode())[:20], core.encode().hex().encode()}


class Watch:
    """Looks at every process of ours and at the servers' activity until it is stopped."""

    def __init__(self, mover: Mover, databases: list[Database], canaries: list[str]) -> None:
        self._mover = mover
        self._databases = databases
        self._needles = set().union(*(_spellings(canary) for canary in canaries))
        self._stop = threading.Event()
        self.found: set[str] = set()
        self.processes: set[int] = set()
        self._threads = [
            threading.Thread(target=self._run, args=(look,), daemon=True)
            for look in (self._look_at_processes, self._look_at_servers)
        ]

    def __enter__(self) -> Watch:  # noqa: PYI034 - typing.Self is 3.11
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def search(self, where: str, content: bytes) -> None:
        if any(needle in content for needle in self._needles):
            self.found.add(where)

    def search_files(self, directory: Path) -> int:
        count = 0
        for path in directory.rglob("*"):
            if path.is_file():
                self.search(str(path), path.read_bytes())
                count += 1
        return count

    def _run(self, look: object) -> None:
        while not self._stop.is_set():
            look()  # type: ignore[operator]
            self._stop.wait(0.02)

    def _look_at_processes(self) -> None:
        for pid in self._mover.workers():
            self.processes.add(pid)
            for name in ("cmdline", "environ"):
                with contextlib.suppress(OSError):
                    self.search(f"/proc/PID/{name}", Path(f"/proc/{pid}/{name}").read_bytes())

    def _look_at_servers(self) -> None:
        for database in self._databases:
            with contextlib.suppress(Exception):
                rows = database.run("SELECT row_to_json(a)::text FROM pg_stat_activity a")
                self.search("pg_stat_activity", json.dumps(rows).encode())


@pytest.fixture
def logins(source: Database, target: Database) -> Iterator[list[Login]]:
    made = []
    for database in (source, target):
        login = Login(f"role_{secrets.token_hex(4)}", _canary())
        with database.connect() as connection:
            quoted = connection.execute("SELECT quote_literal(%s)", [login.password]).fetchall()
            connection.execute(f"CREATE ROLE {login.user} SUPERUSER LOGIN PASSWORD {quoted[0][0]}")
        made.append(login)
    yield made
    for database, login in zip((source, target), made, strict=True):
        database.run(f"REASSIGN OWNED BY {login.user} TO postgres; DROP OWNED BY {login.user}")
        database.run(f"DROP ROLE {login.user}")


@pytest.fixture
def hostile_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def _modes(directory: Path) -> dict[str, str]:
    """Everything that others could read, enter or change."""
    open_to_others = {}
    for path in (directory, *directory.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # SQLite's journal comes and goes
            mode = path.lstat().st_mode
            if stat.S_IMODE(mode) & 0o077:
                open_to_others[str(path)] = stat.filemode(mode)
    return open_to_others


def test_a_whole_migration_gives_nothing_away(
    mover: Mover,
    source: Database,
    target: Database,
    logins: list[Login],
    hostile_umask: None,
) -> None:
    for database in (source, target):
        database.run(SCHEMA)
    source.run("INSERT INTO t SELECT i, 'v' FROM generate_series(1, 1000) i")
    canaries = [login.password for login in logins]
    with Watch(mover, [source, target], canaries) as watch:
        task = mover.start(source, target, source_login=logins[0], target_login=logins[1])
        task.ready()
        assert len(watch.processes) >= 2, "the supervisor and a worker were seen"
        assert _modes(mover.directory) == {}
        assert watch.search_files(mover.directory) > 3
        # A worker that dies and one that is told of an error write the most.
        source.run("INSERT INTO t VALUES (1001, 'v')")
        source.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'dms-pg%'"
        )
        task.settle()
        watch.search("show", json.dumps(task.show()).encode())
        task.finish()
        watch.search("show", json.dumps(task.show()).encode())
        watch.search_files(mover.directory)
    for database in (source, target):
        log = database.server.log.read_bytes().splitlines()
        # The CREATE ROLE of the fixture is not logged either: log_statement is none.
        watch.search("server log", b"\n".join(log))
    assert watch.found == set()
    assert _modes(mover.directory) == {}
    assert not [path for path in (mover.directory / "vault").iterdir() if path.name != "key"]


@pytest.fixture
def told_to_pg_dump(
    source: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], bytes]:
    """Arguments and environment of each pg_dump: one first on PATH notes them and goes on."""
    real = tools.find(source.server.version)[0].directory
    seen, place = tmp_path / "seen", tmp_path / "bin"
    place.mkdir()
    (place / "pg_restore").symlink_to(real / "pg_restore")
    (place / "pg_dump").write_text(
        f'#!/bin/sh\n{{ printf "%s\\n" "$@"; env; }} >> {seen}\nexec {real}/pg_dump "$@"\n'
    )
    (place / "pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    return seen.read_bytes


def test_a_copied_schema_gives_nothing_away(
    mover: Mover,
    source: Database,
    target: Database,
    logins: list[Login],
    told_to_pg_dump: Callable[[], bytes],
) -> None:
    """pg_dump gets the password neither as an argument nor in its environment."""
    source.run(SCHEMA)
    with Watch(mover, [source, target], [login.password for login in logins]) as watch:
        task = mover.start(
            source,
            target,
            source_login=logins[0],
            target_login=logins[1],
            options=TaskOptions(migrate_schema=True),
        )
        task.ready()
        watch.search("show", json.dumps(task.show()).encode())
        watch.search_files(mover.directory)
        task.finish()
    told = told_to_pg_dump()
    assert b"--no-password" in told
    assert b"PGAPPNAME=dms-pg schema" in told
    watch.search("pg_dump", told)
    assert watch.found == set()


def test_debug_gives_nothing_away(
    mover: Mover, source: Database, target: Database, logins: list[Login], tmp_path: Path
) -> None:
    """Of a real az: from files of both spellings nothing; a typed one az prints, and only az."""
    for database in (source, target):
        database.run(SCHEMA)
    az = Az(tmp_path / "az")
    wires = []
    for database, login in zip((source, target), logins, strict=True):
        server = database.server
        wires.append(
            {
                "serverName": server.host,
                "port": server.port,
                "userName": login.user,
                "password": login.password,
            }
        )
    paths = [tmp_path / "source.json", tmp_path / "target.json"]
    for path, wire in zip(paths, wires, strict=True):
        path.write_text(json.dumps(wire))
    watch = Watch(mover, [], [login.password for login in logins])
    project = ("-g", "g", "--service-name", "s")
    try:
        az.check("dms", "create", "-g", "g", "-n", "s", "-l", "local")
        platforms = ("--source-platform", "PostgreSQL", "--target-platform", "AzureDbForPostgreSql")
        az.check("dms", "project", "create", *project, "-n", "p", *platforms)
        create = ["dms", "project", "task", "create", *project, "--project-name", "p", "--debug"]
        create += ["--databases", f"{source.name}={target.name}", "--validate-only"]
        files = ("--source-connection-json", str(paths[0]),
                 "--target-connection-json", f"@{paths[1]}")  # fmt: skip
        done = az.run(*create, "-n", "t", *files)
        assert done.code == 0, done.err
        watch.search("az --debug", f"{done.out}{done.err}".encode())
        assert watch.found == set()
        assert "Command arguments" in done.err
        typed = ("--source-connection-json", json.dumps(wires[0]), *files[2:])
        done = az.run(*create, "-n", "u", *typed)
        assert "was printed by --debug just now: change it" in done.err
        told = [line for line in done.err.splitlines() if "Command arguments" not in line]
        watch.search("az --debug", "\n".join([done.out, *told]).encode())
        assert watch.found == set()
        end_all_naming(az.config)
        watch.search_files(az.config)
        assert watch.found == set()
    finally:
        end_all_naming(az.config)


@pytest.mark.parametrize("wrong", ["password", "user", "database"])
def test_failures_give_nothing_away(
    mover: Mover, source: Database, target: Database, wrong: str
) -> None:
    """Refused logins and unreachable servers are reported without what was tried."""
    canary = _canary()
    login = Login("postgres" if wrong != "user" else "nobody_of_that_name", canary)
    with Watch(mover, [source, target], [canary]) as watch:
        where = source if wrong != "database" else Database(source.server, "no such database")
        task = mover.start(where, target, source_login=login)
        task.end("FailedInputValidation")
        watch.search("show", json.dumps(task.show()).encode())
        watch.search_files(mover.directory)
    assert watch.found == set()
    assert "password authentication failed" in json.dumps(task.show())


class _Parrot(socketserver.BaseRequestHandler):
    """A server that asks for the password as it is, and repeats it in its refusal."""

    def handle(self) -> None:
        while int.from_bytes(self._body()[:4], "big") in {80877103, 80877104}:
            self.request.sendall(b"N")
        self.request.sendall(b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big"))
        self.request.recv(1)
        fields = (b"SFATAL", b"VFATAL", b"C28P01", b"Mnot with " + self._body()[:-1], b"")
        message = b"\0".join(fields) + b"\0"
        self.request.sendall(b"E" + (len(message) + 4).to_bytes(4, "big") + message)

    def _body(self) -> bytes:
        length = int.from_bytes(self.request.recv(4, socket.MSG_WAITALL), "big")
        found: bytes = self.request.recv(length - 4, socket.MSG_WAITALL)
        return found


def test_what_a_server_repeats_is_blotted_out(mover: Mover, target: Database) -> None:
    canary = _canary()
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Parrot)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    parrot = copy(target.server)
    parrot.port = server.server_address[1]
    try:
        task = mover.start(Database(parrot, "d"), target, source_login=Login("migrator", canary))
        task.end("FailedInputValidation")
        shown = task.show()
        with Watch(mover, [], [canary]) as watch:
            watch.search("show", json.dumps(shown).encode())
            watch.search_files(mover.directory)
    finally:
        server.shutdown()
        server.server_close()
    assert "not with ***" in json.dumps(shown)
    assert watch.found == set()


def test_an_existing_directory_is_made_private(tmp_path: Path, hostile_umask: None) -> None:
    directory = tmp_path / "dms-pg"
    for path in (directory, directory / "vault", directory / "run"):
        path.mkdir(mode=0o777)
    mover = Mover(directory)
    mover.backend.services.create(SERVICE, location="local", sku=None, subnet=None, tags=None)
    assert _modes(directory) == {}
