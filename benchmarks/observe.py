"""What has no contender, only a limit, of the engine alone: lag in the steady state, growth.

Each scenario yields ``Observation``s, which say what was seen and what it may be.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks import data, ours
from benchmarks.loads import wire
from benchmarks.pair import Pair, contents
from benchmarks.peers import Peers


@dataclass(frozen=True)
class Observation:
    """One number and its limit (None: only reported)."""

    name: str
    title: str
    value: float
    unit: str
    at_most: float | None = None

    @property
    def reached(self) -> bool | None:
        return None if self.at_most is None else self.value <= self.at_most


class Engine:
    """Scenarios of the engine by itself, for one pair of servers."""

    def __init__(self, pair: Pair, rounds: int, *, quick: bool) -> None:
        self._pair = pair
        self._rounds = rounds
        self._quick = quick

    def all(self) -> dict[str, Callable[[], list[Observation]]]:
        return {
            "steady": self.steady,
            "tenfold": self.tenfold,
        }

    def steady(self) -> list[Observation]:
        """pgbench at half of what the source can do, for a while."""
        pair, seconds = self._pair, 10 if self._quick else 60
        with self._pair.databases("steady"):
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
        """The same load, ten times larger; in turns, after one that is not counted.

        The first large load writes to a disk, and to a WAL, that have never been that large, which
        costs more than any later one.
        """
        rows = 300_000 if self._quick else 3_000_000
        names = {"small": rows, "large": rows * 10}
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        with ExitStack() as stack:
            for name, count in names.items():
                stack.enter_context(self._filled(name, count))
            for turn in range(self._rounds + 1):
                for name in names:
                    answer = self._load(name)
                    if turn:
                        runs[name].append(answer)

        def growth(what: str) -> float:
            small, large = (median(float(run[what]) for run in runs[name]) for name in names)
            return large / small

        title = f"full load, {rows:,} and {rows * 10:,} rows"
        own = f"{title}: time of the server's own COPY FROM file"
        return [
            Observation("tenfold", f"{title}: time", growth("seconds"), "x", 10.5),
            Observation("tenfold", own, growth("floor"), "x"),
            Observation("tenfold", f"{title}: memory", growth("rss_mib"), "x", 1.1),
        ]

    # -- the parts they are made of --------------------------------------------------------

    @contextmanager
    def _filled(self, name: str, rows: int) -> Iterator[None]:
        """A source database with so many rows, and an empty template for its targets."""
        pair = self._pair
        pair.source.create_database(name)
        pair.target.create_database(f"{name}_template")
        try:
            pair.source.run(data.NARROW_TABLE + data.narrow_rows(rows), name)
            pair.source.run("VACUUM (FREEZE, ANALYZE)", name)
            pair.target.run(data.NARROW_TABLE, f"{name}_template")
            yield
        finally:
            pair.source.drop_database(name)
            pair.target.drop_database(f"{name}_template")

    def _load(self, name: str) -> dict[str, Any]:
        pair, template = self._pair, f"{name}_template"
        with pair.target_database("arrival", template) as target:
            answer = ours.run(
                {"source": wire(pair, "source", name), "target": wire(pair, "target", target)}
            )
            expected, found = contents(pair.source, name), contents(pair.target, target)
            if expected != found:
                raise RuntimeError("wrong contents")
        with pair.target_database("arrival", template) as target:
            floor = Peers(pair, name).floor(target, "narrow")
        pair.empty_scratch()
        return {**answer, "floor": floor.seconds}

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
