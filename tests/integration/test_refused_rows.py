"""Rows the source takes since it dropped what the target still refuses them for."""

from __future__ import annotations

import pytest

from tests.support.databases import Database
from tests.support.migrate import Mover, Task

BY_ITSELF = "by itself: "
SCHEMA = """
CREATE TYPE pt AS (x int, y int);
CREATE DOMAIN small AS int CONSTRAINT low CHECK (VALUE < 10);
CREATE TABLE t (id int CONSTRAINT t_pkey PRIMARY KEY, a int CONSTRAINT few CHECK (a < 10),
                b int NOT NULL CONSTRAINT one UNIQUE, s small NOT NULL, p pt,
                r int4range, CONSTRAINT apart EXCLUDE USING gist (r WITH &&));
ALTER TABLE t REPLICA IDENTITY FULL;
"""
ROWS = "INSERT INTO t VALUES (1, 1, 1, 1, '(1,2)', '[1,2)'), (2, 2, 2, 2, NULL, '[2,3)')"

# DDL on the source, the row that makes it matter, the statement.
CASES = {
    "a check": (
        "ALTER TABLE t DROP CONSTRAINT few",
        "INSERT INTO t VALUES (3, 99, 3, 3)",
        "ALTER TABLE public.t DROP CONSTRAINT few;",
    ),
    "another check": (
        "ALTER TABLE t DROP CONSTRAINT few, ADD CONSTRAINT few CHECK (a < 100)",
        "UPDATE t SET a = 99 WHERE id = 1",
        (
            "ALTER TABLE public.t DROP CONSTRAINT few;"
            " ALTER TABLE public.t ADD CONSTRAINT few CHECK ((a < 100));"
        ),
    ),
    "unique": (
        "ALTER TABLE t DROP CONSTRAINT one",
        "INSERT INTO t VALUES (3, 3, 1, 3)",
        "ALTER TABLE public.t DROP CONSTRAINT one;",
    ),
    "an exclusion": (
        "ALTER TABLE t DROP CONSTRAINT apart",
        "INSERT INTO t VALUES (3, 3, 3, 3, NULL, '[1,9)')",
        "ALTER TABLE public.t DROP CONSTRAINT apart;",
    ),
    "NOT NULL": (
        "ALTER TABLE t ALTER b DROP NOT NULL",
        "INSERT INTO t VALUES (3, 3, NULL, 3)",
        "ALTER TABLE public.t ALTER COLUMN b DROP NOT NULL;",
    ),
    "a domain": (
        "ALTER DOMAIN small DROP CONSTRAINT low",
        "UPDATE t SET s = 99 WHERE id = 1",
        "ALTER DOMAIN public.small DROP CONSTRAINT low;",
    ),
    "the primary key": (
        "ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (id, b)",
        "INSERT INTO t VALUES (1, 3, 3, 3)",
        (
            "ALTER TABLE public.t DROP CONSTRAINT t_pkey;"
            " ALTER TABLE public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id, b);"
        ),
    ),
    "an attribute": (
        "ALTER TYPE pt ADD ATTRIBUTE z int",
        "UPDATE t SET p = '(1,2,3)' WHERE id = 1",
        "ALTER TYPE public.pt ADD ATTRIBUTE z integer;",
    ),
}


def _begin(mover: Mover, source: Database, target: Database, own: str = "") -> Task:
    for database in (source, target):
        database.run(SCHEMA)
    target.run(own)
    source.run(ROWS)
    task = mover.start(source, target)
    task.ready()
    return task


def _paused(task: Task) -> tuple[str, str]:
    """Wait for the pause; the whole text, and the statement in it."""
    task.until(lambda: BY_ITSELF in task.problem(), "a pause with a statement")
    text = task.problem()
    return text, text.split(BY_ITSELF, 1)[1].split("\n")[0]


def _ends_equal(task: Task) -> None:
    task.until(lambda: not task.problem(), "going on by itself")
    task.ready()
    task.finish()
    report = task.compare(catalogue_before=None)
    assert report.clean, report.text


@pytest.mark.parametrize("case", list(CASES))
def test_pauses_with_the_statement_and_goes_on(
    mover: Mover, source: Database, target: Database, case: str
) -> None:
    ddl, change, expected = CASES[case]
    task = _begin(mover, source, target)
    source.run(f"BEGIN; {ddl}; {change}; COMMIT")
    text, statement = _paused(task)
    assert statement == expected
    assert "begin anew" not in text
    target.run(statement)
    _ends_equal(task)


def test_a_constraint_that_speaks_at_the_commit(
    mover: Mover, source: Database, target: Database
) -> None:
    """No statement of ours was under way: only the target says which table it is."""
    deferred = "; ALTER TABLE t ADD CONSTRAINT late UNIQUE (a) DEFERRABLE"
    task = mover.ready_with(source, target, SCHEMA + deferred, ROWS)
    source.run("BEGIN; ALTER TABLE t DROP CONSTRAINT late; INSERT INTO t VALUES (3, 1, 3, 3); END")
    text, statement = _paused(task)
    assert statement == "ALTER TABLE public.t DROP CONSTRAINT late;"
    assert "the target's own" not in text
    target.run(statement)
    _ends_equal(task)


PARTS = """
CREATE TABLE p (id int, day int, v int CONSTRAINT few CHECK (v < 10), PRIMARY KEY (id, day))
    PARTITION BY RANGE (day);
"""


