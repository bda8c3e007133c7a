"""Local tasks: create and start, show the truth, pass commands to the worker, take away."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from azext_dms_pg.backends import shape
from azext_dms_pg.backends.local import comparison, history, removal
from azext_dms_pg.backends.local.spawn import is_leaving, spawn
from azext_dms_pg.backends.local.tree import require_supported_platform
from azext_dms_pg.backends.shape import LOCAL_SUBSCRIPTION
from azext_dms_pg.errors import ConflictError, InputError, NotFoundError
from azext_dms_pg.model.options import DEFAULTS
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.model.states import MigrationState, ServiceState, TaskState
from azext_dms_pg.model.task_input import TASK_TYPE, TaskInput
from azext_dms_pg.state import mailbox, progress, report, resources, vault
from azext_dms_pg.state.log import LogReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from azext_dms_pg.backends.base import Json, ProjectAddress, Rows, TaskAddress, TaskLog
    from azext_dms_pg.backends.local.tree import Tree
    from azext_dms_pg.model.options import TaskOptions
    from azext_dms_pg.state.records import DatabaseRecord, TaskRecord

_RESTARTABLE = frozenset({TaskState.FAILED, TaskState.FAILED_INPUT_VALIDATION})
_FAILED = frozenset({MigrationState.FAILED, MigrationState.VALIDATION_FAILED})
# A supervisor looks into the store every fifth of a second.
_TAKE_UP_SECONDS = 20.0


class LocalTasks:
    """``base.Tasks`` answered from the local store and the workers' locks."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def create(
        self, where: TaskAddress, task_input: TaskInput, options: TaskOptions = DEFAULTS
    ) -> Json:
        require_supported_platform()
        for database in task_input.databases:
            MigrationSettings.of(database)
        project = self._tree.project(where.parent)
        if project.service.state != ServiceState.SUCCEEDED:
            raise ConflictError(
                f"The {where.parent.parent} is {project.service.state}; no task can start.",
                f"Start it: az dms start -g {project.service.group} -n {project.service.name}",
                code="ServiceStopped",
            )
        removal.clear_away_validation(self._tree, project, where.task)
        task = resources.add_task(
            self._tree.store, project, where.task, task_input, options.to_json()
        )
        try:
            vault.keep(self._tree.directory, task.id, task_input)
            spawn(self._tree, task)
        except BaseException:
            # No half-made task: the user corrects the cause and creates it again.
            vault.drop(self._tree.directory, task.id)
            resources.delete_task(self._tree.store, task)
            raise
        return self.show(where, expand=None)

    def show(self, where: TaskAddress, *, expand: str | None) -> Json:
        return self._shape(self._tree.task(where), expand)

    def list(
        self, where: ProjectAddress, *, task_type: str | None, expand: str | None = None
    ) -> Rows:
        project = self._tree.project(where)
        if task_type is not None and task_type.lower() != TASK_TYPE.lower():
            return []
        return [
            self._shape(task, expand) for task in resources.list_tasks(self._tree.store, project)
        ]

    def cutover(
        self, where: TaskAddress, *, object_name: str | None, make_source_read_only: bool = False
    ) -> None:
        """Ask the workers to cut over one database, or all that have not been.

        :param make_source_read_only: and make the source read-only before the last changes.
        :raises NotFoundError: the task has no such database.
        :raises InputError: the name fits several databases that differ in case only.
        :raises ConflictError: a database is not that far yet, or has ended.
        """
        task = self._tree.task(where)
        snapshot, liveness = self._tree.snapshot(task)
        now = report.standing(snapshot, liveness)
        if now.code:
            raise ConflictError(now.problem, now.action, code=now.code)
        # Without a name all are meant that are left; where none is, each says so of itself.
        chosen = _choose(task, snapshot.databases, object_name) or list(snapshot.databases)
        for database in chosen:
            _require_ready(database)
        options = {"make_source_read_only": True} if make_source_read_only else {}
        if make_source_read_only:
            _require_rights(self._tree, task, chosen)
        for database in chosen:
            mailbox.post_cutover(self._tree.store, task.id, database.ordinal, options)

    def compare(
        self,
        where: TaskAddress,
        *,
        object_name: str | None,
        limit: int,
        with_passwords: Callable[[TaskInput], TaskInput],
    ) -> Rows:
        """Compare both sides of one database, or of all."""
        task = self._tree.task(where)
        snapshot, _ = self._tree.snapshot(task)
        chosen = (
            list(snapshot.databases)
            if object_name is None
            else _choose(task, snapshot.databases, object_name)
        )
        return comparison.compare(self._tree, task, chosen, limit, with_passwords)

    def cancel(self, where: TaskAddress) -> Json:
        removal.cancel_task(self._tree, self._tree.task(where))
        return self.show(where, expand=None)

    def delete(self, where: TaskAddress, *, delete_running_tasks: bool) -> None:
        removal.remove_task(
            self._tree, self._tree.task(where), delete_running_tasks=delete_running_tasks
        )

    def restart(self, where: TaskAddress) -> Json:
        """Go on with a task whose worker died or that failed, from where it durably stands.

        Beside databases that are worked on, those that have failed are taken up again.
        """
        require_supported_platform()
        task = self._tree.task(where)
        if task.state in {TaskState.SUCCEEDED, TaskState.CANCELED}:
            raise ConflictError(
                f"Task {task.name!r} has ended as {task.state}; there is nothing to go on with.",
                "What its cancel left behind is taken away by another: az dms project task cancel."
                if resources.left_behind(self._tree.store, task.id)
                else "Delete it and create a new one to migrate again.",
                code="TaskEnded",
            )
        task = self._tree.settled(task)
        if task.state is TaskState.CANCELING and not is_leaving(self._tree, task):
            raise ConflictError(
                f"Task {task.name!r} is being cancelled; it cannot go on.",
                "Wait for the end of that; then delete the task and create it again.",
                code="TaskIsCancelling",
            )
        failed = [
            database.ordinal
            for database in resources.databases(self._tree.store, task.id)
            if database.state in _FAILED and task.wanted != mailbox.CANCEL
        ]
        if not is_leaving(self._tree, task) and (not failed or self._took_up(task, failed)):
            return self.show(where, expand=None)
        task = self._tree.task(where)
        if task.project.service.state != ServiceState.SUCCEEDED:
            raise ConflictError(
                f"The {where.parent.parent} is {task.project.service.state}.",
                f"Start it, which resumes its tasks: az dms start -g {where.group} "
                f"-n {where.service}",
                code="ServiceStopped",
            )
        if failed or task.state in _RESTARTABLE:
            progress.reopen(self._tree.store, task.id)
        spawn(self._tree, task)
        return self.show(where, expand=None)

    def _took_up(self, task: TaskRecord, failed: Iterable[int]) -> bool:
        """Ask the supervisor that looks after the others; False when it has ended instead."""
        for ordinal in failed:
            mailbox.post_restart(self._tree.store, task.id, ordinal)
        deadline = time.monotonic() + _TAKE_UP_SECONDS
        while mailbox.open_restarts(self._tree.store, task.id):
            if not self._tree.is_worked_on(task):
                return False
            if time.monotonic() > deadline:
                raise ConflictError(
                    f"The supervisor of task {task.name!r} has not taken up what failed yet.",
                    "It will as soon as it can; see it with az dms project task show.",
                    code="RestartPending",
                )
            time.sleep(0.05)
        return True

    def check_name(self, where: TaskAddress) -> Json:
        project = self._tree.project(where.parent)
        taken = resources.find_task(self._tree.store, project, where.task) is not None
        return shape.name_availability(
            available=not taken,
            reason="AlreadyExists" if taken else None,
            message=f"There is a {where} already." if taken else None,
        )

    def history(self, where: TaskAddress) -> Json:
        return history.history(self._tree, self._tree.task(where))

    def log(self, where: TaskAddress) -> TaskLog:
        return LogReader(self._tree.directory, self._tree.task(where).id)

    def _shape(self, task: TaskRecord, expand: str | None) -> Json:
        snapshot, liveness = self._tree.snapshot(task)
        now = report.standing(snapshot, liveness)
        task = snapshot.task
        service = task.project.service
        properties = shape.task_properties(
            task_type=TASK_TYPE,
            state=now.state.value,
            task_input=_shown_input(task.input),
            errors=report.errors(snapshot, now),
            commands=report.commands(snapshot) if expand == "command" else None,
            output=report.output(snapshot, now) if expand == "output" else None,
            extra={
                "createdOn": task.created_on,
                "isCloneable": True,
                "taskId": task.id,
            },
        )
        return shape.task(
            resource_id=shape.task_id(
                LOCAL_SUBSCRIPTION, service.group, service.name, task.project.name, task.name
            ),
            name=task.name,
            group=service.group,
            properties=properties,
            # Changes whenever something a user can see changes, as an etag should.
            etag=hashlib.sha256(repr(snapshot).encode()).hexdigest()[:16],
        )


