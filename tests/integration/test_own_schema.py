"""The schema ``dms_pg`` on the target: what is somebody else's in it stays as it was."""

from __future__ import annotations

import psycopg
import pytest

from azext_dms_pg.engine.deferral import ledger
from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres import checkpoint, trust
from tests.fix_postgres import MakeDatabase
from tests.integration.test_preflight import codes, findings
from tests.support import engine
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
        target.run(f"GRANT USAGE ON SCHEMA dms_pg TO {login.user};"
                   f"{TABLE}; ALTER TABLE t OWNER TO {login.user};"
                   f"GRANT CREATE ON DATABASE {target.name} TO {login.user}")  # fmt: skip
        task = mover.start(source, target, target_login=login)
        task.refused()
        found = [item for item in task.findings() if item["severity"] == "blocker"]
        assert {item["code"] for item in found} == {"OwnSchemaNotUsable"}
        with session(target) as connection:
            checkpoint.forget(connection, "other")
        task.backend.tasks.restart(task.where)
        task.ready()
        task.finish()
        assert _left(target) == []
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


# Each by one who is no superuser, as pg_signal_backend stands for here.
HANDS = {
    "schema": "CREATE SCHEMA dms_pg AUTHORIZATION pg_signal_backend",
    "table": "ALTER TABLE dms_pg.deferred OWNER TO pg_signal_backend",
    "everybody": "GRANT INSERT ON dms_pg.deferred TO PUBLIC",
    "role": "GRANT TRIGGER ON dms_pg.migration TO pg_signal_backend",
    "column": "GRANT UPDATE (create_sql) ON dms_pg.deferred TO pg_signal_backend",
    "trigger": 'CREATE TRIGGER "a b" BEFORE INSERT ON dms_pg.migration FOR EACH ROW'
    " EXECUTE PROCEDURE suppress_redundant_updates_trigger()",
    "rule": "CREATE RULE r AS ON DELETE TO dms_pg.loaded_part DO ALSO SELECT 1",
    "policy": "CREATE POLICY p ON dms_pg.filled_table USING (true)",
    "row security": "ALTER TABLE dms_pg.deferred ENABLE ROW LEVEL SECURITY",
    "child": 'CREATE TABLE public."a child" () INHERITS (dms_pg.deferred)',
}  # fmt: skip


@pytest.mark.parametrize("hand", HANDS)
def test_hazard_37_somebody_else_has_a_hand_in_it(
    source: Database, target: Database, hand: str
) -> None:
    if hand != "schema":
        with session(target) as connection:
            _begin(connection, "one")
        assert not {one for one in codes(findings(source, target)) if one.startswith("OwnSchema")}
    target.run(HANDS[hand])
    with session(target) as connection:
        with pytest.raises(MigrationError) as refused:
            checkpoint.install(connection)
        assert refused.value.code == "CheckpointNotTrusted"
        if hand != "schema":
            for use in (checkpoint.read, checkpoint.forget):
                with pytest.raises(MigrationError, match="not the migration's alone"):
                    use(connection, "one")
            with pytest.raises(MigrationError, match="not the migration's alone"):
                ledger.pending(connection, "one", [ledger.TRIGGER])
        (found,) = [one for one in findings(source, target) if one.code == "OwnSchemaNotTrusted"]
        mend = refused.value.action.split(": ")[1].removesuffix(" Then restart the task.")
        assert mend == found.remedy or found.remedy.startswith("ALTER SCHEMA dms_pg RENAME TO ")
        target.run(mend)
        assert checkpoint.is_installed(connection) == (hand != "schema")
        checkpoint.install(connection)
        checkpoint.read(connection, "one")
    assert "OwnSchemaNotTrusted" not in codes(findings(source, target))


def test_hazard_37_what_others_keep_there_is_not_run(
    mover: Mover, source: Database, target: Database
) -> None:
    """A right that came while changes were followed, and a statement that was slipped in."""
    task = mover.ready_with(source, target, TABLE)
    target.run(
        "GRANT INSERT ON dms_pg.deferred TO PUBLIC; INSERT INTO dms_pg.deferred"
        " SELECT id, 999, 'trigger', 'public', 't', 'x', ARRAY['CREATE TABLE public.mine ()'],"
        " NULL, '[]', 'dropped' FROM dms_pg.migration"
    )
    task.cutover()
    task.end("Failed")
    (told,) = [one for one in task.show()["errors"] if one["code"] == "CheckpointNotTrusted"]
    assert "everybody may write to dms_pg.deferred" in told["message"]
    assert target.value("SELECT to_regclass('public.mine')") is None
    target.run(
        "REVOKE ALL ON ALL TABLES IN SCHEMA dms_pg FROM PUBLIC CASCADE;"
        "DELETE FROM dms_pg.deferred WHERE ordinal = 999"
    )
    task.backend.tasks.restart(task.where)
    task.ready()
    task.finish()
    assert target.value("SELECT to_regclass('public.mine')") is None


def test_a_schema_made_by_another_is_refused_before_it_is_read(
    mover: Mover, source: Database, target: Database
) -> None:
    for database in (source, target):
        database.run(TABLE)
    target.run(
        "CREATE FUNCTION seen() RETURNS text LANGUAGE plpgsql AS"
        " 'BEGIN RAISE ''it was read''; END';"
        "CREATE SCHEMA dms_pg; CREATE VIEW dms_pg.migration AS SELECT seen() AS id,"
        " 1 AS progress_lsn; CREATE VIEW dms_pg.filled_table AS SELECT seen() AS relation_oid;"
        "ALTER SCHEMA dms_pg OWNER TO pg_signal_backend"
    )
    task = mover.start(source, target)
    task.refused()
    blockers = {one["code"] for one in task.findings() if one["severity"] == "blocker"}
    assert blockers == {"OwnSchemaNotTrusted", "OwnSchemaNameTaken"}
    task.backend.tasks.delete(task.where, delete_running_tasks=False)


def test_nobody_gets_rights_by_default(target: Database) -> None:
    target.run(
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;"
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO pg_signal_backend;"
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC"
    )
    with session(target) as connection:
        _begin(connection, "one")
        assert {role for _, role in trust.grants(connection)} == {None}
        # Rights somebody gives on purpose later are not ours to take.
        target.run("GRANT SELECT ON dms_pg.migration TO PUBLIC")
        _begin(connection, "two")
        assert ("migration", "") in trust.grants(connection)


def test_those_who_may_act_as_us_anyway_are_no_others(
    target_server: Server, make_database: MakeDatabase
) -> None:
    """A superuser, and members of the migration's role."""
    target = make_database(target_server)
    low, member = engine.Login("own_schema_low", "low"), "own_schema_member"
    target.run(
        f"CREATE ROLE {low.user} LOGIN PASSWORD '{low.password}'; CREATE ROLE {member};"
        f"GRANT {low.user} TO {member}; GRANT CREATE ON DATABASE {target.name} TO {low.user}"
    )
    try:
        with session(target, low) as connection:
            _begin(connection, "one")
            target.run(f"GRANT INSERT ON dms_pg.deferred TO {member}")
            assert trust.doubts(connection) == ()
            target.run(f"ALTER TABLE dms_pg.deferred OWNER TO {member}")
            assert trust.doubts(connection) == ()
            target.run(f"ALTER SCHEMA dms_pg OWNER TO {target_server.superuser}")
            assert trust.doubts(connection) == ()
        with session(target) as connection:
            assert {doubt.kind for doubt in trust.doubts(connection)} == {"owner"}
    finally:
        for role in (low.user, member):
            target.run(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
