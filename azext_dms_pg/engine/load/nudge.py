"""Has the target write its WAL all the while, instead of when a COPY has to wait for it.

Whoever fills a segment of the WAL waits until all of it is on disk. The server's WAL writer would
have written most of it before, but only a commit wakes it, and a COPY commits at its end. So one
session commits a little all the time, without waiting for anything.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg

from azext_dms_pg.errors import DmsPgError
from azext_dms_pg.postgres.connect import connect

if TYPE_CHECKING:
    from azext_dms_pg.model.connection import Connection

# Seconds. A load that is over before the first is not worth a session.
_FIRST = 0.1
_EVERY = 0.02
_FAREWELL = 1.0
# A transaction that has an id and has written nothing commits asynchronously (xact.c,
# RecordTransactionCommit), and that wakes the WAL writer (XLogSetAsyncXactLSN).
_COMMIT = "SELECT pg_catalog.txid_current()"


class Nudge:
    """A thread and a session for as long as rows are copied: ``with Nudge(target): …``.

    Only to the good: when its session cannot be had or is lost, the load goes on without.
    """

    def __init__(self, target: Connection) -> None:
        self._target = target
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="nudge")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join(_FAREWELL)

    def _run(self) -> None:
        if self._closed.wait(_FIRST):
            return
        with (
            suppress(DmsPgError, psycopg.Error),
            connect(self._target, "target", "nudge") as session,
        ):
            while not self._closed.wait(_EVERY):
                session.execute(_COMMIT)
