"""The logs of a task: one JSON object a line, one file a process, in order of time.

Rotation is safe with many processes only if each writes a file of its own, so the supervisor and
every database have theirs: ``TASK.supervisor.log`` and ``TASK.0.log``; older pieces end in
``.1`` to ``.4``. Whoever writes holds the lock of that supervisor or database. What a process
says outside of that (an interpreter that cannot start) is in ``TASK.log`` as it came.

Owns names, format and reading; ``worker.log`` writes. Lines never hold passwords or row data.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from azext_dms_pg.state.paths import open_ours

if TYPE_CHECKING:
    from pathlib import Path

    from azext_dms_pg.state.paths import StateDir

SUPERVISOR = "supervisor"
PIECE_BYTES = 2 << 20
OLD_PIECES = 4

Line = dict[str, Any]


def log_path(directory: StateDir, task: str, writer: str) -> Path:
    """The file ``writer`` (``SUPERVISOR`` or the ordinal of a database) appends to."""
    return directory.log / f"{task}.{writer}.log"


def raw_path(directory: StateDir, task: str) -> Path:
    """Where standard error of the task's processes goes."""
    return directory.log / f"{task}.log"


def line(level: str, message: str, **more: Any) -> Line:
    """One line: ``at``, ``level``, ``message`` and whatever else tells something."""
    moment = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    return {"at": moment, "level": level, "message": message, **more}


class LogReader:
    """Reads all files of one task; ``more`` goes on where the last reading ended."""

    def __init__(self, directory: StateDir, task: str) -> None:
        self._directory = directory
        self._task = task
        # Bytes read, by inode and first line: a rotation renames the file we are in the middle
        # of, and the inode of the piece it removes may be that of the next one.
        self._read: dict[tuple[int, bytes], int] = {}

    def newest(self, count: int | None) -> list[Line]:
        """The newest lines, or all that are kept; ``more`` goes on after them."""
        lines = self.more()
        return lines if count is None else lines[len(lines) - count :] if count else []

    def more(self) -> list[Line]:
        """Lines not read yet, in order of time."""
        found = [line for path in self._files() for line in self._read_on(path)]
        return sorted(found, key=lambda line: str(line.get("at", "")))

    def _files(self) -> list[Path]:
        """The older pieces of a file first, so that lines of one moment keep their order."""
        return sorted(self._directory.log.glob(f"{self._task}.*"), key=_age)

    def _read_on(self, path: Path) -> list[Line]:
        try:
            with os.fdopen(open_ours(path, os.O_RDONLY), "rb") as file:
                about = os.fstat(file.fileno())
                key = (about.st_ino, file.readline())
                file.seek(self._read.get(key, 0))
                content = file.read()
        except FileNotFoundError:  # rotated away under us
            return []
        # A line that is being written right now is read whole the next time.
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:
            return []
        self._read[key] = self._read.get(key, 0) + len(whole)
        written = datetime.fromtimestamp(about.st_mtime, timezone.utc).isoformat()
        return [_parse(text, written) for text in whole.decode("utf-8", "replace").splitlines()]


def _parse(text: str, written: str) -> Line:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict) and "message" in found:
        return found
    return {"at": written, "level": "RAW", "message": text}


def _age(path: Path) -> tuple[str, int]:
    piece = path.suffix[1:]
    return (path.stem, -int(piece)) if piece.isdecimal() else (path.name, 0)
