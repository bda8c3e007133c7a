"""The user: looks at ``show`` and does what it says, and asks again when an order is refused.

Owns: ``restart`` after a dead worker, ``start`` after a reboot, statements the target lacks, and
how long nothing may happen before it is said to be stuck.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Any

from azext_dms_pg.errors import ConflictError, DmsPgError
from tests.torture.ddl.follower import Follower
from tests.torture.door import Direct, Door
from tests.torture.line import Line
from tests.torture.moments import databases
from tests.torture.observer import Observer
from tests.torture.plan import Plan

Json = dict[str, Any]

# Seconds without any progress before it is said to be stuck: other work shares the machine.
PATIENCE = 180.0
_POLL = 0.03
_OVER = {"TaskEnded", "AlreadyComplete"}


class Stuck(AssertionError):  # noqa: N818 - what pytest prints
    """It did not go on, or ended in a way it must not."""


class User:
    """Tends one task."""

    def __init__(
        self, plan: Plan, door: Door, eyes: Direct, lines: list[Line], random: Random
    ) -> None:
        self._plan = plan
        self._door = door
        self._eyes = eyes
        self._lines = lines
        self._random = random
        self._followers = {
            line.source.name: Follower(line.target, Random(f"user {plan.seed} {line.number}"))
            for line in lines
            if line.reshaper is not None
        }
        self.watch: Observer | None = None
        self.restarts = 0

    @property
    def told(self) -> list[str]:
        """The statements that were shown and run."""
        return [text for follower in self._followers.values() for text in follower.statements]

    def follow(self) -> Json:
        """Look, give the targets what they lack, and restart what has died."""
        shown = self._eyes.show()
        for line, database in zip(self._lines, databases(shown), strict=True):
            if database["initializationCompleted"]:
                line.loaded()
        for name, follower in self._followers.items():
            follower.look(shown, name)
        if shown["state"] == "Faulted":
            self._restart()
        return shown

    def nurse(self) -> Json:
        """Look, and do what ``show`` tells one to do."""
        shown = self.follow()
        state = shown["state"]
        if state in {"Failed", "FailedInputValidation"}:
            assert self.watch is not None
            if not self.watch.may_fail or self._plan.ending in {"failed", "refused"}:
                raise Stuck(f"{state}: {[error['message'] for error in shown['errors']]}")
            self._restart()
        return shown

    def _restart(self) -> None:
        self.restarts += 1
        if self._random.random() < 0.5:
            # `az dms start` leaves a task that has failed alone; `restart` does not.
            self.insist(self._door.start_service)
        self.insist(self._door.restart)

    def insist(self, ask: Callable[[], object]) -> None:
        """A command may be refused for a moment (a dying worker still holds on); then it works."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                ask()
            except DmsPgError as error:
                ended = isinstance(error, ConflictError) and error.code in _OVER
                if ended:
                    return
                if time.monotonic() > deadline:
                    raise
                if error.code == "WorkerNotRunning":
                    self.nurse()
                time.sleep(0.2)
            else:
                return

    def until(
        self,
        condition: Callable[[], bool],
        what: str,
        *,
        seconds: float = PATIENCE,
        tend: Callable[[], Json] | None,
    ) -> None:
        """Wait for a condition.

        :param seconds: without any progress.
        :param tend: what is done meanwhile; nothing where there is nothing to see.
        """
        seen: object = None
        deadline = time.monotonic() + seconds
        while not condition():
            now = progress(tend()) if tend is not None else None
            if now != seen and seconds == PATIENCE:
                seen, deadline = now, time.monotonic() + seconds
            if time.monotonic() > deadline:
                raise Stuck(f"{what}: not within {seconds:.0f} s")
            time.sleep(_POLL)


def progress(shown: Json) -> object:
    """Something that changes as long as it goes on."""
    return [
        (
            item["migrationState"],
            item["appliedChanges"],
            item["fullLoadPercent"],
            item["appliedLsn"],
        )
        for item in databases(shown)
    ]
