"""DDL on the source while changes stream: a pause with the statement that is missing."""

from __future__ import annotations

import pytest

from azext_dms_pg.cli.tables import task_output
from tests.support.asleep import asleep, ends_equal, wake
from tests.support.databases import Database
from tests.support.migrate import Mover, Task

SCHEMA = """
CREATE TYPE color AS ENUM ('red', 'blue');
CREATE TABLE "The Table" (id int PRIMARY KEY, v text, c color, n int);
CREATE TABLE other (id int PRIMARY KEY);
"""
ROWS = "INSERT INTO \"The Table\" SELECT i, 'v', 'red', i FROM generate_series(1, 10) i"
BY_ITSELF = "by itself: "

# DDL on the source, the change that makes it matter, what the statement must hold.
CASES = {
    "a column": (
        'ALTER TABLE "The Table" ADD COLUMN "new; one" varchar(7)',
        "INSERT INTO \"The Table\" VALUES (11, 'v', 'blue', 1, 'seven77')",
        ['ALTER TABLE public."The Table" ADD COLUMN "new; one" character varying(7)'],
    ),
    "a column with a default": (
        'ALTER TABLE "The Table" ADD COLUMN d numeric(9,2) NOT NULL DEFAULT 1.50',
        'UPDATE "The Table" SET d = 2 WHERE id = 1',
        ['ALTER TABLE public."The Table" ADD COLUMN', "numeric(9,2)", "1.50"],
    ),
    "an enum value": (
        "ALTER TYPE color ADD VALUE 'it''s green' BEFORE 'blue'",
        "UPDATE \"The Table\" SET c = 'it''s green' WHERE id = 1",
        ["ALTER TYPE public.color ADD VALUE 'it''s green'", "BEFORE 'blue'"],
    ),
    "a wider type": (
        'ALTER TABLE "The Table" ALTER COLUMN n TYPE bigint',
        'UPDATE "The Table" SET n = 5000000000 WHERE id = 1',
        ['ALTER TABLE public."The Table" ALTER COLUMN n TYPE bigint'],
    ),
    "no NOT NULL any more": (
        "SELECT 1",
        'UPDATE "The Table" SET v = NULL WHERE id = 1',
        ['ALTER TABLE public."The Table" ALTER COLUMN v DROP NOT NULL'],
    ),
    "another table": (
        'ALTER TABLE "The Table" RENAME TO moved; ALTER TABLE moved ADD COLUMN more int',
        "INSERT INTO moved VALUES (11, 'v', 'blue', 1, 7)",
        ['ALTER TABLE public."The Table" ADD COLUMN more', "RENAME TO moved"],
    ),
    "another name": (
        'ALTER TABLE "The Table" RENAME COLUMN v TO renamed',
        "UPDATE \"The Table\" SET renamed = 'w' WHERE id = 1",
        ['ALTER TABLE public."The Table"', "renamed"],
    ),
}


def _paused(task: Task) -> str:
    """Wait for the pause; the statement the user is told to run."""
    task.until(lambda: BY_ITSELF in task.problem(), "a pause with a statement")
    return task.problem().split(BY_ITSELF, 1)[1].split("\n")[0]


@pytest.mark.parametrize(
    ("case", "plugin"),
    [
        *((case, "pgoutput") for case in CASES),
        ("a column", "test_decoding"),
        ("another name", "test_decoding"),
    ],
)
def test_pauses_with_the_statement_and_goes_on(
    mover: Mover, source: Database, target: Database, case: str, plugin: str
) -> None:
    ddl, change, expected = CASES[case]
    there = SCHEMA
    if case == "no NOT NULL any more":
        there += 'ALTER TABLE "The Table" ALTER COLUMN v SET NOT NULL'
    task = mover.ready_with(
        source, target, SCHEMA, ROWS, target_schema=there, source_settings={"plugin": plugin}
    )
    source.run("INSERT INTO other VALUES (1)")
    source.run(ddl)
    source.run(change)
    source.run("INSERT INTO other VALUES (2)")
    statement = _paused(task)
    for part in expected:
        assert part in statement
    migration = task.level("MigrationLevelOutput")[0]
    assert migration["state"] == "ACTION_REQUIRED"
    assert task.state == "RUNNING"
    assert task.show()["state"] == "Running"
    target.run(statement)
    task.until(lambda: not task.problem(), "going on by itself")
    task.ready()
    source.run("INSERT INTO other VALUES (3)")
    task.finish()
    report = task.compare(catalogue_before=None)
    assert report.clean, report.text


