"""Tables of the beginning that become partitions of another table, or change parents."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import oracle
from tests.support.databases import Database
from tests.support.migrate import Mover, Task

BY_ITSELF = "by itself: "
COLUMNS = "(id int, k int, v text, PRIMARY KEY (id, k))"
PA = (
    f"CREATE TABLE pa {COLUMNS} PARTITION BY RANGE (k);"
    "CREATE TABLE pa1 PARTITION OF pa FOR VALUES FROM (0) TO (10);"
    "CREATE TABLE pa2 PARTITION OF pa FOR VALUES FROM (10) TO (20);"
)
PB = (
    f"CREATE TABLE pb {COLUMNS} PARTITION BY RANGE (k);"
    "CREATE TABLE pb1 PARTITION OF pb FOR VALUES FROM (0) TO (10);"
)
ALONE = f"CREATE TABLE alone {COLUMNS};"
FLAT = f"CREATE TABLE pa {COLUMNS}; CREATE TABLE pb {COLUMNS};"
FILL = "INSERT INTO {} SELECT i, {} + i % {}, 'a' FROM generate_series(1, 40) i;"
ROWS_PA, ROWS_PB = FILL.format("pa", 0, 20), FILL.format("pb", 0, 10)
ROWS_ALONE = FILL.format("alone", 30, 10)
ATTACH = "ALTER TABLE public.pa ATTACH PARTITION public.alone FOR VALUES FROM (30) TO (40);"
WRITES = (
    "INSERT INTO pa VALUES ({0}, 35, 'through the root'), ({0}, 5, 'beside')",
    "UPDATE pa SET v = '{0}' WHERE k IN (3, 33)",
    "UPDATE pa SET k = 36 WHERE id = {0} AND k = 5",
    "DELETE FROM pa WHERE id = {0} - 990 AND k >= 30",
    "INSERT INTO alone VALUES ({0}, 31, 'itself')",
)
MOVE = (
    "BEGIN; ALTER TABLE public.pa DETACH PARTITION public.pa2;"
    "ALTER TABLE public.pb ATTACH PARTITION public.pa2 FOR VALUES FROM (10) TO (20); COMMIT"
)


def _told(task: Task) -> str:
    task.until(lambda: BY_ITSELF in task.problem(), "a pause with a statement")
    return task.problem().split(BY_ITSELF, 1)[1].split("\n")[0]


def _write(source: Database, number: int) -> None:
    for write in WRITES:
        source.run(write.format(number))


def _ends_equal(task: Task) -> None:
    task.reach("COMPLETE")
    report = oracle.compare(task.source, task.target)
    assert report.clean, report.text


def _codes(task: Task, code: str) -> list[dict[str, str]]:
    return [found for found in task.findings() if found["code"] == code]


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_a_table_that_is_attached(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    task = mover.ready_with(
        source, target, PA + ALONE, ROWS_PA + ROWS_ALONE, source_settings={"plugin": plugin}
    )
    source.run(ATTACH)
    _write(source, 1000)
    task.settle()
    told = _told(task)
    assert told == ATTACH
    _write(source, 1001)
    target.run(told)
    _write(source, 1002)
    task.settle()
    source.run("TRUNCATE pa1")
    _write(source, 1003)
    task.settle()
    task.cutover()
    _ends_equal(task)


@pytest.mark.parametrize(
    ("rows", "settings"),
    [(ROWS_ALONE, {"compare": "checksum"}), (ROWS_ALONE, {"compare": "none"}), ("", {})],
    ids=["compared", "not compared", "empty"],
)
def test_missed_at_the_cutover(
    mover: Mover, source: Database, target: Database, rows: str, settings: dict[str, str]
) -> None:
    task = mover.ready_with(source, target, PA + ALONE, ROWS_PA + rows, settings=settings)
    source.run(ATTACH)
    task.cutover()
    told = _told(task)
    assert told == ATTACH
    target.run(told)
    _ends_equal(task)


def test_a_partitioned_table_that_is_attached(
    mover: Mover, source: Database, target: Database
) -> None:
    alone = (
        f"CREATE TABLE alone {COLUMNS} PARTITION BY LIST (k);"
        "CREATE TABLE alone_1 PARTITION OF alone DEFAULT;"
    )
    rest = "CREATE TABLE rest PARTITION OF pa DEFAULT;"
    task = mover.ready_with(
        source, target, PA + alone, ROWS_PA + ROWS_ALONE, target_schema=PA + rest + alone
    )
    source.run(ATTACH)
    _write(source, 1000)
    task.cutover()
    told = _told(task)
    assert told == ATTACH
    target.run(told)
    task.reach("COMPLETE")
    report = oracle.compare(source, target)
    assert report.clean, report.text
    assert target.value("SELECT count(*) FROM rest") == 0


@pytest.mark.parametrize("compare", ["counts", "checksum"])
def test_rows_that_go_through_the_root(
    mover: Mover, source: Database, target: Database, compare: str
) -> None:
    """The target's tables are not made alike, so that its root has to find their places."""
    more = PA.replace("v text", "v text, more int") + ALONE.replace("v text", "v text, more int")
    task = mover.ready_with(
        source,
        target,
        PA + ALONE,
        ROWS_PA + ROWS_ALONE,
        target_schema=more,
        settings={"compare": compare},
        source_settings={"plugin": "test_decoding"},
    )
    source.run(ATTACH)
    _write(source, 1000)
    target.run(_told(task))
    _write(source, 1001)
    task.settle()
    source.run("TRUNCATE alone; INSERT INTO alone VALUES (7, 37, 'after')")
    _write(source, 1002)
    task.finish()
    rows = "SELECT md5(string_agg((id, k, v)::text, ',' ORDER BY id, k)) FROM {}"
    for table in ("pa", "alone"):
        assert target.value(rows.format(table)) == source.value(rows.format(table))


