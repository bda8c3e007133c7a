"""The tools we are compared with, driven as their manuals say.

Owns their command lines. Each returns the seconds from its start to the moment all rows (and
indexes, where it makes them) are on the target.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.pair import Pair
from benchmarks.work import Clock, Result, children_cpu
from tests.support import packages

JOBS = "2"


@dataclass(frozen=True)
class Peers:
    """The peers between two databases of a pair."""

    pair: Pair
    database: str

    # -- pgcopydb --------------------------------------------------------------------------

    @property
    def no_pgcopydb(self) -> str:
        """Why pgcopydb cannot run, or an empty text."""
        return "" if shutil.which("pgcopydb") else "pgcopydb is not installed (apt: pgcopydb)"

    def pgcopydb(self, target: str, *command: str, indexes: bool = False) -> Result:
        directory = self._scratch("pgcopydb")
        jobs = ["--table-jobs", JOBS, *(["--index-jobs", JOBS] if indexes else [])]
        return _timed(
            [
                "pgcopydb",
                *command,
                "--source",
                self.pair.uri("source", self.database),
                "--target",
                self.pair.uri("target", target),
                "--dir",
                str(directory),
                *jobs,
            ]
        )

    # -- pg_dump and pg_restore ------------------------------------------------------------

    def dump_pipe(self, target: str) -> Result:
        """``pg_dump -Fc -Z0 | pg_restore``, data only."""
        clock = Clock()
        with children_cpu() as cpu:
            dump = subprocess.Popen(
                [
                    self.pair.program("pg_dump"),
                    *("-Fc", "-Z0", "--data-only"),
                    self.pair.uri("source", self.database),
                ],
                stdout=subprocess.PIPE,
            )
            _run(
                [
                    self.pair.program("pg_restore"),
                    *("--data-only", "-d"),
                    self.pair.uri("target", target),
                ],
                stdin=dump.stdout,
            )
            if dump.wait() != 0:
                raise RuntimeError("pg_dump failed")
            return Result(clock(), {"cpu": cpu()})

    def dump_directory(self, target: str) -> Result:
        """``pg_dump -Fd -j2``, then ``pg_restore -j2``, data only."""
        directory = str(self._scratch("dump"))
        clock = Clock()
        with children_cpu() as cpu:
            _run(
                [
                    self.pair.program("pg_dump"),
                    *("-Fd", "-j", JOBS, "--data-only", "-f", directory),
                    self.pair.uri("source", self.database),
                ]
            )
            _run(
                [
                    self.pair.program("pg_restore"),
                    *("-j", JOBS, "--data-only", "-d"),
                    self.pair.uri("target", target),
                    directory,
                ]
            )
            return Result(clock(), {"cpu": cpu()})

    # -- native logical replication --------------------------------------------------------

    def native_sync(self, target: str) -> Result:
        """``CREATE SUBSCRIPTION`` with its initial copy, until every table is in sync."""
        source = self.pair.source
        source.run("CREATE PUBLICATION bench FOR ALL TABLES", self.database)
        try:
            clock = Clock()
            self.subscribe(target)
            wait_for(
                self.pair,
                target,
                "SELECT count(*) FILTER (WHERE srsubstate <> 'r') = 0 AND count(*) > 0"
                " FROM pg_subscription_rel",
            )
            return Result(clock())
        finally:
            self.unsubscribe(target)
            source.run("DROP PUBLICATION bench", self.database)

    def subscribe(self, target: str, options: str = "") -> None:
        with_options = f" WITH ({options})" if options else ""
        self.pair.target.run(
            "CREATE SUBSCRIPTION bench CONNECTION"
            f" '{self.pair.uri('source', self.database)}' PUBLICATION bench{with_options}",
            target,
        )

    def unsubscribe(self, target: str) -> None:
        self.pair.target.run("DROP SUBSCRIPTION IF EXISTS bench", target)

    # -- the floor -------------------------------------------------------------------------

    def floor(self, target: str, table: str) -> Result:
        """Server-side binary COPY FROM of a file that is there already."""
        file = self.pair.scratch / f"{self.database}.{table}.copy"
        if not file.exists():
            self.pair.source.run(f"COPY {table} TO '{file}' (FORMAT binary)", self.database)
        self.pair.settle()
        clock = Clock()
        self.pair.target.run(f"COPY {table} FROM '{file}' (FORMAT binary)", target)
        return Result(clock())

    def _scratch(self, name: str) -> Path:
        """A path that does not exist."""
        path = self.pair.scratch / name
        shutil.rmtree(path, ignore_errors=True)
        return path


def versions(major: int) -> dict[str, str]:
    """What takes part, as each says of itself."""
    server = packages.find(major)
    return {
        "postgres": _says(str(server.bin / "postgres"), "--version"),
        "pgDump": _says(str(server.program("pg_dump") or "pg_dump"), "--version"),
        "pgcopydb": _says("pgcopydb", "--version"),
        "psycopg": f"{psycopg.__version__} ({psycopg.pq.__impl__}, libpq {psycopg.pq.version()})",
        "commit": _says("git", "-C", str(packages.ROOT), "describe", "--always", "--dirty"),
    }


def _says(*command: str) -> str:
    """The first line it prints."""
    if shutil.which(command[0]) is None:
        return "not installed"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout.strip().splitlines() or [f"ended with {done.returncode}"])[0]


def wait_for(pair: Pair, database: str, query: str, limit: float = 1800.0) -> None:
    """Ask the target every 20 ms until the answer is true."""
    until = time.monotonic() + limit
    with pair.target.connect(database) as connection:
        while time.monotonic() < until:
            row = connection.execute(query.encode()).fetchone()
            if row and row[0]:
                return
            time.sleep(0.02)
    raise TimeoutError(f"not within {limit:.0f} s: {query}")


def _timed(command: Sequence[str]) -> Result:
    clock = Clock()
    with children_cpu() as cpu:
        _run(command)
        return Result(clock(), {"cpu": cpu()})


def _run(command: Sequence[str], **more: Any) -> None:
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, **more
    )
    if done.returncode != 0:
        text = done.stderr.decode(errors="replace").strip()[-1500:]
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {text}")
