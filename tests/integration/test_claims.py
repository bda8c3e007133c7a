"""One table of the target is filled by one migration, whatever the other one's state."""

from __future__ import annotations

import contextlib

import psycopg
import pytest

from tests.support.databases import Database
from tests.support.migrate import Mover

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text);"
ROWS = "INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 500) i"
PARTITIONED = """
CREATE TABLE p (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE p_north PARTITION OF p FOR VALUES IN ('north');
CREATE TABLE p_south PARTITION OF p FOR VALUES IN ('south');
"""


def _codes(findings: list[dict[str, str]]) -> set[str]:
    return {finding["code"] for finding in findings if finding["severity"] == "blocker"}


@pytest.mark.parametrize("ended", ["ready", "failed"])
def test_a_second_task_is_refused(
    mover: Mover, source: Database, target: Database, ended: str
) -> None:
    source.run(TABLE + ROWS)
    target.run(TABLE)
    first = mover.start(source, target)
    first.ready()
    if ended == "failed":
        first.until(lambda: _lost(source), "the slot dropped")
        first.end("Failed")
    second = mover.start(source, target, settings={"nonEmptyTarget": "truncate"})
    second.refused()
    assert _codes(second.findings()) == {"TargetTableTaken"}
    assert target.value("SELECT count(*) FROM t") == 500
    first.cancel()
    third = mover.start(source, target)
    third.ready()
    third.finish()
    assert third.compare().clean, third.story()


def _lost(source: Database) -> bool:
    """Drop the slot, which its walsender may be quick to take again."""
    source.run(
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots"
        " WHERE database = current_database() AND active"
    )
    with contextlib.suppress(psycopg.errors.ObjectInUse):
        source.run(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            " WHERE database = current_database()"
        )
        return True
    return False


def test_of_two_at_once_one_begins(mover: Mover, source: Database, target: Database) -> None:
    source.run(TABLE)
    target.run(TABLE)
    tasks = [mover.start(source, target) for _ in range(2)]
    decided = {"READY_TO_COMPLETE", "FAILED", "VALIDATION_FAILED"}
    for task in tasks:
        task.until(lambda which=task: which.state in decided, "decided")  # type: ignore[misc]
    assert sorted(task.state == "READY_TO_COMPLETE" for task in tasks) == [False, True]
    (loser,) = (task for task in tasks if task.state != "READY_TO_COMPLETE")
    assert "Another migration fills" in str(loser.show())
    (winner,) = (task for task in tasks if task is not loser)
    source.run(ROWS)
    if loser.state == "FAILED":  # and was not refused by the assessment already
        loser.cancel()
    winner.finish()
    assert winner.compare().clean, winner.story()


def test_partitions_of_one_table(mover: Mover, source: Database, target: Database) -> None:
    """Another partition is another table; the whole of it is not."""
    source.run(PARTITIONED + "INSERT INTO p SELECT i, 'north' FROM generate_series(1, 9) i")
    target.run(PARTITIONED)
    north = mover.start(source, target, tables=["public.p_north"])
    north.ready()
    whole = mover.start(source, target, settings={"nonEmptyTarget": "truncate"})
    whole.refused()
    assert "TargetTableTaken" in _codes(whole.findings())
    south = mover.start(source, target, tables=["public.p_south"])
    south.ready()
    for task in (north, south):
        task.finish()
    assert north.compare().clean
