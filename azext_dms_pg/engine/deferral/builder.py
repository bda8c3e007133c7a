"""Builds the indexes of tables that are loaded while others are still being copied.

    with IndexBuilder(session, connection, migration_id, jobs, stopping) as builder:
        ... builder.loaded(name) ...

Whatever it could not build is still in the ledger: ``restore_indexes`` does it afterwards, and
says what is wrong. Knows nothing of how rows are copied.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.engine.deferral import ledger
from azext_dms_pg.engine.deferral.steps import bring_back_or_raise
from azext_dms_pg.errors import ServerError
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.connect import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.engine.deferral.ledger import Deferred
    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.relations import Name

_POLL_SECONDS = 0.2


class IndexBuilder:
    """A few sessions that build what is ripe.

    :param session: to read the ledger with, once; what is deferred later is not built here.
    :param jobs: sessions at a time; none is opened before there is something to build.
    """

    def __init__(
        self,
        session: psycopg.Connection[Any],
        connection: Connection,
        migration_id: str,
        jobs: int,
        stopping: Callable[[], bool],
    ) -> None:
        self._connection = connection
        self._migration_id = migration_id
        self._jobs = jobs
        self._stopping = stopping
        self._indexes: dict[Name, list[Deferred]] = defaultdict(list)
        with translated("target", "reading which indexes are to be built"):
            for item in ledger.pending(session, migration_id, [ledger.INDEX]):
                self._indexes[item.table].append(item)
        self._queue: SimpleQueue[Deferred | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._sessions: set[psycopg.Connection[Any]] = set()
        self._given_up = False

    def loaded(self, table: Name) -> None:
        """All rows of this target table are there and committed. Called from any thread."""
        for item in self._indexes.get(table, ()):
            self._queue.put(item)
            if len(self._threads) < self._jobs:
                thread = threading.Thread(target=self._work, name="early index", daemon=True)
                self._threads.append(thread)
                thread.start()

    def __enter__(self) -> IndexBuilder:  # noqa: PYI034 - typing.Self is 3.11
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Wait for what is ripe; after an error, or when a stop is asked for, give up."""
        for _thread in self._threads:
            self._queue.put(None)
        while any(thread.is_alive() for thread in self._threads):
            if failed is not None or self._stopping():
                self._given_up = True
                for session in list(self._sessions):
                    session.cancel_safe()
            for thread in self._threads:
                thread.join(_POLL_SECONDS)

    def _work(self) -> None:
        session: psycopg.Connection[Any] | None = None
        while (item := self._queue.get()) is not None and not self._given_up:
            # An error here is no verdict: the index is tried again with all that are left.
            with suppress(psycopg.Error, ServerError):
                if session is None or session.closed:
                    session = connect(self._connection, "target", "index")
                    self._sessions.add(session)
                bring_back_or_raise(session, self._migration_id, item)
        if session is not None:
            self._sessions.discard(session)
            session.close()
