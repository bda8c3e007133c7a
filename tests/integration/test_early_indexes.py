"""A table's indexes are built as soon as its rows are there, while others are still copied."""

from __future__ import annotations

import pytest

from tests.support.databases import Database
from tests.support.migrate import Mover, Task

# Above the size from which indexes are taken away; the larger one is copied first.
SCHEMA = """
CREATE TABLE first (id int PRIMARY KEY, v text);
CREATE INDEX first_v ON first (v);
CREATE TABLE second (id int PRIMARY KEY, v text);
CREATE INDEX second_v ON second (v);
"""
ROWS = """
INSERT INTO first SELECT i, md5(i::text) || repeat('x', 900) FROM generate_series(1, 24000) i;
INSERT INTO second SELECT i, md5(i::text) || repeat('x', 900) FROM generate_series(1, 20000) i;
"""
VALID = (
    "SELECT count(*) FROM pg_index WHERE indisvalid AND indrelid = 'first'::regclass"
    " AND indexrelid::regclass::text = 'first_v'"
)


@pytest.fixture
def filled(source: Database, target: Database) -> tuple[Database, Database]:
    for database in (source, target):
        database.run(SCHEMA)
    source.run(ROWS)
    return source, target


def _half_loaded(mover: Mover, source: Database, target: Database) -> Task:
    """A migration that has built an index of the first table and still copies the second."""
    task = mover.start(source, target, settings={"parallelTables": "1", "maxRate": "8MB"})
    task.until(lambda: "dms_pg" in str(target.run("SELECT nspname FROM pg_namespace")), "the start")
    task.until(lambda: target.run(VALID) == [(0,)], "an index taken away")
    task.until(lambda: target.run(VALID) == [(1,)], "an index built early")
    assert not task.database()["initializationCompleted"]
    return task


def test_before_the_other_table_is_there(mover: Mover, filled: tuple[Database, Database]) -> None:
    source, target = filled
    task = _half_loaded(mover, source, target)
    task.ready()
    source.run("UPDATE first SET v = 'changed' WHERE id < 100")
    task.finish()
    assert task.compare().clean, task.story()


def test_the_copiers_are_cut_off(mover: Mover, filled: tuple[Database, Database]) -> None:
    """Whatever becomes of the load, indexes come back once."""
    source, target = filled
    task = _half_loaded(mover, source, target)
    for database in filled:
        database.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'dms-pg%' AND pid <> pg_backend_pid()"
        )
    task.ready()
    task.finish()
    assert task.compare().clean, task.story()
