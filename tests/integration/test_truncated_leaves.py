"""A leaf is truncated whose rows share a table on the target: exactly its rows go (hazard 22)."""

from __future__ import annotations

import pytest

from azext_dms_pg.engine.faults import ApplyError
from tests.support.databases import Database
from tests.support.following import Following

# Partitions, the flat target's columns, rows, and the leaf to truncate.
SHAPES = {
    "a list with NULL": (
        (
            "(k text, v int) PARTITION BY LIST (k);"
            "CREATE TABLE leaf PARTITION OF p FOR VALUES IN ('it''s', E'a\\\\b', NULL);"
            "CREATE TABLE rest PARTITION OF p DEFAULT"
        ),
        "VALUES ('it''s', 1), (E'a\\\\b', 1), (NULL, 1), ('c', 1)",
    ),
    "a default with NULL": (
        (
            "(k int, v int) PARTITION BY LIST (k);"
            "CREATE TABLE other PARTITION OF p FOR VALUES IN (-1, 2);"
            "CREATE TABLE leaf PARTITION OF p DEFAULT"
        ),
        "VALUES (-1, 1), (2, 1), (3, 1), (NULL, 1)",
    ),
    "a range of two columns": (
        (
            "(k int, v numeric) PARTITION BY RANGE (k, v);"
            "CREATE TABLE below PARTITION OF p FOR VALUES FROM (MINVALUE, MINVALUE) TO (-1, 2.5);"
            "CREATE TABLE leaf PARTITION OF p FOR VALUES FROM (-1, 2.5) TO (3, MAXVALUE);"
            "CREATE TABLE top PARTITION OF p FOR VALUES FROM (4, MINVALUE) TO (MAXVALUE, MAXVALUE)"
        ),
        "VALUES (-5, 9), (-1, 2.4), (-1, 2.5), (0, 0), (3, 999), (4, -9)",
    ),
    "a default of a range": (
        (
            "(k date, v int) PARTITION BY RANGE (k);"
            "CREATE TABLE may PARTITION OF p FOR VALUES FROM ('2026-05-01') TO ('2026-06-01');"
            "CREATE TABLE leaf PARTITION OF p DEFAULT"
        ),
        "VALUES ('2026-04-30', 1), ('2026-05-01', 1), ('2026-06-01', 1), (NULL, 1)",
    ),
    "a leaf of a leaf": (
        (
            "(k int, v int) PARTITION BY LIST (k);"
            "CREATE TABLE one PARTITION OF p FOR VALUES IN (1) PARTITION BY RANGE (v);"
            "CREATE TABLE leaf PARTITION OF one FOR VALUES FROM (0) TO (10);"
            "CREATE TABLE leaf_2 PARTITION OF one FOR VALUES FROM (10) TO (20);"
            "CREATE TABLE rest PARTITION OF p DEFAULT"
        ),
        "VALUES (1, 0), (1, 9), (1, 10), (2, 5)",
    ),
    "booleans": (
        (
            "(k bool, v int) PARTITION BY LIST (k);"
            "CREATE TABLE leaf PARTITION OF p FOR VALUES IN (true);"
            "CREATE TABLE rest PARTITION OF p DEFAULT"
        ),
        "VALUES (true, 1), (false, 1), (NULL, 1)",
    ),
}


@pytest.mark.parametrize("shape", list(SHAPES))
def test_exactly_its_rows_go(source: Database, target: Database, shape: str) -> None:
    schema, rows = SHAPES[shape]
    columns = schema.split(" PARTITION BY")[0]
    with Following(
        source, target, f"CREATE TABLE p {schema}", f"INSERT INTO p {rows}",
        target_schema=f"CREATE TABLE p {columns}",
    ) as following:  # fmt: skip
        source.run("TRUNCATE leaf")
        following.catch_up()
        query = "SELECT * FROM p ORDER BY 1, 2"
        left = source.run(query)
        assert left
        assert target.run(query) == left


def test_no_function_of_the_sources_choosing_is_called(source: Database, target: Database) -> None:
    """The source's partition key names a function that means something else on the target."""
    with Following(
        source, target,
        "CREATE FUNCTION place(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 % 2';"
        "CREATE TABLE p (id int) PARTITION BY LIST (place(id));"
        "CREATE TABLE leaf PARTITION OF p FOR VALUES IN (1);"
        "CREATE TABLE rest PARTITION OF p DEFAULT",
        "INSERT INTO p SELECT generate_series(1, 10)",
        target_schema="CREATE TABLE p (id int); CREATE TABLE called (id int);"
        "CREATE FUNCTION place(int) RETURNS int LANGUAGE sql AS"
        " 'INSERT INTO public.called VALUES ($1) RETURNING 1'",
    ) as following:  # fmt: skip
        source.run("TRUNCATE leaf")
        error = following.failure()
    assert isinstance(error, ApplyError)
    assert "the partition key is an expression" in error.message
    assert target.value("SELECT count(*) FROM called") == 0
    assert target.value("SELECT count(*) FROM p") == 10


def test_servers_that_sort_differently(source: Database, target: Database) -> None:
    """What lies between two texts is another set of rows under another collation."""
    with Following(
        source, target,
        'CREATE TABLE p (k text COLLATE "C") PARTITION BY RANGE (k);'
        "CREATE TABLE leaf PARTITION OF p FOR VALUES FROM ('A') TO ('a');"
        "CREATE TABLE rest PARTITION OF p DEFAULT",
        "INSERT INTO p VALUES ('B'), ('b')",
        target_schema='CREATE TABLE p (k text COLLATE "unicode")',
    ) as following:  # fmt: skip
        source.run("TRUNCATE leaf")
        error = following.failure()
    assert isinstance(error, ApplyError)
    assert "sort the values of 'k' differently" in error.message
    assert target.value("SELECT count(*) FROM p") == 2
