"""Looking at a task again and again until what is waited for has come about.

Owns when to look and when to stop. How it is shown is the screen's business, what is shown comes
from ``view`` and ``advice``. Ending the watching never touches the migration.
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

from azext_dms_pg.cli import advice, view
from azext_dms_pg.cli.pace import Pace
from azext_dms_pg.cli.visible import visible
from azext_dms_pg.errors import ConflictError, DmsPgError
from azext_dms_pg.model.states import TaskState

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, TextIO

    from azext_dms_pg.backends.base import Json, TaskAddress
    from azext_dms_pg.cli.view import TaskView

READY = "ready"
COMPLETE = "complete"

#: What a shell reports for a command that Ctrl-C ended.
INTERRUPTED = 130

# ARM has bad moments; a migration of days must not be out of sight because of one.
_MOST_FAILURES = 30


class Screen(Protocol):
    """Where progress is shown."""

    def show(self, view: TaskView, pace: Pace, step: str) -> None: ...

    def trouble(self, text: str) -> None: ...

    def close(self) -> None: ...


class Quiet:
    """No screen at all: ``--only-show-errors``."""

    def show(self, view: TaskView, pace: Pace, step: str) -> None: ...

    def trouble(self, text: str) -> None: ...

    def close(self) -> None: ...


def screen_for(stream: TextIO) -> Screen:
    """A live screen on a terminal that can show one, plain lines everywhere else."""
    if _is_able(stream):
        from azext_dms_pg.cli.screen import Live

        return Live(stream)
    from azext_dms_pg.cli.lines import Lines

    return Lines(stream)


def follow(
    look: Callable[[], Json],
    where: TaskAddress,
    screen: Screen,
    *,
    pace: Pace,
    interval: float,
    until: str | None,
    also: Callable[[Json], None] | None = None,
) -> Json:
    """Show the task until it ends or is as far as asked; its JSON as last seen.

    :param until: ``ready``, ``complete`` (or None): the latter two end with the task.
    :param also: called with the JSON of every look.
    """
    failures = 0
    while True:
        try:
            task = look()
        except DmsPgError as error:
            failures += 1
            if not error.passing or failures > _MOST_FAILURES:
                raise
            screen.trouble(f"Azure cannot be asked at this moment: {error.message}")
            time.sleep(interval)
            continue
        failures = 0
        seen = view.of(task)
        pace.note(seen, datetime.now(timezone.utc))
        screen.show(seen, pace, advice.next_step(seen, where))
        if also is not None:
            also(task)
        if seen.has_ended or (until == READY and seen.is_ready):
            return task
        time.sleep(interval)


def require_success(task: Json, where: TaskAddress, until: str | None) -> None:
    """:raises ConflictError: the task has ended, but not as it was waited for."""
    seen = view.of(task)
    if seen.has_failed:
        raise ConflictError(
            f"The task {seen.name!r} is {seen.state}. {' '.join(seen.errors)}".strip(),
            advice.next_step(seen, where)
            if not seen.errors
            else f"See everything with: {advice.command('show', where, '--expand', 'output')}",
            code="TaskFailed",
        )
    if until is not None and seen.state == TaskState.CANCELED.value:
        raise ConflictError(
            f"The task {seen.name!r} was cancelled while it was waited for.",
            f"Remove it: {advice.command('delete', where)}",
            code="TaskCanceled",
        )


def leave(stream: TextIO, where: TaskAddress, code: int) -> NoReturn:
    """After Ctrl-C: say that the migration goes on, and end with that exit code."""
    stream.write(
        "\nNo longer watching; the migration goes on. Watch it again: "
        f"{visible(advice.command('watch', where))}\n"
    )
    stream.flush()
    raise SystemExit(code)


def _is_able(stream: TextIO) -> bool:
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
    return (
        stream.isatty()
        and os.environ.get("TERM") not in {"dumb", "unknown"}
        and encoding.startswith("utf")
    )
