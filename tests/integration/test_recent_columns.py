"""A backlog of deleted rows without a key that is older than columns with a default.

test_decoding prints no NULL of a row that goes: its text does not tell NULL from "not there yet".
"""

from __future__ import annotations

import pytest

from tests.support.asleep import asleep, ends_equal
from tests.support.databases import Database
from tests.support.migrate import Mover, Task

SCHEMA = "CREATE TABLE t (a int, b text); ALTER TABLE t REPLICA IDENTITY FULL;"
ROWS = "INSERT INTO t SELECT i % 4, NULLIF(i % 3, 1)::text FROM generate_series(1, 60) i"


@pytest.fixture(params=["pgoutput", "test_decoding"])
def task(mover: Mover, source: Database, target: Database, request: pytest.FixtureRequest) -> Task:
    return asleep(mover, source, target, SCHEMA, ROWS, plugin=request.param)


def _both(task: Task, statement: str) -> None:
    for database in (task.source, task.target):
        database.run(statement)


def test_deleted_before_it_came(task: Task) -> None:
    task.source.run("DELETE FROM t WHERE a = 2")
    _both(task, "ALTER TABLE t ADD c text DEFAULT 'new', ADD d text")
    task.source.run("DELETE FROM t WHERE a = 3")
    ends_equal(task)


def test_deleted_between_two(task: Task) -> None:
    """Each row lacks as many columns as there were not yet."""
    task.source.run("DELETE FROM t WHERE a = 0")
    _both(task, "ALTER TABLE t ADD c json DEFAULT '{\"n\": 1}'")
    task.source.run("DELETE FROM t WHERE a = 1 AND b = '0'")
    _both(task, "ALTER TABLE t ADD d numeric DEFAULT 1.50")
    task.source.run("DELETE FROM t WHERE a = 1 AND b IS NULL")
    ends_equal(task)


def test_one_of_equal_rows(task: Task) -> None:
    """What goes and what comes are printed alike, and are two different rows."""
    task.source.run("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t WHERE a = 2 AND b = '2')")
    _both(task, "ALTER TABLE t ADD c int DEFAULT 5")
    task.source.run("INSERT INTO t VALUES (2, '2', NULL)")
    ends_equal(task)


def test_null_since(task: Task, mover: Mover) -> None:
    """The column was there, and the row had nothing in it."""
    _both(task, "ALTER TABLE t ADD c int DEFAULT 5")
    task.source.run("UPDATE t SET c = NULL WHERE a < 2; INSERT INTO t VALUES (8, 'x', 5)")
    task.backend.tasks.restart(task.where)
    task.ready()
    mover.close()
    task.source.run("DELETE FROM t WHERE a = 1")
    _both(task, "ALTER TABLE t ADD d int DEFAULT 6")
    task.source.run("DELETE FROM t WHERE a = 2; DELETE FROM t WHERE a = 0 AND b = '0'")
    ends_equal(task)


def test_no_cast_of_the_users_is_asked(task: Task) -> None:
    """The oracle does ask it, and is told what it likes."""
    _both(
        task,
        "CREATE TYPE mood AS ENUM ('low', 'hi');"
        "CREATE FUNCTION lie(mood) RETURNS text LANGUAGE plpgsql"
        " AS $$ BEGIN IF current_setting('application_name') ~ '^dms-pg' THEN RAISE 'asked';"
        " END IF; RETURN 'same'; END $$;"
        "CREATE CAST (mood AS text) WITH FUNCTION lie(mood) AS IMPLICIT",
    )
    task.source.run("DELETE FROM t WHERE a = 2")
    _both(task, "ALTER TABLE t ADD c mood DEFAULT 'hi'")
    task.source.run("DELETE FROM t WHERE a = 3")
    ends_equal(task)
