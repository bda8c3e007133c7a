"""What has no contender, only a limit, of whole tasks: real workers, the store, the commands."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import data
from benchmarks.observe import Observation
from benchmarks.pair import Pair
from benchmarks.work import Clock
from tests.support.azcli import Az
from tests.support.databases import Database
from tests.support.migrate import Mover, Task

_NAMES = ("-g", "group", "--service-name", "service", "--project-name", "project", "-n", "task1")


class Tasks:
    """Scenarios of tasks as users start them, for one pair of servers."""

    def __init__(self, pair: Pair, *, quick: bool) -> None:
        self._pair = pair
        self._quick = quick

    def all(self) -> dict[str, Callable[[], list[Observation]]]:
        return {"downtime": self.downtime, "many": self.many, "cli": self.cli}

    def downtime(self) -> list[Observation]:
        """Cutover to COMPLETE by real workers: 100 tables, each with a foreign key."""
        tables = 100
        with self._pair.databases("downtime") as (source, target):
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
            validation = _validate_again(target)
        title = f"cutover to COMPLETE, {tables} tables with foreign keys"
        return [
            Observation("downtime", f"{title}: as seen by show", seconds, "s"),
            Observation(
                "downtime", f"{title}: beyond their validation", seconds - validation, "s", 2.0
            ),
        ]

    def many(self) -> list[Observation]:
        """Many tables in many databases of one task: until every database copies."""
        databases, tables = (4, 25) if self._quick else (20, 100)
        script = data.small_tables(tables) + data.small_rows(tables, 10)
        names = [f"many_{number}" for number in range(databases)]
        try:
            pairs: list[tuple[Database, Database]] = []
            for name in names:
                pairs.append(
                    (self._pair.database("source", name), self._pair.database("target", name))
                )
                pairs[-1][0].run(script)
                pairs[-1][1].run(data.small_tables(tables))
            with _tasks() as mover:
                clock = Clock()
                task = mover.start(*pairs[0], others=pairs[1:])
                prepared, slowest = _watch(task, databases, clock)
                copied, slower = _watch(task, databases, clock, "READY_TO_COMPLETE")
                task.cancel()
        finally:
            for name in names:
                self._pair.source.drop_database(name)
                self._pair.target.drop_database(name)
        title = f"{databases} databases, {databases * tables:,} tables in one task"
        return [
            Observation("many", f"{title}: planned and prepared", prepared, "s", 30.0),
            Observation("many", f"{title}: copied", copied, "s"),
            Observation(
                "many", f"{title}: slowest answer of show meanwhile", max(slowest, slower), "s", 2.0
            ),
        ]

    def cli(self) -> list[Observation]:
        """What showing a local task costs beside plain core's help."""
        with (
            self._pair.databases("cli") as (source, target),
            tempfile.TemporaryDirectory() as place,
        ):
            script = data.small_tables(5) + data.small_rows(5, 10)
            source.run(script)
            target.run(data.small_tables(5))
            plain = Az(Path(place) / "plain", with_extension=False)
            az = Az(Path(place) / "ours")
            mover = Mover(az.config / "dms-pg")
            try:
                task = mover.start(source, target)
                task.ready()
                show = ("dms", "project", "task", "show", *_NAMES, "--expand", "output")
                spent = [(_spent(plain, "dms", "-h"), _spent(az, *show)) for _ in range(7)]
            finally:
                mover.close()
        usual, ours_ = (statistics.median(column) for column in zip(*spent[1:], strict=True))
        return [
            Observation("cli", "az dms project task show beside az dms -h", ours_ / usual, "x", 1.3)
        ]


@contextmanager
def _tasks() -> Iterator[Mover]:
    with tempfile.TemporaryDirectory() as directory:
        mover = Mover(Path(directory) / "dms-pg")
        try:
            yield mover
        finally:
            mover.close()


def _watch(task: Task, databases: int, clock: Clock, *states: str) -> tuple[float, float]:
    """Wait until every database copies (or has come to ``states``): when, and show's slowest."""
    slowest = 0.0
    while True:
        asked = Clock()
        found = [item["migrationState"] for item in task.level("DatabaseLevelOutput")]
        slowest = max(slowest, asked())
        if any(state in {"FAILED", "VALIDATION_FAILED", "CANCELLED"} for state in found):
            raise RuntimeError(task.story())
        reached = [state in (states or {"RUNNING", "READY_TO_COMPLETE"}) for state in found]
        if len(found) == databases and all(reached):
            return clock(), slowest
        time.sleep(0.1)


def _validate_again(target: Database) -> float:
    """Seconds that validating every foreign key takes, one after the other."""
    found = target.run(
        "SELECT format('%s', conrelid::regclass), format('%I', conname), pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE contype = 'f'"
    )
    with target.connect() as connection:
        for table, name, definition in found:
            connection.execute(
                f"ALTER TABLE {table} DROP CONSTRAINT {name},"
                f" ADD CONSTRAINT {name} {definition} NOT VALID".encode()
            )
        clock = Clock()
        for table, name, _ in found:
            connection.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}".encode())
        return clock()


def _spent(az: Az, *command: str) -> float:
    clock = Clock()
    done = az.run(*command)
    if done.code != 0:
        raise RuntimeError(done.err)
    return clock()
