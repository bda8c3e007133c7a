"""Several sessions that work through a list of items side by side.

Knows nothing of what an item needs. The first error ends the work: sessions busy with other items
are cancelled, and what they were doing rolls back.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from azext_dms_pg.postgres.connect import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.model.connection import Connection

Item = TypeVar("Item")
Result = TypeVar("Result")

_POLL_SECONDS = 0.25
# Locks on two tables may be taken in either order; the server ends one side, which tries again.
_DEADLOCK_ATTEMPTS = 10


class Crew:
    """Works through items of one migration.

    :param size: sessions at a time; none is opened when there is nothing to do.
    """

    def __init__(
        self,
        connection: Connection,
        migration_id: str,
        size: int,
        purpose: str,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._connection = connection
        self._migration_id = migration_id
        self._size = size
        self._purpose = purpose
        self._stopping = stopping
        self._sessions: list[psycopg.Connection[Any]] = []
        self._error: BaseException | None = None

    def run(
        self,
        items: list[Item],
        step: Callable[[psycopg.Connection[Any], str, Item], Result],
    ) -> list[Result]:
        """Do ``step`` for every item, or for as many as there is time until ``stopping()``."""
        if not items:
            return []
        queue: SimpleQueue[Item] = SimpleQueue()
        for item in items:
            queue.put(item)
        size = min(self._size, len(items))
        self._sessions = [connect(self._connection, "target", self._purpose) for _ in range(size)]
        try:
            with ThreadPoolExecutor(size, thread_name_prefix=self._purpose) as pool:
                futures = [
                    pool.submit(self._member, session, queue, step) for session in self._sessions
                ]
                self._supervise(futures)
            if self._error is not None:
                raise self._error
            return [result for future in futures for result in future.result()]
        finally:
            for session in self._sessions:
                session.close()
            self._sessions = []

    def _member(
        self,
        session: psycopg.Connection[Any],
        queue: SimpleQueue[Item],
        step: Callable[[psycopg.Connection[Any], str, Item], Result],
    ) -> list[Result]:
        results: list[Result] = []
        while self._error is None and not self._stopping():
            try:
                item = queue.get_nowait()
            except Empty:
                break
            try:
                results.append(self._patiently(session, item, step))
            except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
                cancelled = isinstance(error, psycopg.errors.QueryCanceled) and self._stopping()
                if self._error is None and not cancelled:
                    self._error = error
                break
        return results

    def _patiently(
        self,
        session: psycopg.Connection[Any],
        item: Item,
        step: Callable[[psycopg.Connection[Any], str, Item], Result],
    ) -> Result:
        for _ in range(_DEADLOCK_ATTEMPTS):
            try:
                return step(session, self._migration_id, item)
            except psycopg.errors.DeadlockDetected:
                continue
        return step(session, self._migration_id, item)

    def _supervise(self, futures: list[Future[list[Result]]]) -> None:
        pending = set(futures)
        while pending:
            _, pending = wait(pending, timeout=_POLL_SECONDS)
            if pending and (self._error is not None or self._stopping()):
                for session in self._sessions:
                    session.cancel_safe()
