"""A backlog that is older than what columns are called now, on both sides."""

from __future__ import annotations

import pytest

from tests.support.asleep import asleep, ends_equal
from tests.support.databases import Database
from tests.support.migrate import Mover

SCHEMA = "CREATE TABLE t (id int PRIMARY KEY, a int, b int, c text);"
ROWS = "INSERT INTO t SELECT i, i, i * 100, 'c' FROM generate_series(1, 9) i"

plugins = pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])


@plugins
def test_a_name_given_to_another_and_then_one_dropped(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    """b is what was called a: its values of then must not become those of now."""
    task = asleep(mover, source, target, SCHEMA, ROWS, plugin=plugin)
    source.run("UPDATE t SET a = a + 1000, b = b + 5 WHERE id < 5; INSERT INTO t VALUES (20, 1, 2)")
    for database in (source, target):
        database.run(
            "ALTER TABLE t RENAME a TO x; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME x TO b;"
            "ALTER TABLE t DROP COLUMN a"
        )
    source.run("UPDATE t SET b = b + 1 WHERE id = 7")
    ends_equal(task)


@plugins
def test_between_two_changes_of_names(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    """One column is called as it is now, two others as they were at the beginning."""
    task = asleep(mover, source, target, SCHEMA, ROWS, plugin=plugin)
    first = "ALTER TABLE t RENAME c TO d;"
    swap = "ALTER TABLE t RENAME a TO x; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME x TO b;"
    source.run(first)
    source.run("UPDATE t SET a = a + 1000, d = 'then' WHERE id < 5")
    source.run(swap)
    source.run("UPDATE t SET b = b + 1 WHERE id = 7")
    target.run(first + swap)
    ends_equal(task)


@plugins
def test_a_delete_by_the_key_s_former_name(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    task = asleep(mover, source, target, SCHEMA, ROWS, plugin=plugin)
    source.run("DELETE FROM t WHERE id = 3")
    for database in (source, target):
        database.run("ALTER TABLE t RENAME id TO number")
    source.run("DELETE FROM t WHERE number = 4; INSERT INTO t VALUES (30, 1, 2, 'later')")
    ends_equal(task)


@plugins
def test_a_key_s_name_that_nobody_remembers(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    """Neither that of the beginning nor that of today, and the first word is a DELETE."""
    task = asleep(mover, source, target, SCHEMA, ROWS, plugin=plugin)
    source.run("ALTER TABLE t RENAME id TO between; DELETE FROM t WHERE between = 3")
    source.run("ALTER TABLE t RENAME between TO number; UPDATE t SET a = 7 WHERE number = 4")
    target.run("ALTER TABLE t RENAME id TO number")
    ends_equal(task)


def test_a_key_s_name_that_cannot_be_told(mover: Mover, source: Database, target: Database) -> None:
    """The replica identity is another one by now, so it does not say whose name that was."""
    task = asleep(mover, source, target, SCHEMA, ROWS, plugin="test_decoding")
    source.run("ALTER TABLE t RENAME id TO between; DELETE FROM t WHERE between = 3")
    for database in (source, target):
        database.run(
            "ALTER TABLE t ALTER COLUMN b SET NOT NULL; CREATE UNIQUE INDEX i ON t (b);"
            "ALTER TABLE t REPLICA IDENTITY USING INDEX i"
        )
    source.run("ALTER TABLE t RENAME between TO number")
    target.run("ALTER TABLE t RENAME id TO number")
    task.backend.tasks.restart(task.where)
    task.reach("FAILED")
    assert "SchemaUnclear" in {finding["code"] for finding in task.findings()}


def test_keys_come_back_to_the_columns_they_were_on(
    mover: Mover, source: Database, target: Database
) -> None:
    """Whatever those are called by then: names may have changed places, on either table."""
    schema = (
        "CREATE TABLE a (id int PRIMARY KEY, other int UNIQUE);"
        "CREATE TABLE b (id int PRIMARY KEY, x int REFERENCES a, y int REFERENCES a (other)"
        ' ON DELETE SET NULL (y), "X y" int REFERENCES b);'
    )
    rows = "INSERT INTO a VALUES (1, 10), (2, 20); INSERT INTO b VALUES (1, 1, 20, 1)"
    task = asleep(mover, source, target, schema, rows, plugin="pgoutput")
    renames = (
        "ALTER TABLE b RENAME x TO t; ALTER TABLE b RENAME y TO x; ALTER TABLE b RENAME t TO y;"
        'ALTER TABLE b RENAME "X y" TO "o; --"; ALTER TABLE a RENAME other TO "another one";'
    )
    source.run(renames + "INSERT INTO b VALUES (2, 2, 10, 1)")
    target.run(renames)
    ends_equal(task)
    keys = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' ORDER BY 1"
    assert target.run(keys) == source.run(keys)
    assert "NotRestored" not in {finding["code"] for finding in task.findings()}
