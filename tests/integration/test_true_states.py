"""States say what is so: of servers that are away, of databases that fail beside others."""

from __future__ import annotations

import os
import signal

import pytest

from azext_dms_pg.errors import ConflictError
from azext_dms_pg.state import report
from tests.fix_postgres import MakeDatabase
from tests.fix_proxy import MakeProxy
from tests.support import oracle, processes
from tests.support.databases import Database
from tests.support.migrate import Mover

SCHEMA = "CREATE TABLE t (id int PRIMARY KEY, v text)"
_NO_SCHEMAS = """
CREATE FUNCTION nope() RETURNS event_trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION 'no schemas here'; END$$;
CREATE EVENT TRIGGER nope ON ddl_command_start WHEN TAG IN ('CREATE SCHEMA')
    EXECUTE PROCEDURE nope();
"""


def test_nothing_is_ready_while_the_source_is_away(
    mover: Mover, source: Database, target: Database, make_proxy: MakeProxy
) -> None:
    proxy = make_proxy(source.server)
    task = mover.ready_with(source, target, SCHEMA, source_by=proxy)
    proxy.refuse()
    proxy.cut()
    task.reach("RUNNING")
    task.until(lambda: "cannot be reached" in task.problem(), "a problem told")
    assert task.state == "RUNNING"
    proxy.resume()
    task.ready()
    task.finish()


def test_a_new_worker_is_not_ready_before_it_has_looked(
    mover: Mover, source: Database, target: Database, make_proxy: MakeProxy
) -> None:
    proxy = make_proxy(source.server)
    task = mover.ready_with(source, target, SCHEMA, source_by=proxy)
    mover.close()
    proxy.refuse()
    task.backend.tasks.restart(task.where)
    task.until(lambda: "cannot be reached" in task.problem(), "a problem told")
    assert task.state == "RUNNING"
    proxy.resume()
    task.ready()
    task.finish()


def processes_of(mover: Mover) -> tuple[int, int]:
    """Supervisor and worker of a task with one database."""
    found = sorted(mover.workers(), key=lambda pid: "--database" in processes.command_line(pid))
    supervisor, worker = found
    return supervisor, worker


def test_nothing_is_ready_while_an_orphan_is_suspended(
    mover: Mover, source: Database, target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = mover.ready_with(source, target, SCHEMA)
    supervisor, worker = processes_of(mover)
    mover.suspend(worker)
    os.kill(supervisor, signal.SIGKILL)
    task.until(lambda: task.show()["state"] == "Faulted", "the supervisor's end")
    task.backend.tasks.restart(task.where)
    task.until(lambda: f"kill -9 {worker} " in task.problem(), "the orphan named")
    assert task.state == "RUNNING"
    monkeypatch.setattr(report, "_SILENT_SECONDS", 3.0)
    task.until(lambda: "WorkerSilent" in str(task.show()["errors"]), "the silence told")
    assert f"kill -9 {worker} " in task.problem()
    with pytest.raises(ConflictError):
        task.cutover()
    monkeypatch.undo()
    source.run("INSERT INTO t VALUES (1, 'x')")
    os.kill(worker, signal.SIGKILL)
    task.settle()
    task.finish()
    assert task.compare().clean, task.story()


def test_a_cancel_that_a_suspended_worker_does_not_hear(
    mover: Mover, source: Database, target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = mover.ready_with(source, target, SCHEMA)
    _, worker = processes_of(mover)
    mover.suspend(worker)
    task.backend.tasks.cancel(task.where)
    with pytest.raises(ConflictError) as refused:
        task.backend.tasks.restart(task.where)
    assert refused.value.code == "TaskIsCancelling"
    monkeypatch.setattr(report, "_SILENT_SECONDS", 3.0)
    task.until(lambda: "WorkerSilent" in str(task.show()["errors"]), "the silence told")
    assert task.state == "UNDEFINED"
    monkeypatch.undo()
    os.kill(worker, signal.SIGKILL)
    task.end("Canceled")
    assert oracle.source_leftovers(source) == []
    assert oracle.target_leftovers(target) == []


def test_a_database_that_fails_at_the_beginning_is_cancelled_with_the_others(
    mover: Mover, source: Database, target: Database, make_database: MakeDatabase
) -> None:
    """The first has a slot by then: the task did not fail in validation, where nothing is left."""
    other = make_database(source.server, SCHEMA)
    refusing = make_database(target.server, SCHEMA + ";" + _NO_SCHEMAS)
    row = "INSERT INTO t VALUES (1, 'x')"
    task = mover.ready_with(source, target, SCHEMA, row, others=[(other, refusing)])

    def failed() -> bool:
        return bool(task.level("DatabaseLevelOutput")[1]["migrationState"] == "FAILED")

    task.until(failed, "the end of the second database")
    # And now the first one: its row is not there to be changed.
    target.run("DELETE FROM t")
    source.run("UPDATE t SET v = 'y'")
    task.reach("FAILED")
    task.end("Failed")
    task.cancel()
    assert oracle.source_leftovers(source) == []
    assert oracle.target_leftovers(target) == []