def test_survives_a_restart_while_paused(mover: Mover, source: Database, target: Database) -> None:
    task = mover.ready_with(source, target, SCHEMA, ROWS)
    source.run("ALTER TABLE other ADD COLUMN more text; INSERT INTO other VALUES (1, 'x')")
    _paused(task)
    mover.close()
    assert task.show()["state"] == "Faulted"
    task.backend.tasks.restart(task.where)
    target.run(_paused(task))
    task.ready()
    task.finish()
    report = task.compare(catalogue_before=None)
    assert report.clean, report.text


def test_found_behind_a_cutover_that_was_asked_for(
    mover: Mover, source: Database, target: Database
) -> None:
    task = mover.ready_with(source, target, SCHEMA, ROWS)
    source.run('ALTER TABLE "The Table" DROP COLUMN n')
    task.cutover()
    statement = _paused(task)
    task.until(lambda: statement in task.database()["activity"], "the statement as the activity")
    shown = task_output(task.show()["output"])
    assert any(statement in str(value) for row in shown for value in row.values())
    target.run(statement)
    task.reach("COMPLETE")
    report = task.compare(catalogue_before=None)
    assert report.clean, report.text


def test_ddl_made_on_the_target_first_does_not_pause(
    mover: Mover, source: Database, target: Database
) -> None:
    """What a careful user does: the target first."""
    task = mover.ready_with(source, target, SCHEMA, ROWS)
    for statement in (
        "ALTER TABLE other ADD COLUMN more text",
        "ALTER TYPE color ADD VALUE 'green'",
        "CREATE INDEX ON other (more)",
    ):
        target.run(statement)
        source.run(statement)
    source.run("INSERT INTO other VALUES (1, 'x')")
    source.run("UPDATE \"The Table\" SET c = 'green'")
    task.finish()
    report = task.compare(catalogue_before=None)
    assert report.clean, report.text


def test_a_table_dropped_on_the_source(mover: Mover, source: Database, target: Database) -> None:
    """It is no loss: the target keeps what was there."""
    task = mover.ready_with(source, target, SCHEMA, ROWS)
    source.run("INSERT INTO other VALUES (1)")
    source.run("DROP TABLE other")
    source.run('DELETE FROM "The Table" WHERE id = 1')
    task.finish()
    report = task.compare(catalogue_before=None, only=["public.The Table"])
    assert report.clean, report.text


def test_the_replica_identity_changes(mover: Mover, source: Database, target: Database) -> None:
    """Index, full and default one after the other, with changes between (hazard 3)."""
    schema = """
        CREATE TABLE moving (id int PRIMARY KEY, u int NOT NULL, v text);
        CREATE UNIQUE INDEX moving_u ON moving (u);
    """
    rows = "INSERT INTO moving SELECT i, i, 'v' FROM generate_series(1, 20) i"
    task = mover.ready_with(source, target, schema, rows)
    for identity in ("USING INDEX moving_u", "FULL", "DEFAULT", "USING INDEX moving_u"):
        source.run(f"ALTER TABLE moving REPLICA IDENTITY {identity}")
        source.run("UPDATE moving SET v = v || 'x' WHERE id % 3 = 0")
        source.run("UPDATE moving SET u = u + 1000, id = id + 1000 WHERE id % 5 = 0")
        source.run("DELETE FROM moving WHERE id = (SELECT min(id) FROM moving)")
    task.finish()
    report = task.compare(catalogue_before=None)
    assert report.clean, report.text


