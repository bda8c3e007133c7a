"""Polls ``show`` like a user with a nervous finger and notes every lie.

Owns: what may follow what, and what must hold while it is shown. Asks the package for ``show``
alone; whether processes live is found out from /proc.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from azext_dms_pg.backends.base import TaskAddress
from azext_dms_pg.backends.local import LocalBackend
from azext_dms_pg.errors import DmsPgError
from tests.torture.moments import databases
from tests.torture.own import Own

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


class Track:
    """What was seen of one database, and what faults have made legal for it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.last = ""
        self.states: list[str] = []
        # Set by the case.
        self.struck = False
        self.may_fail = False
        # Whether the slot and the target's phase bear READY out; asked now and then.
        self.is_ready: Callable[[], str] = str


class Observer:
    """A thread that looks at one task until told to stop."""

    def __init__(self, own: Own, where: TaskAddress, count: int) -> None:
        """:param count: of databases."""
        self._own = own
        self._where = where
        self.backend = LocalBackend(own.directory)
        self._suspicions: dict[str, int] = {}
        self._ending = threading.Event()
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True, name="observer")
        self.polls = 0
        self.lies: list[str] = []
        self.tracks = [Track(number) for number in range(count)]
        self.cancelling = False  # set by the case

    @property
    def may_fail(self) -> bool:
        """Whether any database of the task may."""
        return any(track.may_fail for track in self.tracks)

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
        self.backend = LocalBackend(self._own.directory)

    def _run(self) -> None:
        while not self._ending.wait(_POLL):
            with self._turn:
                self._look()

    def _look(self) -> None:
        names = ("", *(f".{track.number}" for track in self.tracks))
        dead_before = {name: self._own.dead(name) for name in names}
        try:
            shown = self.backend.tasks.show(self._where, expand="output")["properties"]
        except DmsPgError as error:
            self._lie(f"show failed: {error.code} {error.message}")
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, show must not raise it
            self._lie(f"show raised {error!r}")
            return
        dead = {
            name: pid for name, pid in dead_before.items() if pid and self._own.dead(name) == pid
        }
        self.polls += 1
        self._suspect(
            "Running although its supervisor is dead",
            "" in dead and shown["state"] == "Running",
        )
        for track, database in zip(self.tracks, databases(shown), strict=True):
            self._judge(track, shown, database, dead)

    def _judge(self, track: Track, shown: Json, database: Json, dead: dict[str, int]) -> None:
        task, state = shown["state"], database["migrationState"]
        self._suspect(
            f"{database['databaseName']}: {state} although its worker is dead",
            f".{track.number}" in dead and "" not in dead and state == "READY_TO_COMPLETE",
        )
        if state not in (track.last, "UNDEFINED"):
            self._step(track, state, shown, database)
        if not track.states or track.states[-1] != f"{task}/{state}":
            track.states.append(f"{task}/{state}")

    def _step(self, track: Track, state: str, shown: Json, database: Json) -> None:
        before, track.last = track.last, state
        loaded = database["initializationCompleted"]
        name = f"database {track.number}: " if len(self.tracks) > 1 else ""
        if before in {"COMPLETE", "CANCELLED"}:
            self._lie(f"{name}{before} was not the end: {state}")
        if state == "READY_TO_COMPLETE":
            self._ready(track, loaded=loaded)
        if state in {"FAILED", "VALIDATION_FAILED"}:
            if not track.may_fail:
                self._lie(f"{name}{state}: {_errors(shown)}")
            elif not _errors(shown):
                self._lie(f"{name}{state} without a word")
        elif state in {"CANCELLING", "CANCELLED"}:
            if not self.cancelling:
                self._lie(f"{name}{state} although nobody asked for it")
        elif _RANK[state] < _RANK.get(before, 0):
            problem = _backwards(track, before, state, loaded=loaded)
            if problem:
                self._lie(name + problem)

    def _ready(self, track: Track, *, loaded: bool) -> None:
        if not loaded:
            self._lie("READY_TO_COMPLETE before the load has ended")
        problem = track.is_ready()
        if problem:
            self._lie(f"READY_TO_COMPLETE although {problem}")

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


def _backwards(track: Track, before: str, state: str, *, loaded: bool) -> str:
    """Why a database may not go back to this state, or nothing."""
    if (before, state) == ("READY_TO_COMPLETE", "RUNNING"):
        return ""
    if not track.struck:
        return f"{before} → {state} without a fault"
    if _RANK[state] < _RANK["RUNNING"] and loaded:
        return f"{before} → {state} after the load had ended"
    return ""
