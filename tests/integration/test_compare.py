"""Comparing while the source is being written to, and afterwards."""

from __future__ import annotations

import threading
import time

import pytest

from azext_dms_pg.errors import ConflictError
from azext_dms_pg.model.task_input import TaskInput
from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.migrate import PATIENCE, Mover, Task

SCHEMA = """
CREATE TABLE t (id int PRIMARY KEY, v text);
CREATE TABLE u (id int PRIMARY KEY, n bigint);
"""
DATA = """
INSERT INTO t SELECT n, repeat('x', n % 50) FROM generate_series(1, 5000) n;
INSERT INTO u SELECT n, n FROM generate_series(1, 500) n;
"""


@pytest.fixture
def ready(mover: Mover, source: Database, target: Database) -> Task:
    return mover.ready_with(source, target, SCHEMA, DATA)


def _compare(task: Task, passwords: TaskInput | None = None) -> dict[str, dict[str, object]]:
    def with_passwords(found: TaskInput) -> TaskInput:
        return passwords or found

    rows = task.backend.tasks.compare(
        task.where, object_name=None, limit=20, with_passwords=with_passwords
    )
    return {row["tableName"]: row for row in rows}


class _Writers:
    """Keeps changing the source in transactions that span tables."""

    def __init__(self, source: Database) -> None:
        self._source = source
        self._stop = threading.Event()
        self.count = 0
        self._threads = [threading.Thread(target=self._work, args=(n,)) for n in range(2)]
        for thread in self._threads:
            thread.start()

    def _work(self, number: int) -> None:
        with self._source.connect(autocommit=False) as connection:
            while not self._stop.is_set():
                key = 10_000 + number * 1_000_000 + self.count
                connection.execute("INSERT INTO t VALUES (%s, 'new')", [key])
                connection.execute("UPDATE u SET n = n + 1 WHERE id = %s", [key % 500 + 1])
                connection.execute("DELETE FROM t WHERE id = %s", [key - 50])
                if self.count % 10 == 0:
                    connection.execute("SAVEPOINT s")
                    connection.execute("UPDATE t SET v = v || '.' WHERE id < 100")
                    connection.execute("ROLLBACK TO SAVEPOINT s")
                    connection.execute("UPDATE t SET v = left(v, 40) || '!' WHERE id < 60")
                connection.commit()
                self.count += 1

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("version", [10, 13, 17])
def test_equal_at_one_moment_under_load(
    mover: Mover, servers: Servers, make_database: MakeDatabase, target: Database, version: int
) -> None:
    source = make_database(servers.get(version))
    for database in (source, target):
        database.run(SCHEMA)
    source.run(DATA)
    # Transactions of the writers are larger than a batch: they are applied in slices.
    ready = mover.start(source, target, settings={"batchChanges": "20"})
    ready.ready()
    writers = _Writers(source)
    try:
        for _ in range(3):
            before = writers.count
            found = _compare(ready)
            assert [name for name, row in found.items() if not row["equal"]] == []
            assert {row["moment"] for row in found.values()} == {"agreed"}
            assert writers.count > before
    finally:
        writers.close()
    assert source.run("SELECT 1 FROM pg_replication_slots WHERE temporary") == []
    ready.finish()
    assert ready.compare().clean


def test_a_difference_is_named_while_streaming(
    ready: Task, source: Database, target: Database
) -> None:
    target.run("DELETE FROM t WHERE id = 4007; INSERT INTO u VALUES (-9, 0)")
    writers = _Writers(source)
    try:
        found = _compare(ready)
    finally:
        writers.close()
    assert found["public.t"]["differingKeys"] == ["(4007) missing"]
    assert found["public.u"]["differingKeys"] == ["(-9) extra"]
    assert ready.backend.tasks.history(ready.where)["comparisons"][0]["equal"] is False
    target.run("INSERT INTO t SELECT 4007, repeat('x', 7); DELETE FROM u WHERE id = -9")
    assert [name for name, row in _compare(ready).items() if not row["equal"]] == []
    ready.cancel()


