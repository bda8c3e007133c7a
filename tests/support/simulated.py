"""A local task without a migration: rows in the store, as a worker would write them.

For everything that only looks: it can be shown any state at once, without servers. While the
task is ``alive`` this process holds the locks its workers would hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.states import TaskState
from azext_dms_pg.model.task_input import DatabaseInput, TaskInput
from azext_dms_pg.state import progress, resources
from azext_dms_pg.state.locks import Lock
from azext_dms_pg.state.paths import StateDir
from azext_dms_pg.state.records import TaskRecord
from azext_dms_pg.state.store import Store

GROUP, SERVICE, PROJECT, TASK = "PostgresDemo", "PostgresCLI", "PGMigration", "runnowtask"
#: The arguments that name the task on the command line.
NAMES = ("-g", GROUP, "--service-name", SERVICE, "--project-name", PROJECT, "-n", TASK)
PASSWORD = "c4n4ry-p4ssw0rd"


@dataclass
class Simulated:
    """One task and the journals of its databases."""

    directory: StateDir
    store: Store
    task: TaskRecord
    journals: tuple[progress.Journal, ...]

    def state(self, state: TaskState) -> None:
        progress.set_task_state(self.store, self.task.id, state)

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Be the task's supervisor, and the worker of every database, for a while."""
        names = ["", *(f".{number}" for number in range(len(self.journals)))]
        with ExitStack() as held:
            for name in names:
                held.enter_context(Lock(self.directory.run / f"{self.task.id}{name}.lock"))
            self.state(TaskState.RUNNING)
            for journal in self.journals:
                journal.heartbeat()
            yield


def make(config: Path, *databases: str, options: dict[str, bool] | None = None) -> Simulated:
    """A task of those databases in the config directory's store."""
    directory = StateDir(config / "dms-pg")
    store = Store(directory)
    service = resources.put_service(store, GROUP, SERVICE, "local", "Local", {})
    project = resources.put_project(
        store, service, PROJECT, ("PostgreSQL", "AzureDbForPostgreSql"), "local", {}
    )
    names = databases or ("dvdrental",)
    task = resources.add_task(
        store,
        project,
        TASK,
        TaskInput(
            Connection("db.example.com", "migrator", Secret(PASSWORD)),
            Connection("new.example.com", "migrator", Secret(PASSWORD)),
            tuple(DatabaseInput(name, name) for name in names),
        ),
        options or {},
    )
    journals = tuple(progress.Journal(store, task.id, n) for n in range(len(names)))
    return Simulated(directory, store, task, journals)
