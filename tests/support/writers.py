"""Concurrent writers that never lose count, whatever is done to the server meanwhile.

    source.run(writers.SCHEMA)
    with Writers(source, count=3) as crowd:
        ...migrate...
        crowd.stop()
    assert not crowd.problems(target)

Owns: making transactions, surviving broken connections, and resolving a commit whose answer was
lost by looking for its journal row. ``ledger.py`` keeps what was promised.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from random import Random
from types import TracebackType

import psycopg
from psycopg.rows import TupleRow

from tests.support.databases import Database
from tests.support.ledger import SCHEMA, Expected, Ledger
from tests.support.workload import Workload

__all__ = ["SCHEMA", "Writers"]

Connection = psycopg.Connection[TupleRow]
PATIENCE = 60.0  # seconds for a server to come back and tell how a transaction ended


class Writers:
    """``count`` threads that insert, update, delete and move keys until stopped."""

    def __init__(
        self,
        database: Database,
        *,
        count: int = 2,
        seed: int = 0,
        pause: float = 0.0,
        big: int = 20_000,
        ledger: Path | None = None,
    ) -> None:
        """:param pause: seconds between transactions, on average.

        :param big: bytes of a large value; most values are small.
        """
        self.ledger = Ledger(ledger)
        self._ending = threading.Event()
        self._writers = [
            _Writer(database, number, Random(f"{seed}/{number}"), pause, big, self)
            for number in range(1, count + 1)
        ]

    def start(self) -> Writers:
        for writer in self._writers:
            writer.thread.start()
        return self

    def stop(self) -> None:
        """End after the transaction at hand; raises what ended a writer before its time."""
        self._ending.set()
        for writer in self._writers:
            if writer.thread.ident is not None:
                writer.thread.join()
        self.ledger.close()
        for writer in self._writers:
            if writer.failure is not None:
                raise writer.failure

    @property
    def ending(self) -> threading.Event:
        return self._ending

    @property
    def commits(self) -> int:
        return self.ledger.commits

    def wait_for(self, commits: int, seconds: float = 60) -> None:
        """Until that many more commits have been acknowledged."""
        goal = self.commits + commits
        deadline = time.monotonic() + seconds
        while self.commits < goal:
            failed = [writer.failure for writer in self._writers if writer.failure is not None]
            if failed:
                raise failed[0]
            if time.monotonic() > deadline:
                raise TimeoutError(f"only {self.commits} of {goal} commits")
            time.sleep(0.01)

    def problems(self, target: Database) -> list[str]:
        """Lost or surplus on the target, in words; empty when every promise is kept."""
        with target.connect() as connection:
            return self.ledger.problems(connection)

    def __enter__(self) -> Writers:  # noqa: PYI034 - typing.Self is 3.11
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Writer:
    def __init__(
        self,
        database: Database,
        number: int,
        random: Random,
        pause: float,
        big: int,
        crowd: Writers,
    ) -> None:
        self._database = database
        self._number = number
        self._random = random
        self._pause = pause
        self._crowd = crowd
        self._workload = Workload(number, random, big)
        self._state = Expected()
        self._txn = 0
        self._doubt: Expected | None = None
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name=f"writer-{number}", daemon=True)

    def _run(self) -> None:
        try:
            patience = PATIENCE
            while not self._session() and patience > 0:
                time.sleep(0.05)
                if self._crowd.ending.is_set():
                    patience = patience - 0.05 if self._doubt is not None else 0
            if self._doubt is not None:
                self.failure = TimeoutError("the server never came back to tell how it ended")
        except psycopg.errors.ReadOnlySqlTransaction:
            pass  # the source was frozen for the cutover: as good as stopped
        except BaseException as error:  # noqa: BLE001 - handed to whoever stops us
            self.failure = error

    def _session(self) -> bool:
        """Write until told to end; False when the connection broke.

        Whether the transaction at hand took place is found out on the next connection, even
        when we are to end.
        """
        try:
            with self._connect() as connection:
                self._resolve(connection)
                while not self._crowd.ending.is_set():
                    self._txn += 1
                    self._doubt = self._state.copy()
                    if self._workload.transaction(connection, self._txn, self._doubt):
                        self._acknowledge(self._doubt)
                    self._doubt = None
                    self._rest()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> Connection:
        return self._database.connect(
            autocommit=False, application_name=f"writer {self._number}", connect_timeout=5
        )

    def _acknowledge(self, after: Expected) -> None:
        self._state = after
        self._crowd.ledger.acknowledge(self._number, self._txn, after)

    def _resolve(self, connection: Connection) -> None:
        if self._doubt is None:
            return
        done = connection.execute(
            "SELECT FROM writers.journal WHERE writer = %s AND txn = %s", [self._number, self._txn]
        ).fetchall()
        connection.commit()
        if done:
            self._acknowledge(self._doubt)
        self._doubt = None

    def _rest(self) -> None:
        if self._pause:
            self._crowd.ending.wait(self._random.expovariate(1 / self._pause))
