"""Functions of the target that find their helpers by a search path: ours is empty."""

from __future__ import annotations

import pytest

from tests.support.databases import Database
from tests.support.migrate import Mover

HELPER = "CREATE FUNCTION helper(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)';"
FUNCTIONS = {
    "sql": "CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT helper($1)';",
    "plpgsql": "CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS"
    " 'BEGIN RETURN helper($1); END';",
}


@pytest.mark.parametrize(
    ("language", "use"),
    [
        ("sql", "ALTER TABLE t ADD CHECK (f(v) <> 'x')"),
        ("plpgsql", "ALTER TABLE t ADD CHECK (f(v) <> 'x')"),
        # Since 17 such an index cannot even be made over an SQL function.
        ("plpgsql", "CREATE INDEX ON t (f(v))"),
    ],
)
def test_the_function_and_the_way_out_are_named(
    mover: Mover, source: Database, target: Database, language: str, use: str
) -> None:
    for database in (source, target):
        database.run("CREATE TABLE t (id int PRIMARY KEY, v text);" + HELPER)
        database.run(FUNCTIONS[language])
        database.run(use)
    source.run("INSERT INTO t VALUES (1, 'A')")
    task = mover.start(source, target)
    task.reach("FAILED")
    said = str(task.show()["errors"])
    assert "public.t" in said
    assert "ALTER FUNCTION" in said
    assert "SET search_path" in said
    target.run("ALTER FUNCTION f(text) SET search_path = public")
    task.backend.tasks.restart(task.where)
    task.ready()
