"""Tables that change names with each other: a name means another table from one moment on.

Source and target are followed by what a table is, not by what it is called.
"""

from __future__ import annotations

import pytest

from tests.support import oracle
from tests.support.databases import Database
from tests.support.migrate import Mover, Task

BY_ITSELF = "by itself: "
TABLES = "CREATE TABLE t (id int PRIMARY KEY, a text); CREATE TABLE u (id int PRIMARY KEY, a text);"
ROWS = "INSERT INTO t VALUES (1, 'of t'); INSERT INTO u VALUES (1, 'of u')"
SWAP = (
    "BEGIN; ALTER TABLE t RENAME TO z; ALTER TABLE u RENAME TO t; ALTER TABLE z RENAME TO u; COMMIT"
)
WRITES = (
    "INSERT INTO t VALUES (2, 'into t, once u')",
    "INSERT INTO u VALUES (3, 'into u, once t')",
    "UPDATE t SET a = a || '!'",
)


def _begin(mover: Mover, source: Database, target: Database, schema: str = TABLES,
           rows: str = ROWS, **settings: str) -> Task:  # fmt: skip
    return mover.ready_with(source, target, schema, rows, settings=settings)


def _mend(task: Task) -> str:
    """Wait for the pause and do what the user is told to do; the statements."""
    task.until(lambda: BY_ITSELF in task.problem(), "a pause with a statement")
    statements = task.problem().split(BY_ITSELF, 1)[1].split("\n")[0]
    task.target.run(statements)
    return statements


def _ends_equal(task: Task) -> None:
    task.reach("COMPLETE")
    report = oracle.compare(task.source, task.target)
    assert report.clean, report.text


def test_on_the_source_alone(mover: Mover, source: Database, target: Database) -> None:
    task = _begin(mover, source, target)
    source.run(SWAP)
    for write in WRITES:
        source.run(write)
    task.cutover()
    assert "RENAME TO" in _mend(task)
    _ends_equal(task)
    assert target.value("SELECT a FROM t WHERE id = 1") == "of u!"


def test_on_both_sides(mover: Mover, source: Database, target: Database) -> None:
    task = _begin(mover, source, target)
    for database in (source, target):
        database.run(SWAP)
    for write in WRITES:
        source.run(write)
    task.settle()
    assert target.value("SELECT count(*) FROM t") == 2
    task.cutover()
    _ends_equal(task)


def test_schemas(mover: Mover, source: Database, target: Database) -> None:
    task = _begin(
        mover, source, target,
        "CREATE SCHEMA a; CREATE TABLE a.t (id int PRIMARY KEY, v text);"
        "CREATE SCHEMA b; CREATE TABLE b.t (id int PRIMARY KEY, v text)",
        "INSERT INTO a.t VALUES (1, 'a'); INSERT INTO b.t VALUES (1, 'b')",
    )  # fmt: skip
    source.run(
        "BEGIN; ALTER SCHEMA a RENAME TO z; ALTER SCHEMA b RENAME TO a;"
        "ALTER SCHEMA z RENAME TO b; COMMIT"
    )
    source.run("INSERT INTO a.t VALUES (2, 'into a, once b')")
    task.cutover()
    _mend(task)
    _ends_equal(task)


def test_the_name_of_a_table_that_was_dropped(
    mover: Mover, source: Database, target: Database
) -> None:
    task = _begin(mover, source, target)
    source.run("BEGIN; DROP TABLE u; ALTER TABLE t RENAME TO u; COMMIT")
    source.run("INSERT INTO u VALUES (2, 'more')")
    task.cutover()
    assert "DROP TABLE" in _mend(task)
    _ends_equal(task)


def test_partitioned_tables(mover: Mover, source: Database, target: Database) -> None:
    task = _begin(
        mover, source, target,
        "CREATE TABLE t (id int PRIMARY KEY, a text) PARTITION BY RANGE (id);"
        "CREATE TABLE u (id int PRIMARY KEY, a text) PARTITION BY RANGE (id);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE u1 PARTITION OF u FOR VALUES FROM (0) TO (10);",
    )  # fmt: skip
    source.run(SWAP)
    for write in WRITES:
        source.run(write)
    task.cutover()
    _mend(task)
    _ends_equal(task)


@pytest.mark.parametrize("change", [SWAP, "BEGIN; DROP TABLE u; ALTER TABLE t RENAME TO u; COMMIT"])
def test_test_decoding_knows_names_alone(
    mover: Mover, source: Database, target: Database, change: str
) -> None:
    task = _begin(mover, source, target, plugin="test_decoding")
    source.run(change)
    source.run("INSERT INTO u VALUES (3, 'into u, once t')")
    task.reach("FAILED")
    codes = {finding["code"] for finding in task.findings()}
    assert "SourceNameReused" in codes, task.story()
