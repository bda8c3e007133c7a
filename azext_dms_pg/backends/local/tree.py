"""Finding services, projects and tasks in the local store, with words for what is missing."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from azext_dms_pg.errors import InputError, NotFoundError
from azext_dms_pg.model.states import MigrationState, ServiceState, TaskState
from azext_dms_pg.state import mailbox, resources
from azext_dms_pg.state.locks import is_held
from azext_dms_pg.state.report import Liveness
from azext_dms_pg.state.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from azext_dms_pg.backends.base import ProjectAddress, ServiceAddress, TaskAddress
    from azext_dms_pg.state.paths import StateDir
    from azext_dms_pg.state.records import (
        DatabaseRecord,
        ProjectRecord,
        ServiceRecord,
        TaskRecord,
        TaskSnapshot,
    )

# A supervisor looks at its workers every fifth of a second, and then writes how the task ended.
_WIND_DOWN_SECONDS = 3.0
_LOOK_SECONDS = 0.05
# Workers end and begin in order then: that none is there is nobody's fault.
_BETWEEN = frozenset({ServiceState.STOPPED, ServiceState.STOPPING, ServiceState.STARTING})


class Tree:
    """The local store, opened when it is first needed."""

    def __init__(self, directory: StateDir) -> None:
        self.directory = directory

    @cached_property
    def store(self) -> Store:
        return Store(self.directory)

    def has_service(self, group: str, name: str) -> bool:
        if not self.directory.exists():
            return False
        return resources.find_service(self.store, group, name) is not None

    def service(self, where: ServiceAddress) -> ServiceRecord:
        found = resources.find_service(self.store, where.group, where.service)
        if found is None:
            raise NotFoundError(
                f"There is no local {where} (looked in {self.directory.database}).",
                "List what there is with: az dms list -o table",
            )
        return found

    def project(self, where: ProjectAddress) -> ProjectRecord:
        service = self.service(where.parent)
        found = resources.find_project(self.store, service, where.project)
        if found is None:
            raise NotFoundError(
                f"There is no {where} (a local service).",
                f"List its projects with: az dms project list -g {service.group} "
                f"--service-name {service.name}",
            )
        return found

    def task(self, where: TaskAddress) -> TaskRecord:
        project = self.project(where.parent)
        found = resources.find_task(self.store, project, where.task)
        if found is None:
            raise NotFoundError(
                f"There is no {where} (a local service).",
                f"List its tasks with: az dms project task list -g {project.service.group} "
                f"--service-name {project.service.name} --project-name {project.name}",
            )
        return found

    def lock(self, task: TaskRecord) -> Path:
        """What the supervisor of a task holds while it lives."""
        return self.directory.run / f"{task.id}.lock"

    def is_worked_on(self, task: TaskRecord) -> bool:
        return is_held(self.lock(task))

    def liveness(self, task: TaskRecord) -> Liveness:
        if self.is_worked_on(task):
            return Liveness.ALIVE
        if task.project.service.state in _BETWEEN:
            return Liveness.PAUSED
        return Liveness.DEAD

    def settled(self, task: TaskRecord) -> TaskRecord:
        """The task, once a supervisor that has nothing left to do has written its end.

        Its databases tell their ends themselves, a moment before: whoever saw all of them may
        count on the task's having ended as well.
        """
        deadline = time.monotonic() + _WIND_DOWN_SECONDS
        while task.state is TaskState.RUNNING and task.wanted == mailbox.RUN:
            databases = resources.databases(self.store, task.id)
            if not all(database.state.is_at_rest for database in databases):
                break
            if time.monotonic() > deadline or not self.is_worked_on(task):
                break
            time.sleep(_LOOK_SECONDS)
            task = resources.get_task(self.store, task.id)
        return resources.get_task(self.store, task.id)

    def snapshot(self, task: TaskRecord) -> tuple[TaskSnapshot, Liveness]:
        """Rows and liveness that belong together.

        A worker writes its last state before it lets go of its lock, so the locks are asked first
        and the rows are read afterwards: a task seen dead and unfinished really is.
        """
        task = self.settled(task)
        liveness = self.liveness(task)
        held = {path.name for path in self.directory.run.glob(f"{task.id}.*.lock") if is_held(path)}
        found = resources.snapshot(self.store, resources.get_task(self.store, task.id))
        if liveness is not Liveness.ALIVE:
            return found, liveness
        databases = tuple(
            record
            if record.state.is_final or f"{task.id}.{record.ordinal}.lock" in held
            else _between_workers(record)
            for record in found.databases
        )
        return replace(found, databases=databases), liveness


def _between_workers(record: DatabaseRecord) -> DatabaseRecord:
    """What a worker last wrote need not hold while none lives, even if the next one is coming."""
    if record.state is MigrationState.UNDEFINED:
        return record
    activity = "its worker has ended; the next one is being started"
    return replace(record, state=MigrationState.UNDEFINED, activity=activity)


def require_supported_platform() -> None:
    """:raises InputError: on Windows, where the local engine cannot run."""
    if sys.platform == "win32":
        raise InputError(
            "Local services run on Linux and macOS; this is Windows.",
            "Use the Windows Subsystem for Linux or Azure Cloud Shell, or create the service in "
            "an Azure region.",
        )
