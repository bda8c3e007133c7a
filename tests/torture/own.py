"""Our own processes, found out from /proc and the locks they hold.

Asks the package nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

from tests.support import processes


class Own:
    """The processes of one task."""

    def __init__(self, directory: Path, task_id: str) -> None:
        self.directory = directory
        self._task_id = task_id

    def holder(self, name: str) -> int | None:
        """Process id of a living supervisor (``""``) or worker (``".0"``, …)."""
        pid = self._written(name)
        if pid is None or not processes.alive(pid):
            return None
        return pid if str(self.directory) in processes.command_line(pid) else None

    def dead(self, name: str) -> int | None:
        """The pid written in the lock when its process is gone."""
        pid = self._written(name)
        return pid if pid is not None and self.holder(name) is None else None

    def all(self) -> list[int]:
        """Every process that names our state directory."""
        needle = str(self.directory)
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit()
            and needle in processes.command_line(int(entry.name))
            and processes.alive(int(entry.name))
        ]

    def _written(self, name: str) -> int | None:
        with contextlib.suppress(OSError):
            text = (self.directory / "run" / f"{self._task_id}{name}.lock").read_text()
            return int(text) if text.isdecimal() else None
        return None


def kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
