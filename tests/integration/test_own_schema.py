"""The schema ``dms_pg`` on the target: what is somebody else's in it stays as it was."""

from __future__ import annotations

import psycopg

from azext_dms_pg.postgres import checkpoint
from tests.fix_postgres import MakeDatabase
from tests.support.databases import Database
from tests.support.engine import session, surveyed
from tests.support.migrate import Login, Mover
from tests.support.servers import Server

TABLE = "CREATE TABLE t (id int PRIMARY KEY)"


def _begin(connection: psycopg.Connection[object], migration: str) -> None:
    checkpoint.install(connection)
    checkpoint.begin(
        connection,
        checkpoint.Checkpoint(
            id=migration,
            source_system="",
            slot=migration,
            publication=migration,
            phase=checkpoint.PREPARED,
            plan="{}",
            consistent_lsn=None,
            progress_lsn=None,
        ),
    )


def _left(database: Database) -> list[tuple[object, ...]]:
    return database.run(
        "SELECT c.relname::text FROM pg_class c WHERE c.relkind <> 'i'"
        " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'dms_pg') ORDER BY 1"
    )


def test_what_is_not_ours_survives_a_migration(
    mover: Mover, source: Database, target: Database
) -> None:
    for database in (source, target):
        database.run(TABLE)
    source.run("INSERT INTO t VALUES (1)")
    target.run(
        "CREATE SCHEMA dms_pg; CREATE TABLE dms_pg.diary (note text);"
        "INSERT INTO dms_pg.diary VALUES ('mine')"
    )
    task = mover.start(source, target)
    task.ready()
    assert "OwnSchemaHoldsOthers" in {item["code"] for item in task.findings()}
    task.finish()
    assert target.run("SELECT note FROM dms_pg.diary") == [("mine",)]
    assert _left(target) == [("diary",)]


def test_what_depends_on_ours_survives_a_migration(target: Database) -> None:
    with session(target) as connection:
        _begin(connection, "one")
        target.run("CREATE VIEW public.progress AS SELECT phase FROM dms_pg.migration")
        checkpoint.forget(connection, "one")
        assert target.run("SELECT * FROM progress") == []
        assert _left(target) == [("migration",)]
        target.run("DROP VIEW progress")
        _begin(connection, "two")
        checkpoint.forget(connection, "two")
    assert target.run("SELECT FROM pg_namespace WHERE nspname = 'dms_pg'") == []


def test_migrations_into_one_database_do_not_forget_each_other(target: Database) -> None:
    with session(target) as connection:
        _begin(connection, "one")
        _begin(connection, "two")
        checkpoint.insert_part(connection, "two", "p", 1, 1)
        checkpoint.forget(connection, "one")
        assert checkpoint.read(connection, "one") is None
        assert checkpoint.read(connection, "two") is not None
        assert checkpoint.loaded_parts(connection, "two") == {"p": (1, 1)}
        own = surveyed(target).own_schema
        assert own is not None
        assert [one.is_ours for one in own.objects] == [True] * 4
        checkpoint.forget(connection, "two")
        assert surveyed(target).own_schema is None


def test_a_schema_that_may_not_be_used_is_named(
    mover: Mover, source: Database, target_server: Server, make_database: MakeDatabase
) -> None:
    """Another user's migration is under way in the same database."""
    target = make_database(target_server)
    login = Login("own_schema_guest", "guest")
    target.run(f"CREATE ROLE {login.user} LOGIN PASSWORD '{login.password}'")
    try:
        source.run(TABLE)
        with session(target) as connection:
            _begin(connection, "other")
        target.run(f"{TABLE}; ALTER TABLE t OWNER TO {login.user};"
                   f"GRANT CREATE ON DATABASE {target.name} TO {login.user}")  # fmt: skip
        task = mover.start(source, target, target_login=login)
        task.refused()
        found = [item for item in task.findings() if item["severity"] == "blocker"]
        assert {item["code"] for item in found} == {"OwnSchemaNotUsable"}
        for item in found:
            target.run(item["remedy"])
        task.backend.tasks.restart(task.where)
        task.ready()
        task.finish()
        assert _left(target) == [("deferred",), ("filled_table",), ("loaded_part",), ("migration",)]
    finally:
        target.run(f"DROP OWNED BY {login.user}; DROP ROLE {login.user}")


def test_a_name_that_is_taken_stops_the_task_and_is_left_alone(
    mover: Mover, source: Database, target: Database
) -> None:
    for database in (source, target):
        database.run(TABLE)
    target.run("CREATE SCHEMA dms_pg; CREATE TABLE dms_pg.migration (id text, phase text)")
    task = mover.start(source, target)
    task.refused()
    assert "OwnSchemaNameTaken" in {item["code"] for item in task.findings()}
    assert _left(target) == [("migration",)]
