"""The last moments of a cutover: whoever dies in them, what was done is told as done."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

from tests.integration.test_second_machine import copied
from tests.support.databases import Database
from tests.support.migrate import PATIENCE, Mover, Task

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text);"
ROWS = "INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 500) i"

# Writing COMPLETE takes until the test has had enough of it.
STALL = """
CREATE TRIGGER stall BEFORE UPDATE ON task_database WHEN NEW.state = 'COMPLETE' BEGIN
    SELECT count(*) FROM (
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000000)
        SELECT i FROM n
    );
END
"""
IS_THERE = "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'dms_pg'"


def _ready(
    mover: Mover, source: Database, target: Database, settings: dict[str, str] | None = None
) -> Task:
    source.run(TABLE + ROWS)
    target.run(TABLE)
    task = mover.start(source, target, settings=settings)
    task.ready()
    return task


def _tell(task: Task, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(task.directory / "state.db")) as store, store:
        store.execute(statement)


@pytest.mark.parametrize("then", ["restart", "cancel"])
def test_killed_before_complete_was_written(
    mover: Mover, source: Database, target: Database, then: str
) -> None:
    """Truncating what has been cut over would lose whatever was written to it since."""
    task = _ready(mover, source, target, {"nonEmptyTarget": "truncate"})
    _tell(task, STALL)
    task.cutover()
    deadline = time.monotonic() + PATIENCE
    while target.value(IS_THERE):
        assert time.monotonic() < deadline, "never forgotten on the target"
        time.sleep(0.02)
    mover.close()
    assert task.state != "COMPLETE"
    _tell(task, "DROP TRIGGER stall")
    target.run("INSERT INTO t VALUES (-1, 'written after the cutover')")
    getattr(task.backend.tasks, then)(task.where)
    task.end("Succeeded")
    assert task.state == "COMPLETE", task.story()
    assert target.value("SELECT count(*) FROM t") == 501
    assert source.value("SELECT count(*) FROM pg_catalog.pg_replication_slots") == 0


def test_cut_over_from_another_machine(
    mover: Mover, source: Database, target: Database, tmp_path: Path
) -> None:
    """The first one, back again, has no part in it any more, and must not begin anew."""
    task = _ready(mover, source, target, {"nonEmptyTarget": "truncate"})
    mover.close()
    other = copied(task, tmp_path / "elsewhere")
    other.backend.tasks.restart(other.where)
    other.ready()
    other.finish()
    target.run("INSERT INTO t VALUES (-1, 'written after the cutover')")
    task.backend.tasks.restart(task.where)
    task.end("Failed")
    assert "no record of this migration any more" in str(task.show())
    assert target.value("SELECT count(*) FROM t") == 501
    task.backend.tasks.cancel(task.where)
    task.end("Canceled")
    assert target.value("SELECT count(*) FROM t") == 501
