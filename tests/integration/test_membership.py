"""What leaves a migration without a word in the stream: partitions, tables, the publication."""

from __future__ import annotations

import pytest

from tests.support.databases import Database
from tests.support.migrate import Mover, Task

BY_ITSELF = "by itself: "
ROOT = "CREATE TABLE t (id int, day int, v int, PRIMARY KEY (id, day)) PARTITION BY LIST (day);"
LEAVES = (
    "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
    "CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2);"
)
FLAT = "CREATE TABLE t (id int, day int, v int, PRIMARY KEY (id, day));"
ROWS = "INSERT INTO t SELECT i, 1 + i % 2, 0 FROM generate_series(1, 20) i"
AWAY, BACK = (
    "ALTER TABLE t DETACH PARTITION t1",
    "ALTER TABLE t ATTACH PARTITION t1 FOR VALUES IN (1)",
)
CHANGE = "UPDATE t1 SET v = 1"


def _begin(
    mover: Mover,
    source: Database,
    target: Database,
    target_schema: str = ROOT + LEAVES,
    **more: object,
) -> Task:
    source.run(ROOT + LEAVES + ROWS)
    target.run(target_schema)
    task = mover.start(source, target, **more)  # type: ignore[arg-type]
    task.ready()
    return task


def _fails(task: Task, code: str) -> str:
    task.reach("FAILED")
    errors = [error for error in task.findings() if error["code"] == code]
    assert errors, task.story()
    return f"{errors[0]['message']} {errors[0]['remedy']}"


def _mend(task: Task, expected: str) -> None:
    """Wait for the pause and do what the user is told to do."""
    task.until(lambda: BY_ITSELF in task.problem(), "a pause with a statement")
    statement = task.problem().split(BY_ITSELF, 1)[1].split("\n")[0]
    assert expected in statement
    task.target.run(statement)


def _ends_equal(task: Task, *tables: str) -> None:
    task.reach("COMPLETE")
    report = task.compare(catalogue_before=None, only=list(tables) or None)
    assert report.clean, report.text


def test_a_partition_that_is_detached(mover: Mover, source: Database, target: Database) -> None:
    """Attached again it is proven, and what was missed shows."""
    task = _begin(mover, source, target)
    source.run(AWAY)
    source.run(CHANGE)
    task.cutover()
    assert "Attach it again" in _fails(task, "PartitionDetached")
    source.run(BACK)
    task.backend.tasks.restart(task.where)
    task.ready()
    task.cutover()
    assert "t1 was detached and attached again" in _fails(task, "OldRowsDiffer")
    source.run("UPDATE t SET v = v")
    task.backend.tasks.restart(task.where)
    task.ready()
    task.finish()
    _ends_equal(task)


def test_a_partition_that_was_away(mover: Mover, source: Database, target: Database) -> None:
    task = _begin(mover, source, target, settings={"compare": "none"})
    source.run(f"{AWAY}; {CHANGE}; {BACK}")
    source.run("UPDATE t SET v = 2 WHERE id = 2")
    task.cutover()
    _fails(task, "OldRowsDiffer")


def test_a_detached_partition_under_test_decoding(
    mover: Mover, source: Database, target: Database
) -> None:
    task = _begin(mover, source, target, source_settings={"plugin": "test_decoding"})
    source.run(AWAY)
    source.run(CHANGE)
    task.finish()
    assert target.value("SELECT sum(v) FROM t1") == 10
    told = [f["subject"] for f in task.findings() if f["code"] == "PartitionDetached"]
    assert told == ["public.t1"]


def test_a_partition_that_is_dropped(mover: Mover, source: Database, target: Database) -> None:
    task = _begin(mover, source, target)
    source.run("DROP TABLE t1")
    task.cutover()
    _mend(task, "DROP TABLE public.t1;")
    _ends_equal(task)


def test_namesakes_that_cannot_be_told_apart(
    mover: Mover, source: Database, target: Database
) -> None:
    """The stream of test_decoding has names alone."""
    task = _begin(mover, source, target, source_settings={"plugin": "test_decoding"})
    source.run("DROP TABLE t1; CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)")
    source.run("INSERT INTO t VALUES (1000, 1, 7)")
    task.cutover()
    _fails(task, "SourceTableReplaced")


def test_a_partition_that_is_dropped_and_made_anew(
    mover: Mover, source: Database, target: Database
) -> None:
    task = _begin(mover, source, target)
    source.run("UPDATE t SET v = 5")
    source.run("DROP TABLE t1; CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)")
    source.run("INSERT INTO t VALUES (1000, 1, 7)")
    source.run("INSERT INTO t VALUES (2, 1, 7)")
    _mend(task, "TRUNCATE public.t1;")
    task.ready()
    # And once more, of one that was not there when the tables were loaded.
    source.run("DROP TABLE t1; CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)")
    source.run("INSERT INTO t VALUES (2, 1, 8)")
    _mend(task, "TRUNCATE public.t1;")
    task.ready()
    task.cutover()
    _ends_equal(task)


