"""Partitioned and inherited tables: every row once, in the right place, however they are cut."""

from __future__ import annotations

import pytest

from tests.support.databases import Database
from tests.support.migrate import Mover, Outcome

ROOT = """
CREATE TABLE sale (id int, region text, at date NOT NULL, n int, PRIMARY KEY (id, region, at))
    PARTITION BY LIST (region);
"""
LEAVES = """
CREATE TABLE sale_north PARTITION OF sale FOR VALUES IN ('north', 'north-east')
    PARTITION BY RANGE (at);
CREATE TABLE sale_north_old PARTITION OF sale_north FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE sale_north_new PARTITION OF sale_north FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
CREATE TABLE sale_south (n int, at date NOT NULL, gone int, region text NOT NULL, id int NOT NULL);
ALTER TABLE sale_south DROP COLUMN gone;
ALTER TABLE sale ATTACH PARTITION sale_south FOR VALUES IN ('south');
CREATE TABLE sale_rest PARTITION OF sale DEFAULT;
"""
FLAT = "CREATE TABLE sale (n int, id int, region text, at date, PRIMARY KEY (id, region, at));"
OTHER_CUT = """
CREATE TABLE sale (id int, region text, at date NOT NULL, n int, PRIMARY KEY (id, region, at))
    PARTITION BY HASH (id);
CREATE TABLE sale_north PARTITION OF sale FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE sale_1 PARTITION OF sale FOR VALUES WITH (MODULUS 2, REMAINDER 1);
"""
# Leaves of the same names with bounds that moved: a row of the source's leaf belongs elsewhere.
MOVED_BOUNDS = LEAVES.replace("2026-01-01", "2025-06-01")
ROWS = """
INSERT INTO sale (id, region, at, n)
    SELECT i, (ARRAY['north', 'north-east', 'south', 'west', 'east'])[1 + i % 5],
    '2025-01-01'::date + i * 7, 0 FROM generate_series(1, 100) i;
"""
CHANGES = [
    "INSERT INTO sale (id, region, at, n) SELECT 1000 + id, region, at, n FROM sale",
    # Row movement between leaves, branches, and into the default partition.
    "UPDATE sale SET region = 'south' WHERE region = 'north' AND id < 20",
    "UPDATE sale SET at = at + 400 WHERE region = 'north-east'",
    "UPDATE sale SET region = 'nowhere', n = n + 1 WHERE region = 'south' AND id > 1050",
    "UPDATE sale SET n = 5 WHERE id % 7 = 0; DELETE FROM sale WHERE id % 11 = 0",
    "UPDATE sale SET id = -id WHERE id % 13 = 0",
]
SHAPES = {"as on the source": ROOT + LEAVES, "flat": FLAT, "by hash": OTHER_CUT,
    "other bounds": ROOT + MOVED_BOUNDS}  # fmt: skip


