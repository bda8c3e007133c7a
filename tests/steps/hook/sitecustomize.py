"""Python imports this when it starts: in a worker under test, note every step and die at one.

Told by ``DMS_PG_TEST_STEPS``, a directory: every step met is a line of ``met``. ``wanted`` has a
line for each step that is met by SIGKILL, once: the second counts in processes that began after the
first was struck. A strike is an empty line of ``met``. Nothing of the product knows of this.
"""

import os
import signal
import sqlite3
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

_PACKAGE = "azext_dms_pg" + os.sep
_DEPTH = 3  # places of ours on the stack that make two steps different ones
_OCCURRENCES = 2


class _Steps:
    def __init__(self, home: Path, role: str) -> None:
        self._home, self._role = home, role
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        wanted = (home / "wanted").read_text().splitlines()
        self._strike = next(n for n in range(len(wanted) + 1) if not self._mark(n).exists())
        self._wanted = wanted[self._strike] if self._strike < len(wanted) else ""
        self._met = os.open(home / "met", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def step(self, what: str) -> None:
        places: list[str] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and len(places) < _DEPTH:
            _, found, file = frame.f_code.co_filename.rpartition(_PACKAGE)
            if found:
                places.append(f"{file}:{frame.f_lineno}")
            frame = frame.f_back
        with self._lock:
            name = f"{self._role} {what} {' < '.join(places)}"
            self._counts[name] += 1
            if self._counts[name] > _OCCURRENCES:
                return
            step = f"{self._counts[name]} {name}"
            os.write(self._met, f"{step}\n".encode())
            if step == self._wanted:
                try:
                    self._mark(self._strike).touch(exist_ok=False)
                except FileExistsError:
                    return
                os.write(self._met, b"\n")
                os.kill(os.getpid(), signal.SIGKILL)

    def _mark(self, strike: int) -> Path:
        return self._home / f"struck-{strike}"


def _watch(steps: _Steps) -> None:
    import psycopg

    def before(owner: Any, name: str, what: str) -> None:
        original = getattr(owner, name)

        def wrapped(*arguments: Any, **options: Any) -> Any:
            steps.step(what)
            return original(*arguments, **options)

        setattr(owner, name, wrapped)

    before(psycopg.Cursor, "execute", "execute")
    before(psycopg.Cursor, "executemany", "execute")
    before(psycopg.Cursor, "copy", "copy")
    before(psycopg, "connect", "connect")
    # BEGIN, COMMIT, ROLLBACK of ``transaction()``.
    before(psycopg.Connection, "_exec_command", "transaction")

    class Observed(sqlite3.Connection):
        def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
            if statement.startswith(("BEGIN", "COMMIT")):
                steps.step(f"state {statement.split(maxsplit=1)[0]}")
            return super().execute(statement, *parameters)

    connect: Any = sqlite3.connect
    sqlite3.connect = lambda *arguments, **options: connect(
        *arguments, **{"factory": Observed, **options}
    )


_home = os.environ.get("DMS_PG_TEST_STEPS")
if _home and "azext_dms_pg.worker" in sys.orig_argv:
    _watch(_Steps(Path(_home), "worker" if "--database" in sys.orig_argv else "supervisor"))
