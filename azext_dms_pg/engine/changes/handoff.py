"""Where the receiver's batches wait for the applier: room for one, so nothing piles up.

While one batch is applied the next one is collapsed; what does not fit waits at the source.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azext_dms_pg.engine.changes.batch import Batch


class Handoff:
    """Passes batches from one thread to another, and an error after the last of them."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: Batch | None = None
        self._working: Batch | None = None
        self._error: BaseException | None = None
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether the applier has applied all it was given and waits for more."""
        return self._waiting is None and self._working is None

    @property
    def free(self) -> bool:
        return self._waiting is None

    @property
    def closed(self) -> bool:
        return self._closed

    def oldest(self) -> Batch | None:
        """The oldest batch that is not yet applied."""
        return self._working or self._waiting

    def put(self, batch: Batch, seconds: float) -> bool:
        """Wait up to ``seconds`` for room; whether the batch was taken."""
        with self._condition:
            if not self._condition.wait_for(lambda: self._waiting is None or self._closed, seconds):
                return False
            self._waiting = batch
            self._condition.notify_all()
            return True

    def fail(self, error: BaseException) -> None:
        """Let the applier raise this once it has applied what was put before."""
        with self._condition:
            self._error = self._error or error
            self._condition.notify_all()

    def take(self) -> Batch | None:
        """The next batch; None when closed. What was taken before counts as applied.

        :raises BaseException: what ``fail`` was told.
        """
        with self._condition:
            self._working = None
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._waiting or self._error or self._closed)
            if self._closed:
                return None
            if self._waiting is None and self._error is not None:
                raise self._error
            self._working, self._waiting = self._waiting, None
            self._condition.notify_all()
            return self._working

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify_all()