def _migrate(
    mover: Mover, source: Database, target: Database, shapes: tuple[str, str], plugin: str
) -> Outcome:
    return mover.whole(
        source,
        target,
        schema=shapes[0],
        target_schema=shapes[1],
        data=ROWS,
        changes=CHANGES,
        source_settings={"plugin": plugin},
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_partitioned_source(mover: Mover, source: Database, target: Database, shape: str) -> None:
    outcome = _migrate(mover, source, target, (ROOT + LEAVES, SHAPES[shape]), "pgoutput")
    assert set(outcome.report.source) == {"public.sale"}
    tables = [item for item in outcome.findings if item["severity"] == "blocker"]
    assert not tables


def test_a_partitioned_source_through_test_decoding(
    mover: Mover, source: Database, target: Database
) -> None:
    _migrate(mover, source, target, (ROOT + LEAVES, OTHER_CUT), "test_decoding")


def test_a_flat_source_to_a_partitioned_target(
    mover: Mover, source: Database, target: Database
) -> None:
    _migrate(mover, source, target, (FLAT, ROOT + LEAVES), "pgoutput")


def test_reported_under_the_name_of_the_root(
    mover: Mover, source: Database, target: Database
) -> None:
    task = mover.ready_with(source, target, ROOT + LEAVES, ROWS)
    assert task.tables().keys() == {"public.sale"}
    assert task.tables()["public.sale"]["fullLoadTotalRows"] == 100
    task.finish()


@pytest.mark.parametrize("shape", ["as on the source", "flat"])
@pytest.mark.parametrize(
    "statement", ["TRUNCATE sale", "TRUNCATE sale_south", "TRUNCATE sale_north"]
)
def test_truncate_of_root_branch_and_leaf(
    mover: Mover, source: Database, target: Database, statement: str, shape: str
) -> None:
    """A leaf that has no table of its own on the target loses only its own rows there."""
    source.run(ROOT + LEAVES)
    target.run(SHAPES[shape])
    source.run(ROWS)
    task = mover.start(source, target)
    task.ready()
    source.run("INSERT INTO sale VALUES (5000, 'south', '2026-05-05', 1)")
    source.run(statement)
    source.run("INSERT INTO sale VALUES (6000, 'south', '2026-05-05', 1)")
    task.finish()
    report = task.compare()
    assert report.clean, report.text


INHERITED = """
CREATE TABLE person (id int PRIMARY KEY, name text);
CREATE TABLE employee (boss int, PRIMARY KEY (id)) INHERITS (person);
CREATE TABLE manager (bonus numeric, PRIMARY KEY (id)) INHERITS (employee);
CREATE TABLE customer (since date) INHERITS (person);
ALTER TABLE customer REPLICA IDENTITY FULL;
"""


def test_inheritance(mover: Mover, source: Database, target: Database) -> None:
    """A parent's rows are its own: none of a child's comes twice or is deleted with it."""
    mover.whole(
        source,
        target,
        schema=INHERITED,
        data="""
            INSERT INTO person SELECT i, 'p' FROM generate_series(1, 10) i;
            INSERT INTO employee SELECT i, 'e', 1 FROM generate_series(1, 10) i;
            INSERT INTO manager SELECT i, 'm', 1, 1.50 FROM generate_series(1, 10) i;
            INSERT INTO customer SELECT i, 'c', '2026-01-01' FROM generate_series(1, 10) i;
        """,
        changes=[
            (
                "UPDATE person SET name = 'all' WHERE id = 1; UPDATE ONLY person SET name = 'one'"
                " WHERE id = 2; DELETE FROM ONLY employee WHERE id = 3;"
                "DELETE FROM person WHERE id = 4"
            ),
            "UPDATE ONLY customer SET since = NULL WHERE id < 6",
            "TRUNCATE ONLY employee; INSERT INTO employee VALUES (1, 'new', 2)",
        ],
    )


def test_truncates(mover: Mover, source: Database, target: Database) -> None:
    """Several tables in one statement, foreign keys between them, sequences that start over."""
    mover.whole(
        source,
        target,
        schema="""
            CREATE TABLE a (id serial PRIMARY KEY, v text);
            CREATE TABLE b (id serial PRIMARY KEY, a int REFERENCES a);
            CREATE TABLE c (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE);
            CREATE TABLE d (id int PRIMARY KEY);
        """,
        data="INSERT INTO a (v) SELECT 'x' FROM generate_series(1, 5);"
        "INSERT INTO b (a) SELECT i FROM generate_series(1, 5) i;"
        "INSERT INTO c SELECT i, i FROM generate_series(1, 5) i; INSERT INTO d VALUES (1)",
        changes=[
            "INSERT INTO a (v) VALUES ('y')",
            "TRUNCATE a, b, c RESTART IDENTITY; INSERT INTO a (v) VALUES ('first again')",
            "INSERT INTO b (a) VALUES (1)",
            "BEGIN; INSERT INTO d VALUES (2); TRUNCATE d; INSERT INTO d VALUES (3); COMMIT",
            "BEGIN; TRUNCATE a CASCADE; ROLLBACK",
        ],
    )


def test_truncate_of_a_leaf_nobody_can_tell(
    mover: Mover, source: Database, target: Database
) -> None:
    """Which rows a hash partition held is known to the source's servers alone."""
    source.run(OTHER_CUT)
    target.run(FLAT)
    source.run(ROWS)
    task = mover.start(source, target)
    task.ready()
    source.run("TRUNCATE sale_north")
    task.end("Failed")
    (error,) = task.show()["errors"]
    assert "cannot be told from them. Cancel the task and begin anew." in error["message"]
    task.cancel()
