"""What the source declares while it is migrated, and no row needs, is told before the end."""

from __future__ import annotations

import pytest

from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.migrate import Mover

SCHEMA = """
CREATE TABLE t (id int PRIMARY KEY, a int, b int);
CREATE TABLE p (id int PRIMARY KEY, a int) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
"""
ON_BOTH = "ALTER TABLE t ADD COLUMN c int DEFAULT 3; CREATE INDEX both_a ON t (a);"
ON_SOURCE = """
CREATE INDEX late_a ON t (a);
CREATE INDEX late_p ON p (a);
ALTER TABLE t ADD CONSTRAINT late_check CHECK (b < 100);
ALTER TABLE t ALTER b SET DEFAULT 7;
ALTER TABLE t ALTER b SET NOT NULL;
ALTER TABLE p ALTER a SET NOT NULL;
CREATE TRIGGER late_trigger BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
"""


@pytest.mark.parametrize("version", [11, 17])
def test_with_its_statement(
    mover: Mover, servers: Servers, make_database: MakeDatabase, version: int
) -> None:
    source = make_database(servers.get(version), SCHEMA)
    target: Database = make_database(servers.get(18), SCHEMA)
    task = mover.start(source, target)
    task.ready()
    for database in (target, source):
        database.run(ON_BOTH)
    source.run(ON_SOURCE)
    source.run("INSERT INTO t VALUES (1, 1); INSERT INTO p VALUES (1, 1)")
    task.finish()
    told = {
        item["message"].split(" was made")[0]: item["remedy"]
        for item in task.findings()
        if item["code"] == "DefinitionNotCarried"
    }
    assert set(told) == {
        "public.t.late_a",
        "public.p.late_p",
        "public.t.late_check",
        "public.t.b",
        "public.t.b (NOT NULL)",
        "public.p.a (NOT NULL)",
        "public.t.late_trigger",
    }
    for advice in told.values():
        target.run(advice.split("cutover: ", 1)[1])
    assert task.compare(catalogue_before=None).clean, task.story()


def test_one_in_the_place_of_another(mover: Mover, source: Database, target: Database) -> None:
    """The old one is brought back at the cutover, and has to go before."""
    old = (
        "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES t; CREATE INDEX i ON t (a);"
        "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()"
    )
    new = (
        "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (b) REFERENCES t ON DELETE CASCADE;"
        "CREATE INDEX i ON t (b);"
        "CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()"
    )
    task = mover.ready_with(source, target, SCHEMA + old)
    source.run("ALTER TABLE t DROP CONSTRAINT fk; DROP INDEX i; DROP TRIGGER tr ON t")
    source.run(new)
    task.finish()
    advices = [f["remedy"] for f in task.findings() if f["code"] == "DefinitionNotCarried"]
    assert len(advices) == 3
    for advice in advices:
        target.run(advice.split("cutover: ", 1)[1])
    assert task.compare(catalogue_before=None).clean, task.story()
    for question in (
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'fk'",
        "SELECT pg_get_indexdef('i'::regclass)",
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'tr'",
    ):
        assert target.run(question) == source.run(question)
