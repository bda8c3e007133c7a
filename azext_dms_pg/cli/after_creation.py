"""What ``task create`` does after the task was made, when it was asked to stay with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from azext_dms_pg.cli import findings, observe, outcome, view, watching
from azext_dms_pg.errors import ConflictError

if TYPE_CHECKING:
    from azext_dms_pg.backends.base import Json, TaskAddress, Tasks


def waited(cmd: Any, where: TaskAddress, tasks: Tasks, until: str | None) -> Json:
    """The task once it is ready, or complete.

    :raises ConflictError: it failed, or was cancelled.
    """
    task = observe.wait_after_creation(cmd, where, tasks, until)
    watching.require_success(task, where, until)
    return task


def validated(cmd: Any, where: TaskAddress, tasks: Tasks) -> Json:
    """The task once everything was checked, its findings printed; blockers make az fail."""
    task = observe.wait_after_creation(cmd, where, tasks, None)
    found = findings.of(task)
    sys.stderr.write("\n" + findings.text(found))
    seen = view.of(task)
    if seen.has_failed:
        number = findings.blocking(found)
        outcome.fail_after_output(
            cmd,
            ConflictError(
                f"{number} of the findings stand in the way of a migration; nothing was created."
                if number
                else f"The task {seen.name!r} is {seen.state}. {' '.join(seen.errors)}",
                "Each finding names its remedy; then run the command again.",
                code="ValidationFailed",
            ),
        )
    return task
