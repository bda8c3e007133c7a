"""Tables of the target that were renamed while they were migrated: they are still ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from azext_dms_pg.engine.deferral import defer, restore_everything
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.postgres import checkpoint
from tests.fix_postgres import MakeDatabase
from tests.support import catalogue, oracle
from tests.support.databases import Database
from tests.support.engine import connection_to, planned, session
from tests.support.migrate import Mover, Task

SCHEMA = """
CREATE TABLE par (id int PRIMARY KEY);
CREATE TABLE ch (id int PRIMARY KEY, pid int CONSTRAINT ch_fk REFERENCES par ON DELETE CASCADE);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER nothing AFTER INSERT ON ch FOR EACH ROW EXECUTE PROCEDURE nothing();
"""
# What the task itself tells the user to do on the target, once the source's names have changed.
RENAME = 'ALTER TABLE ch RENAME TO "the child"; ALTER TABLE par RENAME TO parent;'


@pytest.fixture
def wanted(target: Database, make_database: MakeDatabase) -> frozenset[str]:
    """The catalogue a target without a migration would have."""
    return oracle.snapshot(make_database(target.server, SCHEMA + RENAME))


def _started(mover: Mover, source: Database, target: Database) -> Task:
    rows = "INSERT INTO par VALUES (1); INSERT INTO ch VALUES (1, 1)"
    return mover.ready_with(source, target, SCHEMA, rows)


def test_a_cutover_brings_everything_back(
    mover: Mover, source: Database, target: Database, wanted: frozenset[str]
) -> None:
    task = _started(mover, source, target)
    for database in (source, target):
        database.run(RENAME)
    source.run('INSERT INTO "the child" VALUES (2, 1)')
    task.finish()
    assert "NotRestored" not in {item["code"] for item in task.findings()}
    assert catalogue.difference(wanted, oracle.snapshot(target)) == []
    assert target.value('SELECT count(*) FROM "the child"') == 2


def test_a_cancel_empties_them_and_brings_everything_back(
    mover: Mover, source: Database, target: Database, wanted: frozenset[str]
) -> None:
    task = _started(mover, source, target)
    for database in (source, target):
        database.run(RENAME)
    task.cancel()
    assert catalogue.difference(wanted, oracle.snapshot(target)) == []
    assert target.value('SELECT count(*) FROM "the child"') == 0
    assert target.value("SELECT count(*) FROM parent") == 0
    assert oracle.target_leftovers(target) == []


def test_a_cancel_tells_what_did_not_come_back(
    mover: Mover, source: Database, target: Database
) -> None:
    task = _started(mover, source, target)
    target.run("ALTER TABLE ch DROP COLUMN pid")
    task.cancel()
    said = str(task.show()["errors"])
    assert "ch_fk of public.ch could not be brought back" in said
    assert "ADD CONSTRAINT" in said


# All that is said about a table in words names it as its definitions do.
SAID = """
CREATE TABLE p (id int PRIMARY KEY);
CREATE TABLE t (id int PRIMARY KEY, v int CONSTRAINT f REFERENCES p, note text);
COMMENT ON CONSTRAINT f ON t IS 'about public.t, on "public"."t"';
CREATE INDEX "on public.t" ON t (note) WHERE note <> 'on public.t';
COMMENT ON INDEX "on public.t" IS E'ON public.t \\\\ '' ON public.t';
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE PROCEDURE nothing('on public.t');
"""
EVIL = """ALTER TABLE t RENAME TO "a'; CREATE TABLE public.injected (); --" """


def test_words_about_a_table_stay_and_its_name_is_only_a_name(
    mover: Mover, source: Database, target: Database, make_database: MakeDatabase
) -> None:
    """Who owns a table chooses its name, and the statements run with the migration's rights."""
    wanted = oracle.snapshot(make_database(target.server, SAID + EVIL))
    rows = "INSERT INTO p VALUES (1); INSERT INTO t VALUES (1, 1)"
    task = mover.ready_with(source, target, SAID, rows)
    for database in (source, target):
        database.run(EVIL)
    source.run("""INSERT INTO "a'; CREATE TABLE public.injected (); --" VALUES (2, 1)""")
    task.finish()
    assert catalogue.difference(wanted, oracle.snapshot(target)) == []
    assert oracle.compare(source, target).clean


def test_indexes_of_a_renamed_table(target: Database, make_database: MakeDatabase) -> None:
    wanted = oracle.snapshot(make_database(target.server, SAID + EVIL))
    target.run(SAID)
    plan = planned(target, target)
    large = [replace(route, source=replace(route.source, bytes=1 << 30)) for route in plan.routes]
    settings = MigrationSettings()
    with session(target) as opened:
        checkpoint.install(opened)
        names = {(route.target.name, route.only) for route in plan.routes}
        checkpoint.note_filled(opened, "m", names)
        defer(opened, replace(plan, routes=tuple(large)), "m", settings)
        assert target.value("SELECT count(*) FROM dms_pg.deferred WHERE kind = 'index'") == 3
        target.run(EVIL)
        assert restore_everything(opened, connection_to(target), "m", settings) == ()
    assert catalogue.difference(wanted, oracle.snapshot(target)) == []
