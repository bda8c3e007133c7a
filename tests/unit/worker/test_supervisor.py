"""What a supervisor says of workers that cannot do their work."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from azext_dms_pg.model.states import MigrationState, TaskState
from azext_dms_pg.state import mailbox, progress, resources
from azext_dms_pg.state.locks import Lock
from azext_dms_pg.worker import supervisor
from tests.support import simulated
from tests.support.simulated import Simulated


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_BACKOFF", (0.0,))
    monkeypatch.setattr(supervisor, "_MAX_QUICK_DEATHS", 1)
    monkeypatch.setenv("PYTHONPATH", str(Path(supervisor.__file__).parents[2]))
    monkeypatch.setattr(supervisor, "_HELD_SECONDS", 0.2)


def _run(task: Simulated) -> None:
    supervisor._Supervisor(task.directory, task.store, task.task.id).run()


def _state(task: Simulated) -> TaskState:
    return resources.get_task(task.store, task.task.id).state


def test_a_cancel_nobody_can_carry_out_is_not_canceled(tmp_path: Path) -> None:
    """The slot holds the source's WAL back: who is told nothing looks at nothing."""
    task = simulated.make(tmp_path)
    entry = task.directory.vault / task.task.id
    task.directory.vault.mkdir(exist_ok=True)
    entry.write_bytes(b"not to be read")
    task.journals[0].state(MigrationState.INITIALIZING)
    task.journals[0].state(MigrationState.READY_TO_COMPLETE)
    mailbox.ask(task.store, task.task.id, mailbox.CANCEL)
    _run(task)
    assert _state(task) is TaskState.FAILED
    assert entry.exists()
    told = [dict(row) for row in task.store.query("SELECT code, subject, action FROM event")]
    left = {each["subject"]: each["action"] for each in told if each["code"] == "LeftBehind"}
    assert "pg_drop_replication_slot('dms_pg_" in left["source"]
    assert "DROP SCHEMA dms_pg" in left["target"]


def test_a_lock_held_by_an_orphan_is_no_death(tmp_path: Path) -> None:
    task = simulated.make(tmp_path)
    task.journals[0].state(MigrationState.READY_TO_COMPLETE, "in step with the source")
    seen = resources.databases(task.store, task.task.id)[0].heartbeat
    lock = Lock(task.directory.run / f"{task.task.id}.0.lock")
    running = threading.Thread(target=_run, args=(task,))
    running.start()

    def problem() -> str:
        return resources.databases(task.store, task.task.id)[0].problem

    deadline = time.monotonic() + 60
    while f"Process {os.getpid()} " not in problem():
        assert time.monotonic() < deadline, problem()
        time.sleep(0.05)
    # Longer than it takes to be found dead twice.
    time.sleep(6)
    mailbox.ask(task.store, task.task.id, mailbox.PAUSE)
    running.join(60)
    lock.release()
    assert _state(task) is TaskState.QUEUED
    database = resources.databases(task.store, task.task.id)[0]
    # Nobody has looked since, and that nobody speaks is not hidden by who says so.
    assert database.state is MigrationState.RUNNING
    assert database.heartbeat == seen


def test_an_end_is_not_told_when_something_else_is_wanted_by_now(tmp_path: Path) -> None:
    task = simulated.make(tmp_path)
    task.state(TaskState.RUNNING)
    assert not progress.conclude(task.store, task.task.id, TaskState.QUEUED, mailbox.PAUSE)
    assert _state(task) is TaskState.RUNNING
    mailbox.ask(task.store, task.task.id, mailbox.PAUSE)
    assert progress.conclude(task.store, task.task.id, TaskState.QUEUED, mailbox.PAUSE)
    assert _state(task) is TaskState.QUEUED
