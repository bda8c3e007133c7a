"""Written to the source behind the cutover's fence: read on, whatever held the cutover up."""

from __future__ import annotations

import pytest

from azext_dms_pg.postgres.relations import Name
from azext_dms_pg.postgres.replication import changed_since
from tests.support.databases import Database
from tests.support.migrate import Login, Mover, Task

SCHEMA = """
CREATE TABLE parent (id int PRIMARY KEY, n int NOT NULL);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
"""
ROWS = """
INSERT INTO parent SELECT i, 0 FROM generate_series(1, 100) i;
INSERT INTO child SELECT i, i FROM generate_series(1, 100) i;
"""
# No row comes or goes: counting them would show nothing.
LATE = "UPDATE parent SET n = n + 1 WHERE id <= 50"
KEY = "SELECT convalidated FROM pg_constraint WHERE contype = 'f' AND conrelid = 'child'::regclass"
PLUGINS = ["pgoutput", "test_decoding"]


@pytest.fixture(params=PLUGINS)
def task(request: pytest.FixtureRequest, mover: Mover, source: Database, target: Database) -> Task:
    """Ready for its cutover."""
    source.run(SCHEMA + ROWS)
    target.run(SCHEMA)
    made = mover.start(source, target, source_settings={"plugin": request.param})
    made.ready()
    return made


def _waits_for_a_key(task: Task) -> bool:
    """The fence has passed, and the foreign key is to come back."""
    return bool(
        task.target.value(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database() AND query ~ 'ADD CONSTRAINT'"
        )
    )


@pytest.mark.parametrize("killed", [False, True])
def test_while_a_key_waits_for_a_lock(task: Task, mover: Mover, killed: bool) -> None:
    with task.target.connect(autocommit=False) as somebody:
        somebody.execute("LOCK parent IN ROW EXCLUSIVE MODE")
        task.cutover()
        task.until(lambda: _waits_for_a_key(task), "waiting for the lock")
        task.source.run(LATE)
        if killed:
            mover.close()
        somebody.rollback()
    if killed:
        task.backend.tasks.restart(task.where)
    task.reach("COMPLETE")
    task.end("Succeeded")
    assert task.compare().clean, task.story()
    assert task.target.value(KEY) is True
    assert "SourceStillWritten" not in {finding["code"] for finding in task.findings()}


def test_between_a_cutover_that_failed_and_its_restart(task: Task) -> None:
    """Nobody would call the target's key checked that the failed one brought back unchecked."""
    task.target.run("INSERT INTO parent VALUES (-1, -1)")
    task.cutover()
    task.end("Failed")
    assert "CountsDiffer" in str(task.show())
    task.source.run(LATE)
    task.source.run("INSERT INTO parent VALUES (101, 1); INSERT INTO child VALUES (101, 101)")
    task.target.run("DELETE FROM parent WHERE id = -1")
    task.backend.tasks.restart(task.where)
    task.reach("COMPLETE")
    task.end("Succeeded")
    assert task.compare().clean, task.story()
    assert task.target.value(KEY) is True


def test_rows_that_come_while_a_key_waits(task: Task) -> None:
    """They make the counts differ, which is no reason to fail."""
    with task.target.connect(autocommit=False) as somebody:
        somebody.execute("LOCK parent IN ROW EXCLUSIVE MODE")
        task.cutover()
        task.until(lambda: _waits_for_a_key(task), "waiting for the lock")
        task.source.run("INSERT INTO parent VALUES (101, 1); INSERT INTO child VALUES (101, 101)")
        somebody.rollback()
    task.reach("COMPLETE")
    task.end("Succeeded")
    assert task.compare().clean, task.story()


def test_a_source_that_refuses_to_tell(
    mover: Mover, source: Database, target: Database, replicator: Login
) -> None:
    """That is no reason to fail; it is told."""
    source.run(SCHEMA + ROWS)
    source.run(
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {replicator.user};"
        "REVOKE EXECUTE ON FUNCTION pg_logical_slot_peek_changes FROM PUBLIC;"
        "REVOKE EXECUTE ON FUNCTION pg_logical_slot_peek_binary_changes FROM PUBLIC"
    )
    target.run(SCHEMA)
    task = mover.start(source, target, source_login=replicator)
    task.ready()
    task.finish()
    assert "LateChangesUnknown" in {finding["code"] for finding in task.findings()}
    assert task.compare().clean, task.story()


@pytest.mark.parametrize("plugin", PLUGINS)
def test_what_came_late_is_counted_and_left(source: Database, plugin: str) -> None:
    """Other tables and what was before do not count; what would take too long is not known."""
    source.run(SCHEMA + "CREATE TABLE other (id int); CREATE PUBLICATION ours FOR TABLE parent;")
    slot = f"late_{source.name}"
    source.run(f"SELECT pg_create_logical_replication_slot('{slot}', '{plugin}')")
    source.run("INSERT INTO parent VALUES (1, 1)")
    after = int(source.value("SELECT pg_current_wal_insert_lsn() - '0/0'"))

    def late(seconds: float = 30) -> int | None:
        with source.connect() as session:
            return changed_since(
                session, slot, plugin, "ours", [Name("public", "parent")], after, seconds
            )

    source.run("INSERT INTO other VALUES (1)")
    assert late() == 0
    source.run("BEGIN; UPDATE parent SET n = 2; INSERT INTO parent VALUES (2, 2); COMMIT")
    source.run("TRUNCATE parent CASCADE")
    assert late() == late() == 3
    source.run("INSERT INTO other SELECT generate_series(1, 200000)")
    assert late(seconds=0.001) is None
    source.run(f"SELECT pg_drop_replication_slot('{slot}')")
