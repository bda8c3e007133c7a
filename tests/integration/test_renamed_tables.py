"""Tables of the target that were renamed while they were migrated: they are still ours."""

from __future__ import annotations

import pytest

from tests.fix_postgres import MakeDatabase
from tests.support import catalogue, oracle
from tests.support.databases import Database
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
    for database in (source, target):
        database.run(SCHEMA)
    source.run("INSERT INTO par VALUES (1); INSERT INTO ch VALUES (1, 1)")
    task = mover.start(source, target)
    task.ready()
    return task


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
    target.run("ALTER TABLE ch RENAME COLUMN pid TO parent")
    task.cancel()
    said = str(task.show()["errors"])
    assert "ch_fk of public.ch could not be brought back" in said
    assert "ADD CONSTRAINT" in said
