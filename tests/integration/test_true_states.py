"""States say what is so: of servers that are away, of databases that fail beside others."""

from __future__ import annotations

from tests.fix_postgres import MakeDatabase
from tests.fix_proxy import MakeProxy
from tests.support import oracle
from tests.support.databases import Database
from tests.support.migrate import Mover

SCHEMA = "CREATE TABLE t (id int PRIMARY KEY, v text)"
_NO_SCHEMAS = """
CREATE FUNCTION nope() RETURNS event_trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION 'no schemas here'; END$$;
CREATE EVENT TRIGGER nope ON ddl_command_start WHEN TAG IN ('CREATE SCHEMA')
    EXECUTE PROCEDURE nope();
"""


def test_nothing_is_ready_while_the_source_is_away(
    mover: Mover, source: Database, target: Database, make_proxy: MakeProxy
) -> None:
    proxy = make_proxy(source.server)
    for database in (source, target):
        database.run(SCHEMA)
    task = mover.start(source, target, source_by=proxy)
    task.ready()
    proxy.refuse()
    proxy.cut()
    task.reach("RUNNING")
    task.until(lambda: "cannot be reached" in task.problem(), "a problem told")
    assert task.state == "RUNNING"
    proxy.resume()
    task.ready()
    task.finish()


def test_a_new_worker_is_not_ready_before_it_has_looked(
    mover: Mover, source: Database, target: Database, make_proxy: MakeProxy
) -> None:
    proxy = make_proxy(source.server)
    for database in (source, target):
        database.run(SCHEMA)
    task = mover.start(source, target, source_by=proxy)
    task.ready()
    mover.close()
    proxy.refuse()
    task.backend.tasks.restart(task.where)
    task.until(lambda: "cannot be reached" in task.problem(), "a problem told")
    assert task.state == "RUNNING"
    proxy.resume()
    task.ready()
    task.finish()


def test_a_database_that_fails_at_the_beginning_is_cancelled_with_the_others(
    mover: Mover, source: Database, target: Database, make_database: MakeDatabase
) -> None:
    """The first has a slot by then: the task did not fail in validation, where nothing is left."""
    other = make_database(source.server, SCHEMA)
    refusing = make_database(target.server, SCHEMA + ";" + _NO_SCHEMAS)
    for database in (source, target):
        database.run(SCHEMA)
    source.run("INSERT INTO t VALUES (1, 'x')")
    task = mover.start(source, target, others=[(other, refusing)])
    task.ready()

    def failed() -> bool:
        return bool(task.level("DatabaseLevelOutput")[1]["migrationState"] == "FAILED")

    task.until(failed, "the end of the second database")
    # And now the first one: its row is not there to be changed.
    target.run("DELETE FROM t")
    source.run("UPDATE t SET v = 'y'")
    task.reach("FAILED")
    task.end("Failed")
    task.cancel()
    assert oracle.source_leftovers(source) == []
    assert oracle.target_leftovers(target) == []
