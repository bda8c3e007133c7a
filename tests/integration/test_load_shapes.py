"""Loads of every shape: huge transactions, many small ones, writers that never stop."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.fix_postgres import MakeDatabase
from tests.support.databases import Database
from tests.support.migrate import Mover, Task
from tests.support.writers import SCHEMA, Writers

# DMS_PG_TEST_BIG=1 (make slow) takes the full sizes; CI makes do with a fraction.
BIG = bool(os.environ.get("DMS_PG_TEST_BIG"))
ROWS = 5_000_000 if BIG else 150_000
SUBTRANSACTIONS = 100_000 if BIG else 10_000
# Decoding and applying must not hold a whole transaction in memory: a batch is a fraction of it,
# all of it more than is allowed.
BATCH = {"batchChanges": str(ROWS // 50)}
MAX_GROWTH_MEGABYTES = 600 if BIG else 30

BULK = """
CREATE TABLE bulk (id int PRIMARY KEY, a text, b numeric, c timestamptz DEFAULT now());
CREATE TABLE bulk_heap (a int, b text);
ALTER TABLE bulk_heap REPLICA IDENTITY FULL;
"""


@pytest.mark.big
@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_a_huge_transaction(mover: Mover, source: Database, target: Database, plugin: str) -> None:
    """Arrives whole or not at all, in bounded memory."""
    for database in (source, target):
        database.run(BULK)
    task = mover.start(source, target, source_settings={"plugin": plugin}, settings=BATCH)
    task.ready()
    before = mover.memory()
    with source.connect() as connection, connection.transaction():
        connection.execute(
            f"INSERT INTO bulk SELECT i, 'row ' || i, i * 1.01 FROM generate_series(1, {ROWS}) i"
        )
        connection.execute("UPDATE bulk SET a = a || '!' WHERE id % 3 = 0")
        connection.execute("UPDATE bulk SET id = -id WHERE id % 1000 = 0")
        connection.execute("DELETE FROM bulk WHERE id % 7 = 0")
        connection.execute(
            "INSERT INTO bulk_heap SELECT i %% 100, 'x' FROM generate_series(1, %s) i"
            % (ROWS // 50)
        )
        connection.execute("DELETE FROM bulk_heap WHERE a = 5")
    # A reader of the target never sees a part of it.
    seen, peaks = {0}, [0]
    task.cutover()
    with target.connect() as reader:

        def over() -> bool:
            row = reader.execute("SELECT count(*) FROM bulk").fetchone()
            seen.add(row[0] if row else -1)
            peaks.append(mover.memory())
            return task.state == "COMPLETE"

        task.until(over, "COMPLETE", 60 + ROWS / 2_000)
    assert len(seen) <= 2
    report = task.compare()
    assert report.clean, report.text
    assert max(peaks) - before < MAX_GROWTH_MEGABYTES


@pytest.mark.big
def test_subtransactions(mover: Mover, source: Database, target: Database) -> None:
    """Savepoints kept and rolled back, more than a snapshot has room for."""
    for database in (source, target):
        database.run(BULK)
    task = mover.start(source, target)
    task.ready()
    source.run(
        f"""
        DO $$ BEGIN
            FOR i IN 1..{SUBTRANSACTIONS} LOOP
                BEGIN
                    INSERT INTO bulk VALUES (i, 'kept', 1);
                    IF i % 3 = 0 THEN RAISE EXCEPTION 'undone'; END IF;
                EXCEPTION WHEN raise_exception THEN
                    INSERT INTO bulk_heap VALUES (i % 10, 'undone');
                END;
            END LOOP;
        END $$
        """
    )
    task.finish()
    report = task.compare()
    assert report.clean, report.text
    assert report.source["public.bulk"].rows == SUBTRANSACTIONS - SUBTRANSACTIONS // 3


@pytest.mark.big
def test_many_writers_at_full_speed(
    mover: Mover, source: Database, target: Database, tmp_path: Path
) -> None:
    """Eight of them from before the slot until just before the cutover."""
    for database in (source, target):
        database.run(SCHEMA)
    with Writers(source, count=8, ledger=tmp_path / "ledger") as crowd:
        crowd.wait_for(500)
        task = mover.start(source, target)
        task.until(lambda: task.database()["initializationCompleted"], "the end of the load")
        crowd.wait_for(20_000 if BIG else 2_000)
        crowd.stop()
        task.ready()
        task.finish()
    assert not crowd.problems(target)
    report = task.compare()
    assert report.clean, report.text


@pytest.mark.big
def test_cutover_with_a_deep_backlog(mover: Mover, source: Database, target: Database) -> None:
    """Small transactions by the thousand, and the cutover asked for at once (hazard 9)."""
    schema = (
        BULK
        + "CREATE PROCEDURE many(n int) LANGUAGE plpgsql AS $$ BEGIN\n"
        + (
            "FOR i IN 1..n LOOP INSERT INTO public.bulk VALUES (i, 'x', 1);"
            " UPDATE public.bulk SET b = b + 1 WHERE id = 1 + i / 2; COMMIT; END LOOP; END $$;"
        )
    )
    for database in (source, target):
        database.run(schema)
    task = mover.start(source, target)
    task.ready()
    source.run(f"CALL many({100_000 if BIG else 10_000})")
    task.finish()
    report = task.compare()
    assert report.clean, report.text


def test_cutover_under_writers_is_reported(
    mover: Mover, source: Database, target: Database
) -> None:
    for database in (source, target):
        database.run(SCHEMA)
    with Writers(source, count=2) as crowd:
        task = mover.start(source, target)
        task.until(lambda: task.database()["initializationCompleted"], "the end of the load")
        crowd.wait_for(100)
        task.finish()
        said = {item["code"]: item for item in task.findings()}
        crowd.wait_for(10)
    assert "SourceStillWritten" in said
    assert re.search(
        r"before [0-9A-F]+/[0-9A-F]+ is on the target", said["SourceStillWritten"]["message"]
    )
    # What was committed before the last fence is there, whole transactions only.
    with target.connect() as connection:
        orphans = connection.execute(
            "SELECT count(*) FROM writers.journal j WHERE NOT EXISTS"
            " (SELECT FROM writers.journal k WHERE k.writer = j.writer AND k.txn < j.txn)"
            " AND j.txn > (SELECT min(txn) FROM writers.journal m WHERE m.writer = j.writer)"
        ).fetchone()
    assert orphans == (0,)


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_an_idle_source_lets_wal_go(
    mover: Mover, source: Database, target: Database, make_database: MakeDatabase, plugin: str
) -> None:
    """Another database of the cluster writes; ours does not; the slot moves on (hazard 11)."""
    busy = make_database(source.server)
    for database in (source, target, busy):
        database.run(BULK)
    task = mover.start(source, target, source_settings={"plugin": plugin})
    task.ready()
    before = _slot(source)
    busy.run("INSERT INTO bulk SELECT i, 'x', 1 FROM generate_series(1, 20000) i; CHECKPOINT")
    mark = source.value("SELECT pg_current_wal_lsn()::text")

    def moved() -> bool:
        busy.run("SELECT pg_log_standby_snapshot()")
        query = f"SELECT restart_lsn > '{before}' AND confirmed_flush_lsn >= '{mark}'"
        return bool(source.value(f"{query} FROM pg_replication_slots WHERE {_OURS}"))

    task.until(moved, "the slot's move")
    task.finish()


_OURS = "slot_name LIKE 'dms\\_pg%' AND database = current_database()"


def _slot(source: Database) -> str:
    found: str = source.value(f"SELECT restart_lsn::text FROM pg_replication_slots WHERE {_OURS}")
    return found


@pytest.mark.slow
def test_a_large_table_in_parts_under_writers(
    mover: Mover, source: Database, target: Database
) -> None:
    """Ranges of one table copied side by side while its rows move from page to page."""
    for database in (source, target):
        database.run(BULK)
    source.run("INSERT INTO bulk SELECT i, repeat('x', 200), 1 FROM generate_series(1, 60000) i")
    task: Task = mover.start(source, target, settings={"partBytes": "1MB"})
    for n in range(10):
        source.run(f"UPDATE bulk SET a = a || '{n}' WHERE id % 10 = {n}")
        source.run(f"UPDATE bulk SET id = -id WHERE id % 100 = {n}")
    task.ready()
    task.finish()
    report = task.compare()
    assert report.clean, report.text