def test_a_restart_while_a_table_has_another_name(
    mover: Mover, source: Database, target: Database
) -> None:
    """The plan that is made anew has no place for it: waited for, as without a restart."""
    task = mover.ready_with(source, target, SCHEMA, ROWS)
    source.run("ALTER TABLE other RENAME TO another; INSERT INTO another VALUES (1)")
    _paused(task)
    mover.close()
    task.backend.tasks.restart(task.where)
    target.run(_paused(task))
    task.ready()
    task.finish()
    report = task.compare(catalogue_before=None)
    assert report.clean, report.text


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_a_backlog_older_than_a_table_s_name(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    """Renamed on both sides while nobody was at work: what is due came under the old name."""
    task = asleep(mover, source, target, SCHEMA, ROWS, plugin=plugin)
    source.run("INSERT INTO other SELECT i FROM generate_series(1, 5) i")
    for database in (source, target):
        database.run("ALTER TABLE other RENAME TO another")
    source.run("DELETE FROM another WHERE id = 2")
    ends_equal(task)


def test_a_name_in_between_is_not_lost(mover: Mover, source: Database, target: Database) -> None:
    """Nothing tells whose name it was: the table is compared in full at the cutover."""
    task = asleep(mover, source, target, SCHEMA, "", plugin="test_decoding")
    source.run("ALTER TABLE other RENAME TO between; INSERT INTO between VALUES (1)")
    source.run("DELETE FROM between; INSERT INTO between VALUES (2)")
    source.run("ALTER TABLE between RENAME TO another")
    target.run("INSERT INTO other VALUES (1); ALTER TABLE other RENAME TO another")
    wake(task)
    task.cutover()
    task.reach("FAILED")
    assert "OldRowsDiffer" in {finding["code"] for finding in task.findings()}


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_a_backlog_older_than_a_column_s_name(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    """Renamed, and another one came behind it: what is due has neither."""
    task = asleep(mover, source, target, SCHEMA, ROWS, plugin=plugin)
    source.run('UPDATE "The Table" SET n = n + 100')
    for database in (source, target):
        database.run('ALTER TABLE "The Table" RENAME n TO m; ALTER TABLE "The Table" ADD o int')
    source.run('UPDATE "The Table" SET o = m WHERE id > 5')
    ends_equal(task)


def test_a_column_that_came_since_and_has_another_type_now(
    mover: Mover, source: Database, target: Database
) -> None:
    """No row tells of it: the catalogues do, at the cutover at the latest."""
    task = mover.ready_with(source, target, SCHEMA)
    for database in (source, target):
        database.run("ALTER TABLE other ADD COLUMN more varchar(30)")
    source.run("ALTER TABLE other ALTER COLUMN more TYPE varchar(60)")
    task.cutover()
    statement = _paused(task)
    assert "ALTER COLUMN more TYPE character varying(60);" in statement
    target.run(statement)
    task.reach("COMPLETE")
    report = task.compare(catalogue_before=None)
    assert report.clean, report.text


def test_a_key_taken_away_ends_in_words(mover: Mover, source: Database, target: Database) -> None:
    """Both catalogues differ then, but no statement on the target brings back what was not sent."""
    task = _moving(mover, source, target)
    source.run("ALTER TABLE moving REPLICA IDENTITY DEFAULT")
    source.run("BEGIN; ALTER TABLE moving DROP CONSTRAINT moving_pkey; DELETE FROM moving; COMMIT")
    task.reach("FAILED")
    said = str(task.show()["errors"])
    assert "without writing what identifies it" in said
    assert "this change cannot be carried" in said
    assert BY_ITSELF not in task.problem()


def test_an_identity_that_moved_ends_in_words(
    mover: Mover, source: Database, target: Database
) -> None:
    """test_decoding writes the columns of the new one and says nothing of it."""
    task = _moving(mover, source, target)
    source.run("ALTER TABLE moving REPLICA IDENTITY USING INDEX moving_j")
    source.run("UPDATE moving SET i = i + 100 WHERE id = 3")
    task.reach("FAILED")
    said = str(task.show()["errors"])
    assert "The replica identity of public.moving was changed" in said
    assert "Somebody else" not in said


def _moving(mover: Mover, source: Database, target: Database) -> Task:
    schema = """
        CREATE TABLE moving (id int PRIMARY KEY, i int NOT NULL, j int NOT NULL);
        CREATE UNIQUE INDEX moving_i ON moving (i);
        CREATE UNIQUE INDEX moving_j ON moving (j);
        ALTER TABLE moving REPLICA IDENTITY USING INDEX moving_i;
    """
    rows = "INSERT INTO moving SELECT i, i, i FROM generate_series(1, 9) i"
    by = {"plugin": "test_decoding"}
    return mover.ready_with(source, target, schema, rows, source_settings=by)


def test_a_type_of_another_name(mover: Mover, source: Database, target: Database) -> None:
    """Its columns are not written anew for that."""
    task = mover.ready_with(source, target, SCHEMA, ROWS)
    source.run("ALTER TYPE color RENAME TO colour; UPDATE \"The Table\" SET c = 'blue'")
    task.cutover()
    statement = _paused(task)
    assert statement == "ALTER TYPE public.color RENAME TO colour;"
    target.run(statement)
    task.reach("COMPLETE")
    report = task.compare(catalogue_before=None)
    assert report.clean, report.text
