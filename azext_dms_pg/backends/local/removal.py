"""Cancelling and removing tasks: whatever the state, nothing of ours stays behind.

Cleaning up needs the servers, so a worker does it; this module starts one when none lives and
waits for it where the caller needs the result.
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from azext_dms_pg.backends.local.spawn import spawn
from azext_dms_pg.errors import ConflictError
from azext_dms_pg.model.options import TaskOptions
from azext_dms_pg.model.states import TaskState
from azext_dms_pg.state import mailbox, progress, resources, vault

if TYPE_CHECKING:
    from azext_dms_pg.backends.local.tree import Tree
    from azext_dms_pg.state.records import ProjectRecord, TaskRecord

# A cleaning worker gives an unreachable server up after two minutes and says what is left there.
_CLEAN_SECONDS = 180.0
# Codes of what a cancel tells of that is still there.
_LEFT = frozenset({"LeftBehind", "NotRestored"})


def cancel_task(tree: Tree, task: TaskRecord) -> None:
    """Ask for a cancel and see that a worker carries it out; a clean task is left as it is.

    One that was cancelled with leftovers is not clean: the servers may answer by now.
    """
    if _is_clean(tree, task):
        return
    progress.withdraw(tree.store, task.id, None, "LeftBehind")
    mailbox.ask(tree.store, task.id, mailbox.CANCEL)
    # One that has ended just before has a supervisor who leaves without hearing of this.
    task = resources.get_task(tree.store, task.id)
    progress.set_task_state(tree.store, task.id, TaskState.CANCELING)
    spawn(tree, task)


def remove_task(tree: Tree, task: TaskRecord, *, delete_running_tasks: bool) -> None:
    """Delete a task, cancelling it first where that is allowed or already under way.

    :raises ConflictError: the task runs and ``delete_running_tasks`` was not given; its cleaning
        takes longer than anybody would wait; or it has left something behind. Then the task, the
        only one who knows what that is, stays until it is deleted once more.
    """
    task = tree.settled(task)
    told = _was_told(tree, task)
    if not (told or _is_clean(tree, task)):
        running = task.state not in {TaskState.FAILED, TaskState.CANCELING, TaskState.CANCELED}
        if running and not delete_running_tasks:
            raise ConflictError(
                f"Task {task.name!r} is {task.state}; only a task that has ended can be deleted.",
                f"Cancel it first (az dms project task cancel -n {task.name} …), or add "
                "--delete-running-tasks.",
                code="TaskRunning",
            )
        cancel_task(tree, task)
        _await_end(tree, task)
    if not told:
        _tell_leftovers(tree, task)
    vault.drop(tree.directory, task.id)
    resources.delete_task(tree.store, task)
    for directory in (tree.directory.run, tree.directory.log):
        for path in directory.glob(f"{task.id}*"):
            if path.is_file():
                path.unlink(missing_ok=True)
            elif path.is_dir():
                shutil.rmtree(path, ignore_errors=True)


def _tell_leftovers(tree: Tree, task: TaskRecord) -> None:
    """:raises ConflictError: something of the task is still on a server."""
    left = [
        event
        for event in resources.snapshot(tree.store, task).events
        if event.code in _LEFT and event.severity == "error"
    ]
    if left:
        progress.add_event(
            tree.store, task.id, None, "info", "LeftBehind",
            message="A delete was refused for what is left; the next one forgets it.",
        )  # fmt: skip
        raise ConflictError(
            f"Task {task.name!r} was cancelled but not deleted, for something of it is left: "
            + " ".join(event.message for event in left),
            " ".join(event.action for event in left)
            + " Then run this command again: it deletes the task and asks no more.",
            code="LeftBehind",
        )


def _was_told(tree: Tree, task: TaskRecord) -> bool:
    """Whether a delete has said what is left, and nothing was done about it since."""
    return task.state in {TaskState.CANCELED, TaskState.FAILED} and any(
        event.code == "LeftBehind" and event.ordinal is None
        for event in resources.snapshot(tree.store, task).events
    )


def clear_away_validation(tree: Tree, project: ProjectRecord, name: str) -> None:
    """Make room for a task of that name when the one there only validated and has ended."""
    task = resources.find_task(tree.store, project, name)
    if task is not None and _is_clean(tree, task) and _only_validates(task):
        remove_task(tree, task, delete_running_tasks=False)


def _is_clean(tree: Tree, task: TaskRecord) -> bool:
    """Whether nothing of the task is on any server."""
    if task.state is TaskState.CANCELED:
        return not resources.left_behind(tree.store, task.id)
    if task.state is TaskState.SUCCEEDED:
        return True
    return task.state.is_final and not resources.begun(tree.store, task.id)


def _only_validates(task: TaskRecord) -> bool:
    return TaskOptions.of_json(task.options).validate_only


def _await_end(tree: Tree, task: TaskRecord) -> None:
    deadline = time.monotonic() + _CLEAN_SECONDS
    while not resources.get_task(tree.store, task.id).state.is_final or tree.is_worked_on(task):
        if not tree.is_worked_on(task) and not _just_ended(tree, task):
            raise ConflictError(
                f"The worker that cleans up after task {task.name!r} has ended early.",
                "Run the command again.",
                code="CleaningInterrupted",
            )
        if time.monotonic() > deadline:
            raise ConflictError(
                f"Task {task.name!r} is still being cleaned up.",
                "Run the command again in a while; az dms project task show tells how it stands.",
                code="StillCancelling",
            )
        time.sleep(0.1)


def _just_ended(tree: Tree, task: TaskRecord) -> bool:
    return resources.get_task(tree.store, task.id).state.is_final
