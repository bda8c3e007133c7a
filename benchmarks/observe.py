"""What has no contender, only a limit, of the engine alone: lag in the steady state, growth.

Each scenario yields ``Observation``s, which say what was seen and what it may be.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
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

    def __init__(self, pair: Pair, *, quick: bool) -> None:
        self._pair = pair
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
        """The same load, ten times larger."""
        rows = 300_000 if self._quick else 3_000_000
        small, large = (self._load(count) for count in (rows, rows * 10))
        title = f"full load, {rows:,} and {rows * 10:,} rows"
        return [
            Observation(
                "tenfold", f"{title}: time", large["seconds"] / small["seconds"], "x", 10.5
            ),
            Observation(
                "tenfold",
                f"{title}: time of the server's own COPY FROM file",
                large["floor"] / small["floor"],
                "x",
            ),
            Observation(
                "tenfold", f"{title}: memory", large["rss_mib"] / small["rss_mib"], "x", 1.1
            ),
        ]

    # -- the parts they are made of --------------------------------------------------------

    def _load(self, rows: int) -> dict[str, Any]:
        with self._pair.databases("tenfold") as (source, target):
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
            target.run("TRUNCATE narrow")
            floor = Peers(self._pair, source.name).floor(target.name, "narrow")
            self._pair.empty_scratch()
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
