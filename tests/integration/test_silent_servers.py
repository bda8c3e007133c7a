"""Servers that keep a connection open and say nothing: frozen machines, half-open tunnels."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.fix_proxy import MakeProxy
from tests.support.databases import Database
from tests.support.migrate import Mover, Task

SCHEMA = "CREATE TABLE t (id int PRIMARY KEY, v text)"
_BACKENDS = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name ~ '^dms-pg ({})'"
)


@contextmanager
def _frozen(database: Database, purposes: str) -> Iterator[None]:
    """The backends of those sessions, stopped in their tracks."""
    pids = [pid for (pid,) in database.run(_BACKENDS.format(purposes))]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _log(task: Task) -> str:
    logs = (task.directory / "log").glob("*.log")
    return "".join(path.read_text(errors="replace") for path in logs)


@pytest.mark.parametrize("silent", ["watch", "stream"])
def test_a_session_of_the_source_falls_silent(
    mover: Mover, source: Database, target: Database, silent: str
) -> None:
    """Its server knows that the session waits for us, so a new one takes its place."""
    task = mover.ready_with(source, target, SCHEMA)
    with _frozen(source, silent):
        source.run("INSERT INTO t SELECT n, 'late' FROM generate_series(1, 50) n")
        said = "walsender waits for" if silent == "stream" else "wait for each other"
        task.until(lambda: said in _log(task), "a connection that is given up")
    task.settle()
    task.finish()
    assert task.compare().clean


def test_the_session_that_writes_the_fence_falls_silent(
    mover: Mover, source: Database, target: Database
) -> None:
    task = mover.ready_with(source, target, SCHEMA)
    with _frozen(source, "control"):
        task.finish()
    assert task.compare().clean


@pytest.mark.parametrize("then", ["change", "cancel"])
def test_the_session_that_applies_falls_silent(
    mover: Mover, source: Database, target: Database, then: str
) -> None:
    task = mover.ready_with(source, target, SCHEMA)
    with _frozen(target, "apply"):
        source.run("INSERT INTO t SELECT n, 'late' FROM generate_series(1, 50) n")
        if then == "cancel":
            task.backend.tasks.cancel(task.where)
            task.reach("CANCELLING", "CANCELLED")
        else:
            task.until(lambda: "wait for each other" in _log(task), "a connection given up")
    if then == "cancel":
        task.end("Canceled")
        return
    task.settle()
    task.finish()
    assert task.compare().clean


@pytest.mark.parametrize("then", ["it comes back", "cancel"])
def test_a_source_nobody_hears_of(
    mover: Mover, source: Database, target: Database, make_proxy: MakeProxy, then: str
) -> None:
    """Nothing gets through any more and no connection ends; ``show`` does not say all is well."""
    proxy = make_proxy(source.server)
    task = mover.ready_with(source, target, SCHEMA, source_by=proxy)
    proxy.stall()
    source.run("INSERT INTO t VALUES (1, 'unseen')")
    if then == "cancel":
        task.cutover()
        task.reach("COMPLETING")
        task.backend.tasks.cancel(task.where)
        task.reach("CANCELLING")
        proxy.resume()
        task.end("Canceled")
        return
    task.until(lambda: task.database()["latency"] > 0, "a latency")
    task.reach("RUNNING")
    proxy.resume()
    task.settle()
    task.finish()
    assert task.compare().clean


def test_who_waits_for_a_lock_is_not_taken_for_deaf(
    mover: Mover, source: Database, target: Database
) -> None:
    """Nor is a session whose answer nobody has come to read meanwhile."""
    rows = "INSERT INTO t SELECT n, 'x' FROM generate_series(1, 100) n"
    task = mover.ready_with(source, target, SCHEMA, rows)
    walsender = source.value(
        "SELECT pid FROM pg_stat_replication WHERE application_name LIKE 'dms-pg%'"
    )
    with target.connect(autocommit=False) as lock:
        lock.execute("LOCK TABLE t IN SHARE MODE")
        for n in range(1000, 1050):
            source.run(f"INSERT INTO t VALUES ({n}, repeat('x', 1000))")
        task.until(lambda: "LOCK TABLE" in task.problem(), "who holds the lock")
        time.sleep(14)
    task.settle()
    assert (
        source.value("SELECT pid FROM pg_stat_replication WHERE application_name LIKE 'dms-pg%'")
        == walsender
    )
    assert "wait for each other" not in _log(task)
    task.finish()