def test_writers_that_do_not_end_are_named(ready: Task, source: Database) -> None:
    """The stream rests for a bounded time only, and goes on afterwards."""
    with source.connect(autocommit=False) as blocker:
        blocker.execute("INSERT INTO u VALUES (-1, 0)")
        pid = blocker.info.backend_pid
        with pytest.raises(ConflictError, match="writers do not pause") as caught:
            _compare(ready)
        assert str(pid) in caught.value.message
        source.run("INSERT INTO u VALUES (-2, 0)")
        ready.settle()
        blocker.rollback()
    assert _compare(ready)["public.u"]["equal"]
    ready.cancel()


def test_after_the_cutover_with_passwords_given_again(
    ready: Task, source: Database, target: Database
) -> None:
    given = ready.given
    ready.finish()
    found = _compare(ready, given)
    assert all(row["equal"] and row["moment"] == "now" for row in found.values())
    target.run("UPDATE t SET v = 'other' WHERE id = 3")
    assert _compare(ready, given)["public.t"]["differingKeys"] == ["(3) different"]
    target.run("DROP TABLE u")
    assert _compare(ready, given)["public.u"]["differingKeys"] == ["the target has no such table"]


def test_before_the_load_has_ended_it_says_so(
    mover: Mover, source: Database, target: Database
) -> None:
    source.run(SCHEMA)
    task = mover.start(source, target)  # the target lacks the tables
    with pytest.raises(ConflictError, match="cannot be compared yet"):
        _compare(task)


DRIFT = "ALTER TABLE u ALTER n TYPE numeric; INSERT INTO u VALUES (9001, 1)"


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_is_refused_in_words_while_the_task_waits(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    task = mover.ready_with(source, target, SCHEMA, DATA, source_settings={"plugin": plugin})
    source.run(DRIFT)
    task.until(lambda: "by itself: " in task.problem(), "a pause with a statement")
    with pytest.raises(ConflictError, match="cannot be compared now") as caught:
        _compare(task)
    assert caught.value.action.endswith("ALTER TABLE public.u ALTER COLUMN n TYPE numeric;")
    target.run("ALTER TABLE u ALTER n TYPE numeric")
    task.settle()
    if plugin == "pgoutput":
        assert _compare(task)["public.u"]["equal"]
    task.finish()


def test_one_under_way_is_not_forgotten_when_the_servers_are_tried_again(
    ready: Task, source: Database, target: Database
) -> None:
    """Its snapshots are held by a session that waits; nobody would look at what it reads."""
    answers: list[str] = []

    def ask() -> None:
        try:
            _compare(ready)
            answers.append("compared")
        except ConflictError as error:
            answers.append(error.message)

    with target.connect(autocommit=False) as lock:
        lock.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        asking = threading.Thread(target=ask)
        asking.start()
        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%t%'"
        ready.until(lambda: target.run(waits) != [], "the comparison at its first table")
        source.run(DRIFT)  # to look at it, the worker needs the same lock
        asking.join(PATIENCE)
        assert not asking.is_alive()
    assert "cannot be compared now" in answers[0]
    ready.cancel()


def test_the_cutover_compares_contents_on_request(
    mover: Mover, source: Database, target: Database
) -> None:
    task = mover.ready_with(source, target, SCHEMA, DATA, settings={"compare": "checksum"})
    target.run("UPDATE u SET n = -1 WHERE id = 9")
    task.cutover()
    task.reach("FAILED")
    said = task.story()
    assert "ContentsDiffer" in said
    assert "(9) different" in said
    target.run("UPDATE u SET n = 9 WHERE id = 9")
    deadline = time.monotonic() + PATIENCE
    while task.state != "COMPLETE":  # a restart that comes while the old worker ends does nothing
        assert time.monotonic() < deadline, task.story()
        task.backend.tasks.restart(task.where)
        time.sleep(0.2)
    kept = task.backend.tasks.history(task.where)["comparisons"]
    assert [row["equal"] for row in kept] == [True, True]
    assert kept[0]["sourceChecksum"] == kept[0]["targetChecksum"] != ""
