"""Starting the supervisor of a task so that it outlives the shell that asked for it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from azext_dms_pg.errors import StateError
from azext_dms_pg.model.states import TaskState
from azext_dms_pg.postgres.environment import kept
from azext_dms_pg.state import resources
from azext_dms_pg.state.paths import open_private

if TYPE_CHECKING:
    from azext_dms_pg.backends.local.tree import Tree
    from azext_dms_pg.state.records import TaskRecord

_READY_SECONDS = 30.0
_LEAVING_SECONDS = 5.0
_PACKAGE_PARENT = Path(__file__).resolve().parents[3]
# Supervisors outlive us. A caller that lives on reaps those that have ended, and Python does not
# complain about a child that nobody waits for.
_started: list[subprocess.Popen[bytes]] = []


def spawn(tree: Tree, task: TaskRecord) -> None:
    """Start the supervisor and return once it holds the task's lock.

    Does nothing when one is at work already.

    :raises StateError: it ended before it was ready; the message holds its last words.
    """
    if tree.is_worked_on(task) and not is_leaving(tree, task):
        return
    log = tree.directory.log / f"{task.id}.log"
    log_descriptor = open_private(log, os.O_WRONLY | os.O_APPEND)
    ready, signal = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [
                sys.executable,
                "-m",
                "azext_dms_pg.worker",
                task.id,
                "--state-dir",
                str(tree.directory.root),
                "--ready-fd",
                str(signal),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log_descriptor,
            stderr=log_descriptor,
            cwd="/",
            env=_environment(),
            pass_fds=(signal,),
            # A session of its own: no SIGHUP when the terminal closes, no SIGINT from its Ctrl-C.
            start_new_session=True,
        )
        _started[:] = [*(child for child in _started if child.poll() is None), process]
        os.close(signal)
        signal = -1
        answered, _, _ = select.select([ready], [], [], _READY_SECONDS)
        if not (answered and os.read(ready, 1)):
            process.poll()
            raise StateError(
                f"The worker of task {task.name!r} did not start: {_last_words(log)}",
                f"Read {log}, then run az dms project task restart.",
                code="WorkerDidNotStart",
            )
    finally:
        os.close(ready)
        os.close(log_descriptor)
        if signal >= 0:
            os.close(signal)


def is_leaving(tree: Tree, task: TaskRecord) -> bool:
    """Whether the supervisor of a task that has ended, or paused, goes away as it is about to."""
    deadline = time.monotonic() + _LEAVING_SECONDS
    while tree.is_worked_on(task):
        # Queued it is only before the supervisor begins, and after it has seen to a pause.
        leaves = task.state.is_final or _is_queued(tree, task)
        if not leaves or time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def _is_queued(tree: Tree, task: TaskRecord) -> bool:
    return resources.get_task(tree.store, task.id).state is TaskState.QUEUED


def _environment() -> dict[str, str]:
    environment = {
        name: value
        for name, value in kept().items()
        # The passwords reach the worker through the vault; a child's environment can be read.
        if not name.startswith("AZEXT_DMS_PG_")
    }
    # An extension's directory is put on sys.path by az, so a plain child does not know it.
    extension_path = [str(_PACKAGE_PARENT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(part for part in extension_path if part)
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text("utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "it left no message."
