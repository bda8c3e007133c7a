"""A transaction the target refuses: everything committed before it is there, nothing after it."""

from __future__ import annotations

import pytest

from tests.support.databases import Database
from tests.support.migrate import Mover


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_one_of_many(mover: Mover, source: Database, target: Database, plugin: str) -> None:
    """However many went together."""
    source.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
    # What only the target has stands in the way; it is the user's, and not for us to drop.
    target.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE other (id int)")
    task = mover.start(
        source,
        target,
        settings={"batchMilliseconds": "3000"},
        source_settings={"plugin": plugin},
    )
    task.ready()
    target.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.v = 'refused' THEN RAISE 'not here'; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse();"
        "ALTER TABLE t ENABLE ALWAYS TRIGGER refuse"
    )
    for number in range(60):
        value = "refused" if number == 40 else "taken"
        source.run(f"INSERT INTO t VALUES ({number}, '{value}')")
    task.reach("FAILED")
    assert target.run("SELECT count(*), max(id) FROM t") == [(40, 39)]
    target.run("DROP TRIGGER refuse ON t")
    task.backend.tasks.restart(task.where)
    task.ready()
    task.finish()
    assert target.run("SELECT count(*) FROM t") == [(60,)]
