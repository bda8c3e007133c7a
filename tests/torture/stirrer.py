"""Random transactions on a mix of shapes while it is migrated.

Nothing is promised about them: source and target are compared when they have stopped.
"""

from __future__ import annotations

import contextlib
import threading
from random import Random

import psycopg

from tests.support.databases import Database
from tests.torture.shapes import change


class Stirrer:
    """A thread that changes the source until stopped, whatever happens to the server."""

    def __init__(self, source: Database, mix: tuple[str, ...], seed: int, pause: float) -> None:
        self._source = source
        self._mix = mix
        self._random = Random(f"stir {seed}")
        self._pause = pause
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="stirrer")
        self.transactions = 0
        self.failure: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                # The server may be down, or a lock of ours may make a deadlock: begin again.
                with contextlib.suppress(psycopg.OperationalError):
                    self._session()
                self._ending.wait(0.05)
        except BaseException as error:  # noqa: BLE001 - handed to whoever stops us
            self.failure = error

    def _session(self) -> None:
        with self._source.connect(
            autocommit=True, application_name="writer stir", connect_timeout=5
        ) as connection:
            while not self._ending.is_set():
                script = change(self._mix, self._random)
                try:
                    # One simple query of several statements is one transaction.
                    connection.execute(script.encode())
                    self.transactions += 1
                except psycopg.IntegrityError:
                    pass  # random changes may break a rule; then nothing has happened
                self._ending.wait(self._random.expovariate(1 / self._pause))