def _shown_input(stored: Json) -> Json:
    """The input as the service prints it: defaults filled in, passwords never."""
    shown = dict(stored)
    for side in ("sourceConnectionInfo", "targetConnectionInfo"):
        connection = dict(shown[side])
        if connection.get("encryptConnection") is None:
            connection["encryptConnection"] = True
        shown[side] = connection
    return shown


def _choose(
    task: TaskRecord, databases: tuple[DatabaseRecord, ...], name: str | None
) -> list[DatabaseRecord]:
    if name is None:
        return [item for item in databases if item.state is not MigrationState.COMPLETE]
    exact = [item for item in databases if item.name == name]
    alike = exact or [item for item in databases if item.name.lower() == name.lower()]
    if not alike:
        raise NotFoundError(
            f"Task {task.name!r} migrates no database {name!r}.",
            f"Its databases are: {', '.join(item.name for item in databases)}.",
        )
    if len(alike) > 1:
        raise InputError(
            f"{name!r} fits several databases: {', '.join(item.name for item in alike)}.",
            "Write the name in exactly the case it has.",
        )
    return alike


def _require_rights(tree: Tree, task: TaskRecord, databases: list[DatabaseRecord]) -> None:
    """:raises ConflictError: the source user may not make one of them read-only."""
    from azext_dms_pg.engine.cutover.protection import require_rights
    from azext_dms_pg.postgres.connect import connect

    whole = vault.restore(tree.directory, task.id, TaskInput.from_wire(task.input))
    for database in databases:
        with connect(whole.source.to_database(database.name), "source") as source:
            require_rights(source)


def _require_ready(database: DatabaseRecord) -> None:
    if database.state is MigrationState.COMPLETE:
        raise ConflictError(
            f"Database {database.name!r} was cut over already.",
            "Nothing to do: it is COMPLETE.",
            code="AlreadyComplete",
        )
    if database.state.is_final or database.load_ended_on is None:
        raise ConflictError(
            f"Database {database.name!r} cannot be cut over: it is {database.state} "
            f"({database.activity.rstrip('.') or 'its full load has not ended'}).",
            "It has ended: see why with az dms project task show --expand output."
            if database.state.is_final
            else "Wait for READY_TO_COMPLETE: az dms project task watch --until ready",
            code="NotReadyToComplete",
        )
