"""Comparisons the user asks for while changes are applied: when one begins, what became of it.

The conductor's helper, like ``following.py``; ``comparing.py`` does the work.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from azext_dms_pg.engine.verify.comparing import Comparing, records, stopped
from azext_dms_pg.errors import DmsPgError, Interrupted
from azext_dms_pg.model.states import CommandState

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.engine.requests import Requests
    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.state.progress import Journal
    from azext_dms_pg.state.records import CommandRecord

_POLL_SECONDS = 0.2


def lay_back(requests: Requests) -> None:
    """Nobody works on the comparison that was wanted: whoever waits for it is to know."""
    command = requests.comparison()
    if command is not None and command.state is CommandState.RUNNING:
        requests.set_cutover(command, CommandState.ACCEPTED)


class Comparison:
    """At most one comparison at a time."""

    def __init__(self, job: Job, plan: Plan, journal: Journal, requests: Requests) -> None:
        self._job = job
        self._plan = plan
        self._journal = journal
        self._requests = requests
        self._command: CommandRecord | None = None
        self._comparing: Comparing | None = None
        self._polled = 0.0

    def is_wanted(self) -> bool:
        """Whether the stream should rest so that one can begin; also ends one that is done."""
        if time.monotonic() - self._polled < _POLL_SECONDS:
            return False
        self._polled = time.monotonic()
        if self._comparing is not None:
            self._finish_if_done(self._comparing)
            return False
        self._command = self._requests.comparison()
        return self._command is not None

    def begin(self, catch_up: Callable[[int], None]) -> None:
        """Agree on a moment and begin to read; what cannot be compared is the command's answer."""
        command = self._command
        assert command is not None  # noqa: S101 - is_wanted said so
        self._requests.set_cutover(command, CommandState.RUNNING)
        try:
            self._comparing = Comparing(
                self._job, self._plan, catch_up, self._requests.check, command.options
            )
        except Interrupted:
            raise
        except DmsPgError as error:
            self._answer(error)

    def abandon(self) -> None:
        """The stream ends here. What is wanted still will be begun anew by the next one."""
        if self._comparing is not None:
            self._comparing.close()
            if self._requests.cutover() is not None:
                self._answer(stopped())
        self._comparing = None
        lay_back(self._requests)

    def _finish_if_done(self, comparing: Comparing) -> None:
        try:
            found = comparing.result()
        except DmsPgError as error:
            self._answer(error)
            return
        if found is not None:
            self._journal.compared(records(found))
            self._answer(None)

    def _answer(self, error: DmsPgError | None) -> None:
        if self._command is not None:
            state = CommandState.SUCCEEDED if error is None else CommandState.FAILED
            text = "" if error is None else f"{error.message} {error.action}".strip()
            self._requests.set_cutover(self._command, state, text)
        self._command = self._comparing = None
