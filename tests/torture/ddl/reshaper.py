"""Changes the schema of one source at random moments between writes.

Owns: making each change of the plan exactly once, whatever happens to the connection, and what
that means for a comparison. Knows nothing of the target.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from random import Random
from typing import Any

import psycopg

from tests.support.databases import Database
from tests.torture.ddl import tables
from tests.torture.ddl.kinds import KINDS

_REST = 0.03
# Share of the changes that have rows which need them in their own transaction.
_AT_ONCE = 0.3
# A table lock that a fault holds must not make everybody else wait for us.
_SETTINGS = "SET lock_timeout = '3s'; SET search_path = pg_catalog"


@dataclass(frozen=True)
class Change:
    """A schema change that was made, or may have been.

    :param statement: empty where nothing fitted.
    :param dropped: tables it took away.
    """

    kind: str
    statement: str
    dropped: frozenset[str]

    @property
    def follows(self) -> bool:
        """Whether something was changed that the task can go on with."""
        return bool(self.statement) and not KINDS[self.kind].codes


class Reshaper:
    """A thread that writes from the start and changes the schema from ``begin`` on."""

    def __init__(self, source: Database, kinds: tuple[str, ...], seed: str) -> None:
        self._source = source
        self._kinds = list(kinds)
        self._seed = seed
        self._random = Random(f"reshape {seed}")
        self._begun = threading.Event()
        self._ending = threading.Event()
        self._doubt: Change | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="reshaper")
        self.failure: BaseException | None = None
        self.changes: list[Change] = []

    def start(self) -> None:
        self._thread.start()

    def begin(self) -> None:
        """The load is over: a schema may change now."""
        self._begun.set()

    def add(self, kind: str) -> None:
        """One more change, the last so far."""
        self._kinds.append(kind)

    def stop(self) -> None:
        """Once all changes were made, or at once if they were not begun."""
        self._ending.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            while not self._is_over():
                # The server may be down, or somebody's lock may be in the way: begin again.
                try:
                    self._session()
                except psycopg.errors.ObjectNotInPrerequisiteState:
                    raise  # the source refuses the change, and would for ever
                except psycopg.OperationalError:
                    self._ending.wait(_REST)
        except BaseException as error:  # noqa: BLE001 - handed to whoever stops us
            self.failure = error

    def _is_over(self) -> bool:
        return self._ending.is_set() and (not self._begun.is_set() or self._are_made())

    def _are_made(self) -> bool:
        return len(self.changes) == len(self._kinds)

    def _session(self) -> None:
        with self._source.connect(
            autocommit=False, application_name="writer reshape", connect_timeout=5
        ) as connection:
            connection.execute(_SETTINGS)
            connection.commit()
            while not self._is_over():
                for _ in range(self._random.randint(0, 12)):
                    self._write(connection)
                if self._begun.is_set() and not self._are_made():
                    self._alter(connection)

    def _write(self, connection: psycopg.Connection[Any]) -> None:
        with connection.transaction():
            table = self._random.choice(tables.look(connection))
            self._change(connection, table)
        if not self._ending.is_set():
            self._ending.wait(self._random.expovariate(1 / _REST))

    def _change(self, connection: psycopg.Connection[Any], table: tables.Table) -> None:
        statement = tables.change(table, self._random)
        # Random rows may break a rule; then nothing has happened.
        with contextlib.suppress(psycopg.IntegrityError), connection.transaction():
            connection.execute((statement or "SELECT 1").encode())

    def _alter(self, connection: psycopg.Connection[Any]) -> None:
        """Make the next change, together with the row that says it was made."""
        number = len(self.changes) + 1
        if self._doubt is None or not _is_done(connection, number):
            with connection.transaction():
                self._doubt = self._make(connection, number)
        self.changes.append(self._doubt)
        self._doubt = None

    def _make(self, connection: psycopg.Connection[Any], number: int) -> Change:
        name = self._kinds[number - 1]
        before = tables.look(connection)
        # Of its own, so that what is written in between has no part in it.
        random = Random(f"reshape {self._seed} {number}")
        statement = KINDS[name].make(before, random, number)
        connection.execute("INSERT INTO evolving.done VALUES (%s)", [number])
        if statement:
            connection.execute(statement.encode())
        after = tables.look(connection)
        if random.random() < _AT_ONCE:
            for table in after:
                self._change(connection, table)
        gone = {table.name for table in before} - {table.name for table in after}
        return Change(name, statement, frozenset(gone if name == "drop table" else ()))


def _is_done(connection: psycopg.Connection[Any], number: int) -> bool:
    with connection.transaction():
        query = "SELECT FROM evolving.done WHERE n = %s"
        return bool(connection.execute(query, [number]).fetchall())
