"""Leaves of a partition key with a collation of its own share a table: their rows alone go.

(hazard 22) Of the servers in tests/support 14 has the collations of ICU.
"""

from __future__ import annotations

import pytest

from azext_dms_pg.engine.faults import ApplyError
from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.following import Following
from tests.support.migrate import Mover

IGNORES_CASE = (
    "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
)
LETTERS = "INSERT INTO p VALUES ('A', 1), ('B', 1), ('Z', 1), ('a', 1), ('b', 1), ('z', 1)"
CASES_APART = (
    "CREATE TABLE upper PARTITION OF p FOR VALUES FROM ('A') TO ('a');"
    "CREATE TABLE leaf PARTITION OF p FOR VALUES FROM ('a') TO ('zz')"
)
SOME = (
    "CREATE TABLE leaf PARTITION OF p FOR VALUES IN ('a', 'B');"
    "CREATE TABLE rest PARTITION OF p DEFAULT"
)
ALL_BUT_SOME = SOME.replace("leaf", "other").replace("rest", "leaf")

# The key's column, the partition key, and the leaves.
SHAPES = {
    "a range": ('k text COLLATE "en-x-icu"', 'RANGE (k COLLATE "C")', CASES_APART),
    "a range of a case-blind column": ("k text COLLATE ci", 'RANGE (k COLLATE "C")', CASES_APART),
    "a range of two": (
        'k text COLLATE "en-x-icu"',
        'RANGE (v, k COLLATE "POSIX")',
        (
            "CREATE TABLE upper PARTITION OF p FOR VALUES FROM (1, 'A') TO (1, 'a');"
            "CREATE TABLE leaf PARTITION OF p FOR VALUES FROM (1, 'a') TO (2, MINVALUE)"
        ),
    ),
    "a list": ("k text COLLATE ci", 'LIST (k COLLATE "C")', SOME),
    "a list by another order": ("k text COLLATE ci", 'LIST (k COLLATE "en-x-icu")', SOME),
    "a list's default": ("k text COLLATE ci", 'LIST (k COLLATE "C")', ALL_BUT_SOME),
    "a case-blind list": ("k text COLLATE ci", "LIST (k)", SOME),
}

# Column and key of the source, the target's column, leaves, and why it cannot be told.
UNCLEAR = {
    "an order that only the source may have": (
        ("k text", 'RANGE (k COLLATE "en-x-icu")', "k text"),
        (
            "CREATE TABLE leaf PARTITION OF p FOR VALUES FROM ('a') TO ('B');"
            "CREATE TABLE rest PARTITION OF p DEFAULT"
        ),
        "compared in another way than is usual",
    ),
    "a list that ignores case": (
        ("k text", "LIST (k COLLATE ci)", "k text"), SOME, "compared in another way than is usual",
    ),
    "a target that ignores case": (
        ("k text", "LIST (k)", "k text COLLATE ci"), SOME, "do not take the same values of 'k'",
    ),
    "a source that ignores case": (
        ("k text COLLATE ci", "LIST (k)", "k text"), SOME, "do not take the same values of 'k'",
    ),
}  # fmt: skip


@pytest.fixture
def old_pair(servers: Servers, make_database: MakeDatabase) -> tuple[Database, Database]:
    return (
        make_database(servers.get(14), IGNORES_CASE),
        make_database(servers.get(14), IGNORES_CASE),
    )


@pytest.mark.parametrize("shape", list(SHAPES))
def test_exactly_its_rows_go(old_pair: tuple[Database, Database], shape: str) -> None:
    column, key, leaves = SHAPES[shape]
    with Following(
        *old_pair, f"CREATE TABLE p ({column}, v int) PARTITION BY {key}; {leaves}", LETTERS,
        target_schema=f"CREATE TABLE p ({column}, v int)",
    ) as following:  # fmt: skip
        old_pair[0].run("TRUNCATE leaf")
        following.catch_up()
        query = 'SELECT k FROM p ORDER BY k COLLATE "C"'
        left = old_pair[0].run(query)
        assert 0 < len(left) < 6
        assert old_pair[1].run(query) == left


@pytest.mark.parametrize("shape", list(UNCLEAR))
def test_what_cannot_be_told_is_not_deleted(
    old_pair: tuple[Database, Database], shape: str
) -> None:
    (column, key, on_target), leaves, why = UNCLEAR[shape]
    with Following(
        *old_pair, f"CREATE TABLE p ({column}, v int) PARTITION BY {key}; {leaves}", LETTERS,
        target_schema=f"CREATE TABLE p ({on_target}, v int)",
    ) as following:  # fmt: skip
        old_pair[0].run("TRUNCATE leaf")
        error = following.failure()
    assert isinstance(error, ApplyError)
    assert why in error.message
    assert old_pair[1].value("SELECT count(*) FROM p") == 6


def test_the_statement_for_a_leaf_that_was_dropped(
    mover: Mover, old_pair: tuple[Database, Database]
) -> None:
    """What the user is told to run takes no living row away."""
    source, target = old_pair
    columns = '(k text COLLATE "en-x-icu" NOT NULL, v int)'
    source.run(f'CREATE TABLE p {columns} PARTITION BY RANGE (k COLLATE "C"); {CASES_APART}')
    source.run(LETTERS)
    source.run("ALTER TABLE upper REPLICA IDENTITY FULL; ALTER TABLE leaf REPLICA IDENTITY FULL")
    target.run(f"CREATE TABLE p {columns}")
    task = mover.start(source, target)
    task.ready()
    source.run("DROP TABLE leaf")
    before = "by itself: "
    task.until(lambda: before in task.problem(), "a pause with a statement")
    target.run(task.problem().split(before, 1)[1].split("\n")[0])
    task.ready()
    task.cutover()
    task.reach("COMPLETE")
    assert target.run("SELECT k FROM p ORDER BY 1") == [("A",), ("B",), ("Z",)]
