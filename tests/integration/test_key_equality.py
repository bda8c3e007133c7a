"""Rows are found by what the identifying index takes for equal, not by what the column does.

An index may have a collation or an operator class of its own (hazard 17).
"""

from __future__ import annotations

import time

import pytest

from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.following import Following

# Letters of both cases are equal by it. Of the servers in tests/support 14 has ICU.
IGNORES_CASE = (
    "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
)
LETTERS = "INSERT INTO t VALUES ('a', 1), ('A', 2), ('b', 3), ('B', 4), ('c', 5), ('C', 6)"
TABLE = IGNORES_CASE + "CREATE TABLE t (k text COLLATE ci NOT NULL, n int NOT NULL);"
INDEX = 'CREATE UNIQUE INDEX by_bytes ON t (k COLLATE "C");'
FULL = "ALTER TABLE t REPLICA IDENTITY FULL;"
ANY = "CREATE INDEX nearly ON t (k);"
# What identifies rows on the source, and what the target has.
SHAPES = {
    "the identity": (
        TABLE + INDEX + "ALTER TABLE t REPLICA IDENTITY USING INDEX by_bytes", TABLE + INDEX,
    ),
    "all columns": (TABLE + INDEX + FULL, TABLE + INDEX),
    "no key on the target": (TABLE + INDEX + FULL, TABLE),
    "an index that is no key": (TABLE + INDEX + FULL, TABLE + ANY),
    "a key by both": (
        TABLE + 'CREATE UNIQUE INDEX twice ON t (k COLLATE "C", k);' + FULL,
        TABLE + 'CREATE UNIQUE INDEX twice ON t (k, k COLLATE "C");',
    ),
}  # fmt: skip


def _change(database: Database) -> None:
    """All that the writer does by key: several rows at once, one row, keys that change."""
    database.run("UPDATE t SET n = n * 10")
    database.run("UPDATE t SET n = n + 1 WHERE k::text = 'a' COLLATE \"C\"")
    database.run("UPDATE t SET k = 'd' WHERE k::text = 'b' COLLATE \"C\"")
    database.run("DELETE FROM t WHERE k::text = 'C' COLLATE \"C\"")


@pytest.fixture
def old_pair(servers: Servers, make_database: MakeDatabase) -> tuple[Database, Database]:
    return make_database(servers.get(14)), make_database(servers.get(14))


@pytest.mark.parametrize("shape", list(SHAPES))
def test_hazard_17_an_index_that_tells_apart_what_the_column_does_not(
    old_pair: tuple[Database, Database], shape: str
) -> None:
    schema, target_schema = SHAPES[shape]
    with Following(*old_pair, schema, LETTERS, target_schema=target_schema) as following:
        with following.stopped():
            _change(old_pair[0])
        following.catch_up()
        query = 'SELECT k, n FROM t ORDER BY k COLLATE "C"'
        left = old_pair[0].run(query)
        assert [tuple(row) for row in left] == [
            ("A", 20), ("B", 40), ("a", 11), ("c", 50), ("d", 30),
        ]  # fmt: skip
        assert old_pair[1].run(query) == left


def test_a_key_that_ignores_case(old_pair: tuple[Database, Database]) -> None:
    """Its column is compared as ever, by its own collation."""
    with Following(
        *old_pair,
        IGNORES_CASE + "CREATE TABLE t (k text COLLATE ci PRIMARY KEY, n int)",
        "INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)",
    ) as following:
        source = old_pair[0]
        source.run("UPDATE t SET n = n * 10")
        source.run("UPDATE t SET k = 'A' WHERE k = 'a'")
        source.run("DELETE FROM t WHERE k = 'B'")
        following.catch_up()
        assert following.differences() == []


TEXT_OF_CITEXT = (
    "CREATE EXTENSION citext SCHEMA public; CREATE TABLE t (k citext NOT NULL, n int NOT NULL);"
)


@pytest.mark.parametrize("key_on_target", [True, False])
def test_an_operator_class_that_tells_apart_what_the_column_does_not(
    source: Database, target: Database, key_on_target: bool
) -> None:
    wider = TEXT_OF_CITEXT + "CREATE UNIQUE INDEX wider ON t (k, n);"
    index = "CREATE UNIQUE INDEX by_bytes ON t (k text_ops);"
    with Following(
        source, target,
        wider + index + "ALTER TABLE t REPLICA IDENTITY USING INDEX by_bytes",
        LETTERS,
        target_schema=wider + (index if key_on_target else ""),
    ) as following:  # fmt: skip
        with following.stopped():
            _change(source)
        following.catch_up()
        assert following.differences() == []


def test_the_target_finds_rows_through_an_index_of_another_collation(
    source: Database, target: Database
) -> None:
    """Not row by row through the whole table, though equality is the same."""
    schema = (
        'CREATE TABLE t (k text COLLATE "C" NOT NULL, n int);'
        'CREATE UNIQUE INDEX other ON t (k COLLATE "POSIX");'
        "ALTER TABLE t REPLICA IDENTITY USING INDEX other"
    )
    rows = "INSERT INTO t SELECT 'key ' || i, i FROM generate_series(1, 5000) i"
    with Following(source, target, schema, rows) as following:
        source.run("UPDATE t SET n = -n")
        following.catch_up()
        assert following.differences() == []
    scans = "SELECT idx_scan >= 5000 FROM pg_stat_user_indexes WHERE indexrelname = 'other'"
    # A session tells what it did some time after it has ended.
    deadline = time.monotonic() + 30
    while not target.value(scans):
        assert time.monotonic() < deadline, "the index was not used"
        time.sleep(0.1)
