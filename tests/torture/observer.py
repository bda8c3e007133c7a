"""Polls ``show`` like a user with a nervous finger and notes every lie.

Owns: what may follow what, and what must hold while it is shown. Asks the package for ``show``
alone; whether processes live is found out from /proc.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from azext_dms_pg.backends.base import TaskAddress
from azext_dms_pg.backends.local import LocalBackend
from azext_dms_pg.errors import DmsPgError
from tests.support import processes

_RANK = {
    "VALIDATING": 1,
    "VALIDATION_COMPLETE": 2,
    "INITIALIAZING": 3,
    "RUNNING": 4,
    "READY_TO_COMPLETE": 5,
    "COMPLETING": 6,
    "COMPLETE": 7,
}
_POLL = 0.05
# A process that ends writes its last word before; one look may fall between.
_TWICE = 2

Json = dict[str, Any]


class Observer:
    """A thread that looks at one task until told to stop."""

    def __init__(self, directory: Path, where: TaskAddress, task_id: str) -> None:
        self._directory = directory
        self._where = where
        self._task_id = task_id
        self.backend = LocalBackend(directory)
        self._last = ""
        self._suspicions: dict[str, int] = {}
        self._ending = threading.Event()
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True, name="observer")
        self.polls = 0
        self.states: list[str] = []
        self.lies: list[str] = []
        # What a fault makes legal: set by the case.
        self.struck = False
        self.may_fail = False
        self.cancelling = False
        # Whether the slot and the target's phase bear READY out; asked now and then.
        self.is_ready: Callable[[], str] = str

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()

    @contextlib.contextmanager
    def blind(self) -> Iterator[None]:
        """While the state file itself is broken there is nothing to see."""
        with self._turn:
            yield

    def reopen(self) -> None:
        """The state file was replaced; call it blind."""
        self.backend = LocalBackend(self._directory)

    def holder(self, name: str) -> int | None:
        """Process id of a living supervisor (``""``) or worker (``".0"``)."""
        pid = self._written(name)
        if pid is None or not processes.alive(pid):
            return None
        return pid if str(self._directory) in processes.command_line(pid) else None

    def _written(self, name: str) -> int | None:
        with contextlib.suppress(OSError):
            text = (self._directory / "run" / f"{self._task_id}{name}.lock").read_text()
            return int(text) if text.isdecimal() else None
        return None

    def _run(self) -> None:
        while not self._ending.wait(_POLL):
            with self._turn:
                self._look()

    def _look(self) -> None:
        dead_before = {name: self._dead(name) for name in ("", ".0")}
        try:
            shown = self.backend.tasks.show(self._where, expand="output")["properties"]
        except DmsPgError as error:
            self._lie(f"show failed: {error.code} {error.message}")
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, show must not raise it
            self._lie(f"show raised {error!r}")
            return
        dead = {name: pid for name, pid in dead_before.items() if pid and self._dead(name) == pid}
        self.polls += 1
        database = next(
            item for item in shown["output"] if item["resultType"] == "DatabaseLevelOutput"
        )
        self._judge(shown, database, dead)

    def _dead(self, name: str) -> int | None:
        """The pid written in the lock when its process is gone."""
        pid = self._written(name)
        return pid if pid is not None and self.holder(name) is None else None

    def _judge(self, shown: Json, database: Json, dead: dict[str, int]) -> None:
        task, state = shown["state"], database["migrationState"]
        self._suspect(
            "Running although its supervisor is dead",
            "" in dead and task == "Running",
        )
        self._suspect(
            f"{state} although its worker is dead",
            ".0" in dead and "" not in dead and state == "READY_TO_COMPLETE",
        )
        if state not in (self._last, "UNDEFINED"):
            self._step(state, shown, database)
        if not self.states or self.states[-1] != f"{task}/{state}":
            self.states.append(f"{task}/{state}")

    def _step(self, state: str, shown: Json, database: Json) -> None:
        before, self._last = self._last, state
        loaded = database["initializationCompleted"]
        if before in {"COMPLETE", "CANCELLED"}:
            self._lie(f"{before} was not the end: {state}")
        if state == "READY_TO_COMPLETE":
            self._ready(loaded=loaded)
        if state in {"FAILED", "VALIDATION_FAILED"}:
            self._failed(state, _errors(shown))
        elif state in {"CANCELLING", "CANCELLED"}:
            if not self.cancelling:
                self._lie(f"{state} although nobody asked for it")
        elif _RANK[state] < _RANK.get(before, 0):
            self._backwards(before, state, loaded=loaded)

    def _ready(self, *, loaded: bool) -> None:
        if not loaded:
            self._lie("READY_TO_COMPLETE before the load has ended")
        problem = self.is_ready()
        if problem:
            self._lie(f"READY_TO_COMPLETE although {problem}")

    def _failed(self, state: str, errors: str) -> None:
        if not self.may_fail:
            self._lie(f"{state}: {errors}")
        elif not errors:
            self._lie(f"{state} without a word")

    def _backwards(self, before: str, state: str, *, loaded: bool) -> None:
        if (before, state) == ("READY_TO_COMPLETE", "RUNNING"):
            return
        if not self.struck:
            self._lie(f"{before} → {state} without a fault")
        elif _RANK[state] < _RANK["RUNNING"] and loaded:
            self._lie(f"{before} → {state} after the load had ended")

    def _suspect(self, what: str, holds: bool) -> None:
        self._suspicions[what] = self._suspicions.get(what, 0) + 1 if holds else 0
        if self._suspicions[what] == _TWICE:
            self._lie(what)

    def _lie(self, text: str) -> None:
        stamp = time.strftime("%H:%M:%S")
        if len(self.lies) < 20 and not any(text in lie for lie in self.lies):
            self.lies.append(f"{stamp} {text}")


def _errors(shown: Json) -> str:
    return "; ".join(error["message"] for error in shown["errors"])
