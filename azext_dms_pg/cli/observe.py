"""``az dms project task watch|log``, and the waiting of ``create``: looking at a task at work.

Thin: find the backend, ask it, hand what it says to whoever shows it. Nothing here changes a task.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends.base import TaskAddress
from azext_dms_pg.cli import dispatch, watching
from azext_dms_pg.cli.pace import Pace
from azext_dms_pg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from azext_dms_pg.backends.base import Json, TaskLog, Tasks

# Asking the local store costs nothing; ARM counts its requests.
_LOCAL_SECONDS, _AZURE_SECONDS = 1.0, 10.0
_LOG_SECONDS = 0.5


def watch_task(
    cmd: Any,
    resource_group_name: str,
    service_name: str,
    project_name: str,
    task_name: str,
    until: str | None = None,
    interval: float | None = None,
    metrics_file: str | None = None,
) -> None:
    where = TaskAddress(resource_group_name, service_name, project_name, task_name)
    tasks = dispatch.for_service(cmd, where.parent.parent).tasks
    also = None if metrics_file is None else _metrics_writer(metrics_file, where)
    # Leaving is how watching ends; only who waits for something has not got it.
    code = 0 if until is None else watching.INTERRUPTED
    task = _follow(
        cmd, tasks, where, sys.stdout, until=until, interval=interval, also=also, code=code
    )
    watching.require_success(task, where, until)


def wait_after_creation(cmd: Any, where: TaskAddress, tasks: Tasks, until: str | None) -> Json:
    """Show progress on standard error until the new task is as far as asked, or has ended."""
    return _follow(cmd, tasks, where, sys.stderr, until=until, code=watching.INTERRUPTED)


def read_log(
    cmd: Any,
    resource_group_name: str,
    service_name: str,
    project_name: str,
    task_name: str,
    follow: bool = False,
    tail: int | None = None,
    as_json: bool = False,
) -> None:
    from azext_dms_pg.cli import log_lines

    where = TaskAddress(resource_group_name, service_name, project_name, task_name)
    tasks = dispatch.for_service(cmd, where.parent.parent).tasks
    log = tasks.log(where)
    render = log_lines.as_json if as_json else log_lines.as_text
    try:
        _write(log.newest(tail), render)
        if follow:
            _follow_log(tasks, where, log, render)
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        # The reader (head, less) has seen enough; nothing may be written at exit either.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def _follow(
    cmd: Any,
    tasks: Tasks,
    where: TaskAddress,
    stream: TextIO,
    *,
    until: str | None,
    code: int,
    interval: float | None = None,
    also: Callable[[Json], None] | None = None,
) -> Json:
    here = dispatch.is_local(cmd, where.parent.parent)
    pause = interval or (_LOCAL_SECONDS if here else _AZURE_SECONDS)
    # Before a screen is begun: a task that is not there is an ordinary error.
    tasks.show(where, expand=None)
    pace = Pace(tasks.history(where)["samples"])
    if stream is sys.stderr and getattr(cmd.cli_ctx, "only_show_errors", False):
        screen: watching.Screen = watching.Quiet()
    else:
        screen = watching.screen_for(stream)
    try:
        return watching.follow(
            lambda: tasks.show(where, expand="output"),
            where,
            screen,
            pace=pace,
            interval=pause,
            until=until,
            also=also,
        )
    except KeyboardInterrupt:
        screen.close()
        watching.leave(sys.stderr, where, code)
    finally:
        screen.close()


def _follow_log(
    tasks: Tasks, where: TaskAddress, log: TaskLog, render: Callable[[Json], str]
) -> None:
    from azext_dms_pg.cli import view

    while True:
        # Asked first, so that what was written just before the end is read after it.
        ended = view.of(tasks.show(where, expand=None)).has_ended
        _write(log.more(), render)
        if ended:
            return
        time.sleep(_LOG_SECONDS)


def _write(lines: list[Json], render: Callable[[Json], str]) -> None:
    for line in lines:
        sys.stdout.write(render(line) + "\n")
    sys.stdout.flush()


def _metrics_writer(file: str, where: TaskAddress) -> Callable[[Json], None]:
    from azext_dms_pg.cli import metrics

    path = Path(file).expanduser()
    if not path.parent.is_dir():
        raise InputError(
            f"--metrics-file: there is no directory {path.parent}.",
            "Give a file in a directory that exists, such as node_exporter's textfile directory.",
        )
    return lambda task: metrics.write(path, task, where)
