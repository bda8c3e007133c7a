"""The worker process of one database: puts a job together and hands it to the conductor."""

from __future__ import annotations

import hashlib
import platform
import shutil
import signal
from typing import TYPE_CHECKING

from azext_dms_pg.engine.job import Job, migration_id
from azext_dms_pg.engine.migration import Migration
from azext_dms_pg.model.blotter import Blotter
from azext_dms_pg.model.options import TaskOptions
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.model.task_input import TaskInput
from azext_dms_pg.postgres import token
from azext_dms_pg.state import resources, vault
from azext_dms_pg.state.locks import Lock
from azext_dms_pg.state.store import Store
from azext_dms_pg.worker.control import Control
from azext_dms_pg.worker.log import LoggedJournal, passwords, write_to_file

if TYPE_CHECKING:
    from pathlib import Path

    from azext_dms_pg.state.paths import StateDir


def work(directory: StateDir, task_id: str, ordinal: int, parent: int | None) -> int:
    """Migrate one database until it ends or a pause is asked for; 0 when that was in order.

    :raises ConflictError: another process works on this database.
    """
    # A shutdown signals everybody at once; the supervisor's end is what tells us to pause.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    store = Store(directory)
    lock = directory.run / f"{task_id}.{ordinal}.lock"
    with Lock(lock):
        task = resources.get_task(store, task_id)
        whole = vault.restore(directory, task_id, TaskInput.from_wire(task.input))
        database = whole.databases[ordinal]
        job = Job(
            id=migration_id(task_id, ordinal),
            source=whole.source.to_database(database.name),
            target=whole.target.to_database(database.target_name),
            database=database,
            settings=MigrationSettings.of(database),
            slots=directory.run / f"{task_id}.slots",
            options=TaskOptions.of_json(task.options),
            owner=_owner(lock),
            task_ids=tuple(migration_id(task_id, each) for each in range(len(whole.databases))),
        )
        _sweep(directory, job.id)
        store.blot = Blotter(passwords(whole), token.issued)
        write_to_file(directory, task_id, str(ordinal), store.blot, database=database.name)
        journal = LoggedJournal(store, task_id, ordinal)
        control = Control(store, task_id, ordinal, parent)
        Migration(job, journal, control).run()
        control.close()
    return 0


def _sweep(directory: StateDir, migration: str) -> None:
    """Remove the scratch directories of workers that were killed."""
    for left in directory.run.glob(f"{migration}.*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)


def _owner(lock: Path) -> str:
    """Names whoever holds this very lock file; a copy of the directory elsewhere differs."""
    file = lock.stat()
    identity = f"{platform.node()} {lock.resolve()} {file.st_dev} {file.st_ino}"
    return hashlib.sha256(identity.encode()).hexdigest()[:12]
