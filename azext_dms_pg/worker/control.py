"""How the outside world reaches a running migration: requests in the store, a parent that died.

Polled, never pushed: the engine asks between two steps, so a request can never tear one apart.
"""

from __future__ import annotations

import os
import select
import threading
import time
from typing import TYPE_CHECKING

from azext_dms_pg.errors import Interrupted
from azext_dms_pg.model.states import CommandState, MigrationState
from azext_dms_pg.state import mailbox, resources

if TYPE_CHECKING:
    from azext_dms_pg.state.records import CommandRecord
    from azext_dms_pg.state.store import Store

# How old an answer may be. A request is carried out at most this much later.
_FRESH_SECONDS = 0.25


class Control:
    """What the user wants of one database's migration at this moment."""

    def __init__(self, store: Store, task: str, ordinal: int, parent: int | None) -> None:
        self._store = store
        self._task = task
        self._ordinal = ordinal
        self._parent = parent
        self._orphaned = threading.Event()
        self._asked = 0.0
        self._wanted = mailbox.RUN
        self._stopping = threading.Event()
        if parent is not None:
            threading.Thread(target=self._watch_parent, daemon=True, name="parent").start()

    def wanted(self) -> str:
        """``run``, ``pause`` or ``cancel``."""
        if time.monotonic() - self._asked > _FRESH_SECONDS:
            self._wanted = mailbox.wanted(self._store, self._task)
            self._asked = time.monotonic()
        if self._wanted == mailbox.RUN and self._orphaned.is_set():
            self._wanted = mailbox.PAUSE
        if self._wanted != mailbox.RUN:
            self._stopping.set()
        return self._wanted

    def check(self) -> None:
        """:raises Interrupted: the user wants a pause or a cancel (its ``code`` says which)."""
        wanted = self.wanted()
        if wanted != mailbox.RUN:
            raise Interrupted(f"asked to {wanted}", code=wanted)

    def stopping(self) -> bool:
        """Whether running work should end soon. Safe to call from any thread."""
        return self._stopping.is_set() or self._orphaned.is_set()

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until a request comes in.

        :raises Interrupted: as ``check``.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, _FRESH_SECONDS))

    def cutover(self) -> CommandRecord | None:
        """The cutover that was asked for and is not finished."""
        return mailbox.open_command(self._store, self._task, self._ordinal)

    def set_cutover(self, command: CommandRecord, state: CommandState, error: str = "") -> None:
        mailbox.set_command(self._store, command.id, state, error)

    def siblings(self) -> set[MigrationState]:
        """States of the task's other databases."""
        return {
            record.state
            for record in resources.databases(self._store, self._task)
            if record.ordinal != self._ordinal
        }

    def _watch_parent(self) -> None:
        assert self._parent is not None  # noqa: S101 - started only with one
        select.select([self._parent], [], [])
        os.close(self._parent)
        self._orphaned.set()
        self._stopping.set()
