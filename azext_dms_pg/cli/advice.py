"""What to do next: one sentence for the state a task is in, with the command to type.

Owns those sentences; ``watch``, ``create --wait-until`` and the report print them.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from azext_dms_pg.model.states import MigrationState, TaskState

if TYPE_CHECKING:
    from azext_dms_pg.backends.base import TaskAddress
    from azext_dms_pg.cli.view import TaskView

_PHASES = {
    MigrationState.UNDEFINED.value: "Nobody has begun with it yet.",
    MigrationState.VALIDATING.value: "Source and target are being checked; nothing is created yet.",
    MigrationState.VALIDATION_COMPLETE.value: "The checks are done.",
    MigrationState.COMPLETING.value: "The cutover is under way.",
    MigrationState.COMPLETE.value: "Every database is cut over; the task is coming to its end.",
    MigrationState.CANCELLING.value: "What the migration made is being removed.",
}


def next_step(view: TaskView, where: TaskAddress) -> str:
    """One or two sentences; never empty."""
    ended = _after_the_end(view, where)
    if ended:
        return ended
    problem = next((item.problem for item in view.databases if item.problem), "")
    if problem:
        return problem
    if view.is_ready and view.waits_for_cutover:
        return (
            "Ready. Stop the applications that write to the source, then: "
            f"{command('cutover', where, *_one(view.waits_for_cutover))}"
        )
    if any(item.is_loading for item in view.databases):
        return "Nothing to do: the tables are being copied; writing to the source may go on."
    states = {item.state for item in view.databases}
    if MigrationState.COMPLETING.value in states:
        states = {MigrationState.COMPLETING.value}
    if len(states) == 1 and (known := _PHASES.get(next(iter(states)))):
        return known
    return "Nothing to do: changes made on the source meanwhile are being applied."


def command(name: str, where: TaskAddress, *more: str) -> str:
    """``az dms project task NAME`` for this task, ready to be typed."""
    words = [
        *("az", "dms", "project", "task", name),
        *("-g", where.group, "--service-name", where.service),
        *("--project-name", where.project, "-n", where.task, *more),
    ]
    return shlex.join(words)


def _after_the_end(view: TaskView, where: TaskAddress) -> str:
    if view.is_complete:
        if all(item.state != MigrationState.COMPLETE.value for item in view.databases):
            return "Validated: nothing stands in the way, and nothing was created."
        return (
            "Complete: point the applications at the target. For the record: "
            f"{command('report', where, '--file', 'report.html')}"
        )
    if view.state == TaskState.FAILED_INPUT_VALIDATION.value:
        return "Mend what the findings name; nothing was created. Then create the task again."
    if view.has_failed:
        first = next(iter(view.errors), "")
        return first or f"Go on where it stood: {command('restart', where)}"
    if view.state == TaskState.CANCELED.value:
        return f"Cancelled. Remove it: {command('delete', where)}"
    return ""


def _one(names: tuple[str, ...]) -> tuple[str, ...]:
    return ("--object-name", names[0]) if len(names) == 1 else ()
