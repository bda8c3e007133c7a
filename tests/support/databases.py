"""Databases on a test server: made from a template, thrown away after.

Owns: names, templates built once per server and script, dropping with slots and sessions.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from tests.support.servers import Server

_numbers = itertools.count(1)

# A newer pg_dump sets these for a newer server; an older target does not know them.
_SETTINGS_OF_LATER_VERSIONS = {
    "SET transaction_timeout = 0;": 17,
    "SET default_table_access_method = heap;": 12,
    "SET default_toast_compression = 'pglz';": 14,
}


@dataclass(frozen=True)
class Database:
    """One database of one server."""

    server: Server
    name: str

    def connect(self, **more: Any) -> psycopg.Connection[TupleRow]:
        """A superuser connection in autocommit mode unless ``autocommit=False``."""
        return self.server.connect(self.name, **more)

    def run(self, statement: str) -> list[TupleRow]:
        """Run a script or one query as superuser; the rows of the last statement."""
        return self.server.run(statement, self.name)

    def value(self, query: str) -> Any:
        """The first column of the first row."""
        return self.run(query)[0][0]

    def drop(self) -> None:
        self.server.drop_database(self.name)


def create(server: Server, script: str = "", *, name: str | None = None) -> Database:
    """A new database in which ``script`` has run.

    The script runs once a server and process; from then on its result is the template.
    """
    name = name or f"test_{os.getpid()}_{next(_numbers)}"
    template = _template(server, script) if script else None
    return Database(server, server.create_database(name, template=template))


def copy_schema(source: Database, target: Database, *arguments: str) -> None:
    """``pg_dump -s | psql``: the tutorial's own way to bring the schema over."""
    dump = subprocess.run(
        [source.server.bin("pg_dump"), "--schema-only", *arguments],
        env=source.server.environment(source.name),
        capture_output=True,
        text=True,
        check=False,
    )
    if dump.returncode != 0:
        raise RuntimeError(f"pg_dump of {source.name} failed:\n{dump.stderr}")
    script = dump.stdout
    for setting, since in _SETTINGS_OF_LATER_VERSIONS.items():
        if target.server.version < since:
            script = script.replace(setting, "")
    restored = subprocess.run(
        [target.server.bin("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"],
        env=target.server.environment(target.name),
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    if restored.returncode != 0:
        raise RuntimeError(f"restoring the schema into {target.name} failed:\n{restored.stderr}")


def _template(server: Server, script: str) -> str:
    digest = hashlib.sha256(script.encode()).hexdigest()[:16]
    name = f"template_{digest}"
    if server.run(f"SELECT FROM pg_database WHERE datname = '{name}'"):
        return name
    server.create_database(name)
    try:
        server.run(script, name)
    except BaseException:
        server.drop_database(name)
        raise
    return name
