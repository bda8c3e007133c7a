"""What has no contender, only a limit: lag in the steady state, growth, downtime, many databases.

Owns those scenarios. Each yields ``Observation``s, which say what was seen and what it may be.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import data, ours
from benchmarks.loads import wire
from benchmarks.pair import Pair, contents
from benchmarks.work import Clock
from tests.support.databases import Database
from tests.support.migrate import Mover, Task


@dataclass(frozen=True)
class Observation:
    """One number and its limit (None: only reported)."""

    name: str
    title: str
    value: float
    unit: str
    at_most: float | None = None

    @property
    def verdict(self) -> str:
        if self.at_most is None:
            return " "
        return "+" if self.value <= self.at_most else "-"


class Observations:
    """Makes them for one pair of servers."""

    def __init__(self, pair: Pair, *, quick: bool) -> None:
        self._pair = pair
        self._quick = quick

    def all(self) -> dict[str, Callable[[], list[Observation]]]:
        return {
            "steady": self.steady,
            "tenfold": self.tenfold,
            "downtime": self.downtime,
            "many": self.many,
        }

    def steady(self) -> list[Observation]:
        """pgbench at half of what the source can do, for a while."""
        pair, seconds = self._pair, 10 if self._quick else 60
        with self._databases("steady"):
            self._pgbench("steady", "-i", "-s", "10", "-q")
            pair.copy_all("steady", "steady_target")
            pair.source.run(f"CREATE PUBLICATION {ours.NAME} FOR ALL TABLES", "steady")
            capacity = self._transactions_a_second("-c", "4", "-T", "5")
            # What measuring the capacity wrote must not count as lag.
            pair.target.drop_database("steady_target")
            pair.target.create_database("steady_target")
            pair.source.run(
                "SELECT pg_create_logical_replication_slot('steady', 'pgoutput')", "steady"
            )
            pair.copy_all("steady", "steady_target")
            load = threading.Thread(
                target=self._transactions_a_second,
                args=("-c", "4", "-R", str(int(capacity / 2)), "-T", str(seconds + 2)),
            )
            load.start()
            answer = ours.run(
                {
                    "source": wire(pair, "source", "steady"),
                    "target": wire(pair, "target", "steady_target"),
                    "follow": {"slot": "steady", "seconds": seconds},
                }
            )
            load.join()
            pair.source.run("SELECT pg_drop_replication_slot('steady')", "steady")
        rate = f"pgbench at {capacity / 2:,.0f} transactions a second (half of capacity)"
        return [
            Observation("steady", f"{rate}: lag, 95th percentile", answer["lag_p95"], "s", 1.0),
            Observation("steady", f"{rate}: CPU of the worker", answer["cpu_share"], "cores"),
        ]

    def tenfold(self) -> list[Observation]:
        """The same load, ten times larger."""
        rows = 300_000 if self._quick else 3_000_000
        answers = [self._load(count) for count in (rows, rows * 10)]
        small, large = answers
        title = f"full load, {rows:,} and {rows * 10:,} rows"
        return [
            Observation(
                "tenfold", f"{title}: time", large["seconds"] / small["seconds"], "x", 10.5
            ),
            Observation(
                "tenfold", f"{title}: memory", large["rss_mib"] / small["rss_mib"], "x", 1.1
            ),
        ]

    def downtime(self) -> list[Observation]:
        """Cutover to COMPLETE by real workers: 100 tables, each with a foreign key."""
        tables = 100
        with self._databases("downtime") as (source, target):
            script = "CREATE TABLE root (id int PRIMARY KEY);" + "".join(
                f"CREATE TABLE child_{number} (id int PRIMARY KEY, root int REFERENCES root);"
                for number in range(tables)
            )
            source.run(script)
            target.run(script)
            source.run("INSERT INTO root SELECT generate_series(1, 100)")
            for number in range(tables):
                source.run(
                    f"INSERT INTO child_{number} SELECT i, i % 100 + 1"
                    " FROM generate_series(1, 1000) i"
                )
            with _tasks() as mover:
                task = mover.start(source, target)
                task.ready()
                clock = Clock()
                task.finish()
                seconds = clock()
        return [
            Observation(
                "downtime",
                f"cutover to COMPLETE, {tables} tables with foreign keys",
                seconds,
                "s",
                2.0,
            )
        ]

    def many(self) -> list[Observation]:
        """Many tables in many databases: until every database copies."""
        databases, tables = (4, 25) if self._quick else (20, 100)
        script = data.small_tables(tables) + data.small_rows(tables, 10)
        names = [f"many_{number}" for number in range(databases)]
        try:
            pairs: list[tuple[Database, Database]] = []
            for name in names:
                pairs.append(
                    (self._create(self._pair.source, name), self._create(self._pair.target, name))
                )
                pairs[-1][0].run(script)
                pairs[-1][1].run(data.small_tables(tables))
            with _tasks() as mover:
                clock = Clock()
                tasks = [mover.start(*pair) for pair in pairs]
                slowest = 0.0
                for task in tasks:
                    slowest = max(slowest, self._until_copying(task))
                seconds = clock()
                for task in tasks:
                    task.cancel()
        finally:
            for name in names:
                self._pair.source.drop_database(name)
                self._pair.target.drop_database(name)
        title = f"{databases} databases, {databases * tables:,} tables"
        return [
            Observation("many", f"{title}: planned, prepared and copied", seconds, "s", 30.0),
            Observation("many", f"{title}: slowest answer of show meanwhile", slowest, "s"),
        ]

    # -- the parts they are made of --------------------------------------------------------

    def _load(self, rows: int) -> dict[str, Any]:
        with self._databases("tenfold") as (source, target):
            source.run(data.NARROW_TABLE + data.narrow_rows(rows))
            target.run(data.NARROW_TABLE)
            source.run("VACUUM (FREEZE, ANALYZE)")
            self._pair.settle()
            answer = ours.run(
                {
                    "source": wire(self._pair, "source", source.name),
                    "target": wire(self._pair, "target", target.name),
                }
            )
            found = [contents(one.server, one.name) for one in (source, target)]
            if found[0] != found[1]:
                raise RuntimeError("wrong contents")
            return answer

    def _until_copying(self, task: Task) -> float:
        """Wait until the load is through; the slowest answer of ``show`` on the way."""
        slowest = 0.0
        while True:
            clock = Clock()
            state = task.state
            slowest = max(slowest, clock())
            if state == "READY_TO_COMPLETE":
                return slowest
            if state in {"FAILED", "VALIDATION_FAILED", "CANCELLED"}:
                raise RuntimeError(task.story())
            time.sleep(0.1)

    @contextmanager
    def _databases(self, name: str) -> Iterator[tuple[Database, Database]]:
        source = self._create(self._pair.source, name)
        target = self._create(self._pair.target, f"{name}_target")
        try:
            yield source, target
        finally:
            source.drop()
            target.drop()

    @staticmethod
    def _create(server: Any, name: str) -> Database:
        server.create_database(name)
        return Database(server, name)

    def _transactions_a_second(self, *arguments: str) -> float:
        said = self._pgbench("steady", "-n", *arguments)
        line = next(line for line in said.splitlines() if line.startswith("tps ="))
        return float(line.split()[2])

    def _pgbench(self, database: str, *arguments: str) -> str:
        return subprocess.run(
            [self._pair.program("pgbench"), *arguments],
            env=self._pair.source.environment(database),
            check=True,
            capture_output=True,
            text=True,
        ).stdout


@contextmanager
def _tasks() -> Iterator[Mover]:
    with tempfile.TemporaryDirectory() as directory:
        mover = Mover(Path(directory) / "dms-pg")
        try:
            yield mover
        finally:
            mover.close()