def test_a_partition_that_is_dropped_from_a_flat_target(
    mover: Mover, source: Database, target: Database
) -> None:
    task = _begin(mover, source, target, FLAT)
    source.run("DROP TABLE t1; CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)")
    source.run("INSERT INTO t VALUES (2, 1, 7), (1000, 1, 7)")
    _mend(task, "DELETE FROM public.t WHERE")
    task.ready()
    task.cutover()
    _ends_equal(task)


def test_rows_that_cannot_be_told_from_others(
    mover: Mover, source: Database, target: Database
) -> None:
    source.run(ROOT + LEAVES + "CREATE TABLE rest PARTITION OF t DEFAULT;" + ROWS)
    target.run(FLAT)
    task = mover.start(source, target)
    task.ready()
    source.run("DROP TABLE t1; INSERT INTO t VALUES (1000, 1, 7)")
    task.cutover()
    _fails(task, "PartitionDropped")


def test_a_partitioned_table_that_is_dropped(
    mover: Mover, source: Database, target: Database
) -> None:
    for database in (source, target):
        database.run("CREATE TABLE other (id int PRIMARY KEY)")
    task = _begin(mover, source, target)
    source.run("DROP TABLE t")
    task.cutover()
    _ends_equal(task, "public.other")
    dropped = [f["subject"] for f in task.findings() if f["code"] == "SourceTableDropped"]
    assert dropped == ["public.t"]


@pytest.mark.parametrize(
    "alter",
    [
        "ALTER PUBLICATION {} DROP TABLE t",
        "ALTER PUBLICATION {} SET (publish = 'insert')",
        "ALTER PUBLICATION {} SET TABLE t WHERE (id > 5)",
        "ALTER PUBLICATION {} SET TABLE t (id, day)",
        "ALTER PUBLICATION {0} DROP TABLE t; ALTER PUBLICATION {0} ADD TABLE t",
        "DROP PUBLICATION {}",
    ],
)
def test_a_publication_that_is_altered(
    mover: Mover, source: Database, target: Database, alter: str
) -> None:
    flat = "CREATE TABLE t (id int, day int, v int, PRIMARY KEY (id, day));"
    task = mover.ready_with(source, target, flat, ROWS)
    name = source.value("SELECT pubname FROM pg_publication WHERE pubname LIKE 'dms_pg_%'")
    source.run(alter.format(name))
    source.run("UPDATE t SET v = 3 WHERE id = 1")
    task.cutover()
    _fails(task, "PublicationAltered")


def test_options_that_were_others_for_a_while(
    mover: Mover, source: Database, target: Database
) -> None:
    """Nothing can be told from the publication as it is; the tables are proven."""
    task = _begin(mover, source, target, settings={"compare": "none"})
    name = source.value("SELECT pubname FROM pg_publication WHERE pubname LIKE 'dms_pg_%'")
    alter = f"ALTER PUBLICATION {name} SET (publish = '%s');"
    source.run(alter % "insert")
    source.run("UPDATE t SET v = 3 WHERE id = 1")
    source.run(alter % "insert, update, delete, truncate")
    task.cutover()
    _fails(task, "OldRowsDiffer")


def test_a_sequence_that_comes_too_late(mover: Mover, source: Database, target: Database) -> None:
    task = _begin(mover, source, target)
    source.run("CREATE SEQUENCE here; SELECT setval('here', 500)")
    for database in (source, target):
        database.run("CREATE SEQUENCE shared")
    source.run("SELECT setval('shared', 700)")
    task.finish()
    told = [finding for finding in task.findings() if finding["code"] == "SequenceNotCarried"]
    assert [finding["subject"] for finding in told] == ["public.here"]
    assert "CREATE SEQUENCE public.here;" in told[0]["remedy"]
    assert target.value("SELECT last_value FROM shared") == 700


@pytest.mark.parametrize("dropped", ["DROP TABLE u", "DROP TABLE t1"])
def test_dropped_while_it_is_loaded(
    mover: Mover, source: Database, target: Database, dropped: str
) -> None:
    for database in (source, target):
        database.run(
            ROOT + LEAVES + "CREATE TABLE u (id int PRIMARY KEY);"
            "CREATE TABLE big (id int PRIMARY KEY, x text)"
        )
    source.run(ROWS)
    source.run("INSERT INTO big SELECT i, repeat('x', 1000) FROM generate_series(1, 3000) i")
    settings = {"maxRate": "1MB/s", "parallelTables": "1"}
    task = mover.start(source, target, settings=settings)
    task.until(
        lambda: task.tables().get("public.big", {}).get("fullLoadTotalVolumeBytes", 0) > 0,
        "some rows",
    )
    source.run(dropped)
    task.ready()
    task.finish()
    task.reach("COMPLETE")
    assert target.value("SELECT count(*) FROM t") == source.value("SELECT count(*) FROM t")