@pytest.mark.parametrize("compare", ["counts", "checksum"])
def test_a_target_that_cannot_attach_it(
    mover: Mover, source: Database, target: Database, compare: str
) -> None:
    """Each is compared with what it is; that the root there lacks the rows is said."""
    task = mover.ready_with(
        source,
        target,
        PA + PB + ALONE,
        ROWS_PA + ROWS_ALONE,
        target_schema=FLAT + ALONE,
        settings={"compare": compare},
    )
    source.run(ATTACH)
    _write(source, 1000)
    task.finish()
    rows = "SELECT md5(string_agg(t::text, ',' ORDER BY id, k)) FROM {} t {}"
    for table, part in (("pa", "WHERE k < 30"), ("alone", "")):
        query = rows.format(table, part)
        assert target.value(query) == source.value(query)
    (told,) = _codes(task, "PartitionApart")
    assert told["subject"] == "public.alone"
    assert "in a table of their own" in told["message"]


def test_attached_on_the_target_alone(mover: Mover, source: Database, target: Database) -> None:
    task = mover.ready_with(source, target, PA + ALONE, ROWS_PA + ROWS_ALONE)
    target.run(ATTACH)
    source.run("UPDATE pa SET v = 'b' WHERE k < 3; UPDATE alone SET v = 'b' WHERE k < 33")
    task.finish()
    rows = "SELECT md5(string_agg(t::text, ',' ORDER BY id, k)) FROM {} t"
    for table in ("pa1", "pa2", "alone"):
        assert target.value(rows.format(table)) == source.value(rows.format(table))


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
@pytest.mark.parametrize("there", ["done alike", "told"])
def test_moved_to_another_table(
    mover: Mover, source: Database, target: Database, plugin: str, there: str
) -> None:
    task = mover.ready_with(
        source, target, PA + PB, ROWS_PA + ROWS_PB, source_settings={"plugin": plugin}
    )
    source.run(MOVE)
    source.run("UPDATE pb SET v = 'moved' WHERE k = 12; INSERT INTO pb VALUES (1000, 15, 'n')")
    if there == "done alike":
        target.run(MOVE)
    task.cutover()
    if there == "told":
        told = _told(task)
        assert told == MOVE.removeprefix("BEGIN; ").removesuffix(" COMMIT").replace(
            ";ALTER", "; ALTER"
        )
        target.run(told)
    _ends_equal(task)


def test_moved_and_changed_in_between(mover: Mover, source: Database, target: Database) -> None:
    """What no stream has brought shows, because the table is compared in full."""
    task = mover.ready_with(
        source, target, PA + PB, ROWS_PA + ROWS_PB, settings={"compare": "none"}
    )
    source.run(MOVE.replace("public.pa2;", "public.pa2; COMMIT; UPDATE pa2 SET v = 'lost'; BEGIN;"))
    target.run(MOVE)
    task.cutover()
    task.reach("FAILED")
    (error,) = _codes(task, "OldRowsDiffer")
    assert "public.pa2 was moved from public.pa to public.pb" in error["message"]
    source.run("UPDATE pb SET v = v")
    task.backend.tasks.restart(task.where)
    task.ready()
    task.finish()
    _ends_equal(task)


