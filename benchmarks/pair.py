"""Two servers to measure between, and databases that come and go with a single run.

Owns: server settings that make runs comparable, and the check that a run moved everything.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import packages
from tests.support.databases import Database
from tests.support.servers import Server

# fsync is on: a target that loses data is no target. What happens at odd moments (autovacuum,
# checkpoints) is put off, so that it does not hit one contender and spare another.
SETTINGS: dict[str, str | int | float | bool] = {
    "autovacuum": False,
    "shared_buffers": "512MB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
    # Native replication starts a worker only this often; it should not have to wait for us.
    "wal_retrieve_retry_interval": "50ms",
}


@dataclass(frozen=True)
class Pair:
    """A source and a target server of the same version."""

    source: Server
    target: Server
    scratch: Path

    @classmethod
    @contextmanager
    def start(cls, version: int, *, tls: bool = False) -> Iterator[Pair]:
        with (
            Server.start(version, settings=SETTINGS, fsync=True, tls=tls) as source,
            Server.start(version, settings=SETTINGS, fsync=True, tls=tls) as target,
        ):
            scratch = target.data.parent / "scratch"
            scratch.mkdir(mode=0o777)
            scratch.chmod(0o777)
            yield cls(source, target, scratch)

    def program(self, name: str) -> str:
        """A client program of the servers' own version, as its users would take."""
        own = packages.find(self.source.version).program(name)
        return str(own) if own is not None else self.source.bin(name)

    def uri(self, side: str, database: str) -> str:
        """A connection URI. It holds the password of a server that lives for this run only."""
        server = self.source if side == "source" else self.target
        mode = "require" if server.ca_file else "disable"
        return (
            f"postgresql://{server.superuser}:{server.password}@{server.host}:{server.port}"
            f"/{database}?sslmode={mode}"
        )

    def copy_schema(self, database: str, target: str) -> None:
        """``pg_dump --schema-only | psql``."""
        self._pipe(database, target, "--schema-only")

    def copy_all(self, database: str, target: str) -> None:
        """``pg_dump | psql``."""
        self._pipe(database, target)

    def _pipe(self, database: str, target: str, *options: str) -> None:
        dump = subprocess.Popen(
            [self.program("pg_dump"), *options, self.uri("source", database)],
            stdout=subprocess.PIPE,
        )
        subprocess.run(
            [self.program("psql"), "-qX", "-v", "ON_ERROR_STOP=1", self.uri("target", target)],
            stdin=dump.stdout,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        if dump.wait() != 0:
            raise RuntimeError("pg_dump failed")

    @contextmanager
    def target_database(self, name: str, template: str) -> Iterator[str]:
        """A target database for one run."""
        self.target.drop_database(name)
        self.target.create_database(name, template=template)
        self.settle()
        try:
            yield name
        finally:
            self.target.drop_database(name)
            for item in self.scratch.iterdir():
                if item.is_dir():
                    shutil.rmtree(item, ignore_errors=True)

    def empty_scratch(self) -> None:
        for item in self.scratch.iterdir():
            item.unlink()

    @contextmanager
    def databases(self, name: str) -> Iterator[tuple[Database, Database]]:
        """An empty database on either side."""
        source = self.database("source", name)
        target = self.database("target", f"{name}_target")
        try:
            yield source, target
        finally:
            source.drop()
            target.drop()

    def database(self, side: str, name: str) -> Database:
        server = self.source if side == "source" else self.target
        server.create_database(name)
        return Database(server, name)

    def settle(self) -> None:
        """Write out what earlier runs left dirty, so that nobody pays for his predecessor."""
        self.source.run("CHECKPOINT")
        self.target.run("CHECKPOINT")


def contents(server: Server, database: str) -> dict[str, tuple[Any, ...]]:
    """Rows and an order-independent hash of every user table."""
    with server.connect(database) as connection:
        names = connection.execute(
            "SELECT format('%I.%I', nspname, relname) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r'"
            " AND nspname NOT IN ('pg_catalog', 'information_schema', 'dms_pg') ORDER BY 1"
        ).fetchall()
        found: dict[str, tuple[Any, ...]] = {}
        for (name,) in names:
            query = (
                "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)"
                f" FROM {name} t"
            )
            found[name] = connection.execute(query.encode()).fetchone() or ()
    return found
