"""How the outside world reaches a running migration: requests in the store, a parent that died.

Polled, never pushed: the engine asks between two steps, so a request can never tear one apart.
"""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from azext_dms_pg.errors import Interrupted, StateError
from azext_dms_pg.model.states import CommandState, MigrationState
from azext_dms_pg.state import mailbox, resources

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.state.records import CommandRecord
    from azext_dms_pg.state.store import Store

# A request is carried out at most this much later, plus the step under way.
_POLL_SECONDS = 0.25


class Control:
    """What the user wants of one database's migration at this moment."""

    def __init__(self, store: Store, task: str, ordinal: int, parent: int | None) -> None:
        self._store = store
        self._task = task
        self._ordinal = ordinal
        self._wanted = mailbox.wanted(store, task)
        self._orphaned = False
        self._closed = threading.Event()
        self._spawn("control", self._watch)
        if parent is not None:
            self._spawn("parent", self._watch_parent, parent)

    def close(self) -> None:
        """Stop asking."""
        self._closed.set()

    def wanted(self) -> str:
        """``run``, ``pause`` or ``cancel``. Safe to call from any thread."""
        # Only a supervisor may drive workers: without one, whatever is wanted has to wait.
        return mailbox.PAUSE if self._orphaned else self._wanted

    def stopping(self) -> bool:
        """Whether running work should end soon. Safe to call from any thread."""
        return self.wanted() != mailbox.RUN

    def check(self) -> None:
        """:raises Interrupted: the user wants a pause or a cancel (its ``code`` says which)."""
        wanted = self.wanted()
        if wanted != mailbox.RUN:
            raise Interrupted(f"asked to {wanted}", code=wanted)

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until a request comes in.

        :raises Interrupted: as ``check``.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, _POLL_SECONDS))

    def cutover(self) -> CommandRecord | None:
        """The cutover that was asked for and is not finished."""
        return mailbox.open_command(self._store, self._task, self._ordinal)

    def set_cutover(self, command: CommandRecord, state: CommandState, error: str = "") -> None:
        mailbox.set_command(self._store, command.id, state, error)

    def comparison(self) -> CommandRecord | None:
        """The comparison that was asked for and is not finished."""
        return mailbox.open_command(self._store, self._task, self._ordinal, mailbox.COMPARE)

    def newest_cutover(self) -> CommandRecord | None:
        """The last cutover asked for, however it went."""
        return mailbox.newest_cutover(self._store, self._task, self._ordinal)

    def note(self, command: CommandRecord, **options: Any) -> None:
        """Remember with a command what was done for it."""
        mailbox.note(self._store, command.id, {**command.options, **options})

    def siblings(self) -> set[MigrationState]:
        """States of the task's other databases."""
        return {
            record.state
            for record in resources.databases(self._store, self._task)
            if record.ordinal != self._ordinal
        }

    def _watch(self) -> None:
        """Poll the store until nobody wants to know any more."""
        while not self._closed.wait(_POLL_SECONDS):
            # A full disk or a store that is locked for long: what is wanted is asked again.
            with suppress(StateError):
                self._wanted = mailbox.wanted(self._store, self._task)

    def _watch_parent(self, parent: int) -> None:
        """An orphan pauses; asked apart from the store, which may keep us waiting."""
        # Nobody ever writes to this pipe: once it can be read, the parent is gone.
        select.select([parent], [], [])
        os.close(parent)
        self._orphaned = True

    @staticmethod
    def _spawn(name: str, work: Callable[..., None], *arguments: int) -> None:
        threading.Thread(target=work, args=arguments, daemon=True, name=name).start()
