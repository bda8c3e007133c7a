"""What a worker writes down: one JSON object a line into a file of its own, rotated.

Owns the writing side of ``state.log`` and the promise that no password gets through: whatever a
message is made of, the passwords of the task are blotted out before it is written.
"""

from __future__ import annotations

import json
import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

from azext_dms_pg.model.blotter import Blotter
from azext_dms_pg.state import log as format_
from azext_dms_pg.state.paths import open_private
from azext_dms_pg.state.progress import Journal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import TextIOWrapper

    from azext_dms_pg.model.finding import Finding
    from azext_dms_pg.model.states import MigrationState
    from azext_dms_pg.model.task_input import TaskInput
    from azext_dms_pg.state.paths import StateDir

log = logging.getLogger("azext_dms_pg")

_LEVELS = {
    "blocker": logging.ERROR,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
}


def write_to_file(
    directory: StateDir, task: str, writer: str, blot: Blotter | None = None, **marks: str
) -> None:
    """Send this process's log to its own file. The lock of ``writer`` must be held.

    :param marks: stand in every line, such as ``database``.
    """
    handler = _PrivateFile(
        format_.log_path(directory, task, writer),
        maxBytes=format_.PIECE_BYTES,
        backupCount=format_.OLD_PIECES,
        encoding="utf-8",
    )
    handler.setFormatter(_Formatter(blot or Blotter(), marks))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)


def passwords(task_input: TaskInput) -> set[str]:
    """The passwords of a task, but none that is also a name: that would blot out half of all."""
    sides = (task_input.source, task_input.target)
    names = {name for side in sides for name in (side.server, side.user, side.database)}
    found = {side.password.reveal() for side in sides if side.password is not None}
    return found - names


class LoggedJournal(Journal):
    """A journal that also writes down what changes, though not the numbers of every second."""

    _last_problem = ""

    def state(self, state: MigrationState, activity: str = "") -> None:
        super().state(state, activity)
        log.info("%s", activity or state.value, extra={"state": state.value})

    def activity(self, sentence: str) -> None:
        super().activity(sentence)
        log.info("%s", sentence)

    def problem(self, message: str, action: str) -> None:
        super().problem(message, action)
        # Told again and again for as long as it lasts.
        if message and message != self._last_problem:
            log.warning("%s %s", message, action)
        self._last_problem = message

    def event(self, severity: str, code: str, **texts: str) -> None:
        super().event(severity, code, **texts)
        _log_event(severity, code, texts)

    def findings(self, findings: Iterable[Finding]) -> None:
        kept = list(findings)
        super().findings(kept)
        for item in kept:
            texts = {"subject": item.subject, "message": item.message, "action": item.remedy}
            _log_event(item.severity.value, item.code, texts)


def _log_event(severity: str, code: str, texts: dict[str, str]) -> None:
    words = (texts.get("message", ""), texts.get("action", ""))
    log.log(
        _LEVELS.get(severity, logging.INFO),
        "%s",
        " ".join(word for word in words if word),
        extra={"code": code, "subject": texts.get("subject", "")},
    )


class _PrivateFile(RotatingFileHandler):
    """Mode 0600 from the first byte, also after a rotation."""

    def _open(self) -> TextIOWrapper:
        descriptor = open_private(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND)
        return os.fdopen(descriptor, "a", encoding="utf-8")


class _Formatter(logging.Formatter):
    def __init__(self, blot: Blotter, marks: dict[str, str]) -> None:
        super().__init__()
        self._blot = blot
        self._marks = marks

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().strip()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        marks = dict(self._marks)
        for name in ("state", "code", "subject"):
            if value := getattr(record, name, ""):
                marks[name] = str(value)
        shown = format_.line(record.levelname, self._blot(message), pid=record.process, **marks)
        return json.dumps(shown, ensure_ascii=False)
