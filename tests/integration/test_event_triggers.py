"""Event triggers of the source that refuse every statement that creates or drops."""

from __future__ import annotations

from tests.support.databases import Database
from tests.support.migrate import Mover

TABLE = "CREATE TABLE t (id int PRIMARY KEY);"
REFUSING = """
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE 'no changes here: %', tg_tag; END$$;
CREATE EVENT TRIGGER guard ON ddl_command_start EXECUTE PROCEDURE refuse();
"""


def test_a_publication_that_is_refused(mover: Mover, source: Database, target: Database) -> None:
    for database in (source, target):
        database.run(TABLE)
    source.run(REFUSING)
    task = mover.start(source, target)
    task.reach("FAILED")
    assert "EventTriggerOnSource" in {finding["code"] for finding in task.findings()}
    assert "ALTER EVENT TRIGGER guard DISABLE;" in str(task.show())
    source.run("ALTER EVENT TRIGGER guard DISABLE")


def test_test_decoding_creates_nothing(mover: Mover, source: Database, target: Database) -> None:
    for database in (source, target):
        database.run(TABLE)
    source.run(REFUSING)
    task = mover.start(source, target, settings={"plugin": "test_decoding"})
    task.ready()
    source.run("INSERT INTO t VALUES (1)")
    task.finish()
    assert "EventTriggerOnSource" not in {finding["code"] for finding in task.findings()}
    assert target.value("SELECT count(*) FROM t") == 1


def test_one_that_reads_a_view(mover: Mover, source: Database, target: Database) -> None:
    """Our own statements read none, and are kept from it."""
    for database in (source, target):
        database.run(TABLE)
    source.run(
        "CREATE VIEW watchers AS SELECT 1 AS who; CREATE FUNCTION watch() RETURNS event_trigger"
        " LANGUAGE plpgsql AS $$BEGIN PERFORM who FROM public.watchers; END$$;"
        "CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE PROCEDURE watch();"
        "CREATE EVENT TRIGGER watching_too ON sql_drop EXECUTE PROCEDURE watch();"
    )
    task = mover.start(source, target)
    task.ready()
    task.finish()
    assert source.run("SELECT pubname FROM pg_publication") == []