def test_a_partition_made_since_and_moved(mover: Mover, source: Database, target: Database) -> None:
    task = mover.ready_with(
        source, target, PA + PB, ROWS_PA + ROWS_PB, source_settings={"plugin": "test_decoding"}
    )
    new = "CREATE TABLE pa3 PARTITION OF pa FOR VALUES FROM (20) TO (30)"
    for database in (target, source):
        database.run(new)
    source.run("INSERT INTO pa VALUES (1000, 25, 'n')")
    task.settle()
    source.run(MOVE.replace("pa2", "pa3").replace("(10) TO (20)", "(20) TO (30)"))
    source.run("INSERT INTO pb VALUES (1001, 25, 'n')")
    told = _told(task)
    assert "DETACH PARTITION public.pa3; ALTER TABLE public.pb ATTACH" in told
    target.run(told)
    task.cutover()
    _ends_equal(task)


def test_moved_to_a_table_that_is_flat_on_the_target(
    mover: Mover, source: Database, target: Database
) -> None:
    task = mover.ready_with(source, target, PA + PB, ROWS_PA + ROWS_PB, target_schema=FLAT)
    source.run(MOVE)
    source.run("UPDATE pb SET v = 'moved' WHERE k = 12; INSERT INTO pb VALUES (1000, 15, 'n')")
    task.finish()
    (told,) = _codes(task, "PartitionApart")
    assert "its rows stay with public.pa" in told["message"]
    assert target.value("SELECT count(*) FROM pa WHERE k >= 10") == source.value(
        "SELECT count(*) FROM pa2"
    )


def test_moved_to_a_table_that_is_not_migrated(
    mover: Mover, source: Database, target: Database
) -> None:
    task = mover.ready_with(source, target, PA + PB, ROWS_PA, tables=["public.pa"])
    source.run(MOVE)
    task.cutover()
    task.reach("FAILED")
    (error,) = _codes(task, "PartitionDetached")
    assert "but of public.pb, which is not migrated" in error["message"]
    source.run(
        "ALTER TABLE pb DETACH PARTITION pa2;"
        "ALTER TABLE pa ATTACH PARTITION pa2 FOR VALUES FROM (10) TO (20)"
    )
    task.backend.tasks.restart(task.where)
    task.ready()
    task.finish()
    assert target.value("SELECT count(*) FROM pa") == 40


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_a_detach_that_was_interrupted(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    """The partition is none any more, and no change of it is published."""
    if source.server.version < 14:
        pytest.skip("there is no DETACH CONCURRENTLY")
    task = mover.ready_with(source, target, PA, ROWS_PA, source_settings={"plugin": plugin})
    _interrupt(source)
    source.run("INSERT INTO pa2 VALUES (900, 15, 'direct')")
    task.cutover()
    if plugin == "test_decoding":
        task.reach("COMPLETE")
        assert target.value("SELECT count(*) FROM pa2") == source.value("SELECT count(*) FROM pa2")
        assert [each["subject"] for each in _codes(task, "PartitionDetached")] == ["public.pa2"]
        return
    task.reach("FAILED")
    (error,) = _codes(task, "PartitionDetached")
    assert "not a partition of public.pa any more" in error["message"]
    advice = "ALTER TABLE public.pa DETACH PARTITION public.pa2 FINALIZE;"
    assert advice in error["remedy"]
    source.run(advice)
    if source.server.version < 15:
        return  # its walsender goes on taking the partition for what it was at the first change
    source.run("DELETE FROM pa2 WHERE id = 900")
    source.run("ALTER TABLE pa ATTACH PARTITION pa2 FOR VALUES FROM (10) TO (20)")
    source.run("INSERT INTO pa VALUES (900, 15, 'again')")
    task.backend.tasks.restart(task.where)
    task.ready()
    task.finish()
    _ends_equal(task)


def _interrupt(source: Database) -> None:
    with source.connect(autocommit=False) as reader, source.connect() as session:
        reader.execute("SELECT FROM pa LIMIT 1")
        session.execute("SET statement_timeout = '500ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute("ALTER TABLE pa DETACH PARTITION pa2 CONCURRENTLY")
    assert source.value("SELECT count(*) FROM pg_inherits WHERE inhdetachpending") == 1
