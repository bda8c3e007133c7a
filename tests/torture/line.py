"""One database of the task: both sides of it, and all who write to its source.

Knows nothing of the task it belongs to.
"""

from __future__ import annotations

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from tests.support import oracle
from tests.support.databases import Database
from tests.support.writers import Writers
from tests.torture.ddl.reshaper import Change, Reshaper
from tests.torture.plan import Plan, Tract
from tests.torture.stirrer import Stirrer


class Line:
    """A source, a target, and what must be true of both in the end."""

    def __init__(self, number: int, plan: Plan, source: Database, target: Database) -> None:
        tract: Tract = plan.tracts[number]
        self.number = number
        self.tract = tract
        self.source, self.target = source, target
        self.before = oracle.snapshot(target)
        self.source_before = oracle.snapshot(source)
        seed = plan.seed + 1_000_000 * number
        self.writers = Writers(source, count=plan.writers, seed=seed, pause=0.02, big=12_000)
        self.stirrer = Stirrer(source, tract.mix, seed, 0.06 * len(plan.tracts))
        self.reshaper = Reshaper(source, tract.ddl, str(seed)) if tract.changes else None
        # What has become of it, as far as the case has seen: complete or not.
        self.complete = False
        self._holder: psycopg.Connection[TupleRow] | None = None
        self._writing = False

    @property
    def changes(self) -> list[Change]:
        return self.reshaper.changes if self.reshaper is not None else []

    def start(self) -> None:
        self._writing = True
        self.writers.start()
        self.stirrer.start()
        if self.reshaper is not None:
            self.reshaper.start()

    def loaded(self) -> None:
        """From here on its schema may change."""
        if self.reshaper is not None:
            self.reshaper.begin()

    def quiet(self) -> None:
        """Stop all who write to the source."""
        if self._writing:
            self._writing = False
            if self.reshaper is not None:
                self.reshaper.stop()
            self.stirrer.stop()
            self.writers.stop()

    def hold(self) -> None:
        """Keep indexes, constraints and triggers of the target from coming back for now."""
        if self._holder is not None:
            return
        self._holder = self.target.connect(autocommit=False, application_name="torture hold")
        for table in oracle.tables(self._holder):
            self._holder.execute(
                sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(
                    sql.Identifier(table.schema, table.name)
                )
            )

    def let_go(self) -> None:
        if self._holder is not None:
            self._holder.close()
            self._holder = None
