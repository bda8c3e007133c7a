"""The local store: private, durable, and never guessed at."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from azext_dms_pg.errors import ConflictError, StateError
from azext_dms_pg.model.blotter import Blotter
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import (
    CommandState,
    MigrationState,
    ServiceState,
    Severity,
    TaskState,
)
from azext_dms_pg.model.task_input import DatabaseInput, TaskInput
from azext_dms_pg.state import mailbox, progress, resources, vault
from azext_dms_pg.state.paths import StateDir
from azext_dms_pg.state.records import TaskRecord
from azext_dms_pg.state.store import VERSION, Store

CANARY = "c4n4ry-p4ssw0rd"
INPUT = TaskInput(
    source=Connection("source.example", "sa", Secret(CANARY)),
    target=Connection("target.example", "ta", Secret(CANARY + "2")),
    databases=(DatabaseInput("Inventory", "inventory"), DatabaseInput("crm", "crm")),
)


@pytest.fixture
def directory(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path / "azure" / "dms-pg")


@pytest.fixture
def store(directory: StateDir) -> Store:
    return Store(directory)


@pytest.fixture
def task(store: Store) -> TaskRecord:
    service = resources.put_service(store, "PostgresDemo", "PostgresCLI", "local", "Local", {})
    project = resources.put_project(
        store, service, "PGMigration", ("PostgreSQL", "AzureDbForPostgreSql"), "local", {}
    )
    return resources.add_task(store, project, "runnowtask", INPUT, {})


def test_files_are_private_under_a_hostile_umask(directory: StateDir) -> None:
    before = os.umask(0)
    try:
        store = Store(directory)
        vault.keep(directory, "t", INPUT)
    finally:
        os.umask(before)
    for path in [directory.root, *directory.root.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    store.close()  # its journal goes with it


def test_newer_state_is_refused(directory: StateDir, store: Store) -> None:
    store.close()
    with sqlite3.connect(directory.database) as raw:
        raw.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StateError, match="reads up to") as caught:
        Store(directory)
    assert caught.value.code == "StateTooNew"


def test_corrupt_state_is_refused(directory: StateDir, store: Store) -> None:
    store.close()
    for leftover in directory.root.glob("state.db-*"):
        leftover.unlink()
    directory.database.write_bytes(b"this is no database at all" * 300)
    with pytest.raises(StateError, match="damaged"):
        Store(directory)


def test_foreign_database_is_refused(directory: StateDir) -> None:
    directory.create()
    with sqlite3.connect(directory.database) as raw:
        raw.execute("CREATE TABLE somebody (elses int)")
    with pytest.raises(StateError, match="not a dms-pg state file"):
        Store(directory)


def test_names_compare_case_insensitively(store: Store, task: TaskRecord) -> None:
    service = resources.find_service(store, "postgresdemo", "POSTGREScli")
    assert service is not None
    assert service.name == "PostgresCLI"
    assert resources.find_task(store, task.project, "Runnowtask") == task
    with pytest.raises(ConflictError, match="already has a task"):
        resources.add_task(store, task.project, "RunNowTask", INPUT, {})


def test_no_password_in_any_file(directory: StateDir, store: Store, task: TaskRecord) -> None:
    vault.keep(directory, task.id, INPUT)
    store.close()
    for path in directory.root.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path
    bare = TaskInput.from_wire(task.input)
    assert vault.restore(directory, task.id, bare) == INPUT
    vault.drop(directory, task.id)
    assert vault.restore(directory, task.id, bare) == bare


def test_a_second_cutover_changes_nothing(store: Store, task: TaskRecord) -> None:
    for _ in range(2):
        mailbox.post_cutover(store, task.id, 1, {})
    command = mailbox.open_command(store, task.id, 1)
    assert command is not None
    mailbox.set_command(store, command.id, CommandState.SUCCEEDED)
    mailbox.post_cutover(store, task.id, 1, {})
    assert mailbox.open_command(store, task.id, 1) is None
    assert mailbox.open_command(store, task.id, 0) is None
    assert len(resources.snapshot(store, task).commands) == 1


def test_threads_may_share_a_store(store: Store, task: TaskRecord) -> None:
    journal = progress.Journal(store, task.id, 0)

    def work() -> None:
        for _ in range(20):
            journal.progress({}, [1, 2, 3], None)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = resources.databases(store, task.id)[0]
    assert (record.inserts, record.updates, record.deletes) == (80, 160, 240)


def test_no_sentence_keeps_a_secret(store: Store, task: TaskRecord) -> None:
    """Servers may repeat a password in whatever they answer."""
    tokens: list[str] = []
    store.blot = Blotter({"s3cret", "s3cret-too"}, lambda: tokens)
    tokens.append("t0ken")
    said = "no: s3cret-too, s3cret, t0ken"
    journal = progress.Journal(store, task.id, 0)
    journal.versions(said, said)
    journal.state(MigrationState.VALIDATING, said)
    journal.activity(said)
    journal.event("error", "C", message=said, action=said)
    journal.findings([Finding("C", Severity.WARNING, "source", said, said)])
    mailbox.post_cutover(store, task.id, 0, {})
    command = mailbox.open_command(store, task.id, 0)
    assert command is not None
    mailbox.set_command(store, command.id, CommandState.FAILED, said)
    journal.problem(said, said)
    assert resources.databases(store, task.id)[0].problem == "no: ***, ***, ***"
    kept = "\n".join(store._connection.iterdump())
    assert kept.count("no: ***, ***, ***") >= 9
    assert "s3cret" not in kept
    assert "t0ken" not in kept
    journal.solved(said)
    assert resources.databases(store, task.id)[0].problem == ""


def test_reopening_keeps_what_was_reached(store: Store, task: TaskRecord) -> None:
    journal = progress.Journal(store, task.id, 0)
    journal.state(MigrationState.COMPLETE)
    other = progress.Journal(store, task.id, 1)
    other.event("error", "SlotLost", message="gone")
    other.state(MigrationState.FAILED)
    progress.set_task_state(store, task.id, TaskState.FAILED)
    progress.reopen(store, task.id)
    snapshot = resources.snapshot(store, resources.get_task(store, task.id))
    assert snapshot.task.state is TaskState.QUEUED
    assert [item.state for item in snapshot.databases] == [
        MigrationState.COMPLETE,
        MigrationState.UNDEFINED,
    ]
    assert not snapshot.events


def test_two_stores_of_one_process_and_a_worker_that_leaves(
    directory: StateDir, store: Store, task: TaskRecord
) -> None:
    """Opening the second must not cost the first its locks, or it goes on reading the past."""
    second = Store(directory)
    store.query("SELECT 1 FROM task")
    for state in (TaskState.RUNNING, TaskState.SUCCEEDED):
        script = (
            "from pathlib import Path;from azext_dms_pg.state.paths import StateDir;"
            "from azext_dms_pg.state import progress;from azext_dms_pg.state.store import Store;"
            "from azext_dms_pg.model.states import TaskState;"
            f"store = Store(StateDir(Path({str(directory.root)!r})));"
            f"progress.set_task_state(store, {task.id!r}, TaskState({state.value!r}));"
            "store.close()"
        )
        subprocess.run([sys.executable, "-c", script], check=True)
        assert resources.get_task(store, task.id).state is state
        assert resources.get_task(second, task.id).state is state
    second.close()


def test_a_service_and_its_tasks_turn_together(store: Store, task: TaskRecord) -> None:
    service = task.project.service
    resources.stop_service(store, service)
    assert resources.get_task(store, task.id).project.service.state == ServiceState.STOPPING
    assert mailbox.wanted(store, task.id) == mailbox.PAUSE
    # Meant before the stop and written after it: the stop stands.
    progress.reopen(store, task.id)
    assert mailbox.wanted(store, task.id) == mailbox.PAUSE
    resources.start_service(store, service)
    assert resources.get_task(store, task.id).project.service.state == ServiceState.STARTING
    assert mailbox.wanted(store, task.id) == mailbox.RUN


def test_a_cancel_outlives_stop_and_start(store: Store, task: TaskRecord) -> None:
    mailbox.ask(store, task.id, mailbox.CANCEL)
    resources.stop_service(store, task.project.service)
    resources.start_service(store, task.project.service)
    assert mailbox.wanted(store, task.id) == mailbox.CANCEL