@pytest.mark.parametrize("bounds", [(0, 10, 20), (0, 5, 20)])
def test_a_constraint_of_a_partitioned_table(
    mover: Mover, source: Database, target: Database, bounds: tuple[int, int, int]
) -> None:
    """A partition refuses; the constraint goes from the table it was made for."""
    for database, (low, middle, high) in ((source, (0, 10, 20)), (target, bounds)):
        database.run(
            f"{PARTS} CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM ({low}) TO ({middle});"
            f"CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM ({middle}) TO ({high})"
        )
    target.run("ALTER TABLE p_2 ADD CONSTRAINT own CHECK (v > 0)")
    task = mover.start(source, target)
    task.ready()
    source.run("BEGIN; ALTER TABLE p DROP CONSTRAINT few; INSERT INTO p VALUES (1, 8, 99); COMMIT")
    _, statement = _paused(task)
    assert statement == "ALTER TABLE public.p DROP CONSTRAINT few;"
    target.run(statement)
    task.until(lambda: not task.problem(), "going on by itself")
    source.run("INSERT INTO p VALUES (1, 18, 0)")
    text, statement = _paused(task)
    assert statement == "ALTER TABLE public.p_2 DROP CONSTRAINT own;"
    assert "the target's own" in text
    target.run(statement)
    _ends_equal(task)


def test_a_look_finds_it_before_a_row_does(
    mover: Mover, source: Database, target: Database
) -> None:
    own = "ALTER TABLE t ADD CONSTRAINT own CHECK (a > 0)"
    task = _begin(mover, source, target, own)
    source.run("ALTER TABLE t DROP CONSTRAINT few; ALTER DOMAIN small DROP CONSTRAINT low")
    task.cutover()
    text, statement = _paused(task)
    assert set(statement.split("; ")) == {
        "ALTER TABLE public.t DROP CONSTRAINT few;",
        "ALTER DOMAIN public.small DROP CONSTRAINT low",
    }
    assert "  " not in text
    target.run(statement)
    task.reach("COMPLETE")


def test_a_column_of_a_new_type_and_a_sequence(
    mover: Mover, source: Database, target: Database
) -> None:
    task = _begin(mover, source, target)
    source.run(
        "CREATE DOMAIN d AS int CHECK (VALUE > 0); CREATE TYPE c AS (d d, t text);"
        "ALTER TABLE t ADD COLUMN c c, ADD COLUMN n serial;"
        "INSERT INTO t VALUES (3, 3, 3, 3, NULL, NULL, '(1,x)')"
    )
    _, statement = _paused(task)
    target.run(statement)
    _ends_equal(task)
    assert target.value("SELECT c::text FROM t WHERE id = 3") == "(1,x)"
    assert target.value("SELECT pg_get_serial_sequence('t', 'n')") == "public.t_n_seq"


@pytest.mark.parametrize(
    ("own", "change", "expected"),
    [
        (
            "ALTER TABLE t ADD CONSTRAINT own CHECK (a < 5); CREATE UNIQUE INDEX mine ON t (s)",
            "INSERT INTO t VALUES (3, 7, 3, 3)",
            "ALTER TABLE public.t DROP CONSTRAINT own;",
        ),
        (
            "ALTER TABLE t ALTER a SET NOT NULL; CREATE UNIQUE INDEX mine ON t (s)",
            "INSERT INTO t VALUES (3, 3, 3, 2)",
            "DROP INDEX public.mine;",
        ),
    ],
)
def test_what_the_target_had_on_its_own(
    mover: Mover, source: Database, target: Database, own: str, change: str, expected: str
) -> None:
    """Only what refuses the row is named, and that it is the target's own."""
    task = _begin(mover, source, target, own)
    source.run("ALTER TABLE t DROP CONSTRAINT apart")
    source.run(change)
    text, statement = _paused(task)
    task.until(lambda: "own" in task.problem(), "the refusal")
    text, statement = _paused(task)
    assert "the target's own" in text
    assert expected in statement
    assert "mine" not in statement or "mine" in expected
    assert "NOT NULL" not in statement
    target.run(statement)
    _ends_equal(task)


def test_a_column_of_the_targets_own(mover: Mover, source: Database, target: Database) -> None:
    """Other differences that were accepted at the beginning are not brought up."""
    own = "ALTER TABLE t ADD COLUMN more int NOT NULL DEFAULT 7, ALTER a TYPE bigint"
    task = _begin(mover, source, target, own)
    target.run("ALTER TABLE t ALTER more DROP DEFAULT")
    source.run("INSERT INTO t VALUES (3, 3, 3, 3)")
    text, statement = _paused(task)
    assert statement == "ALTER TABLE public.t ALTER COLUMN more DROP NOT NULL;"
    assert "the target's own" in text
    target.run(statement)
    task.until(lambda: target.value("SELECT count(*) FROM t") == 3, "the row")


def test_a_constraint_both_have_is_left(mover: Mover, source: Database, target: Database) -> None:
    """A row of the target's own stands in the way: no statement is suggested."""
    task = _begin(mover, source, target)
    target.run("INSERT INTO t VALUES (3, 3, 3, 3)")
    source.run("INSERT INTO t VALUES (4, 3, 3, 3)")
    task.reach("FAILED")
    assert "DROP" not in str(task.findings())
