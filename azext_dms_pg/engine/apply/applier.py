"""The applier: takes batches, writes them, and moves the progress in the same transaction.

Runs in a thread of its own. A target transaction never holds less than whole source transactions
(hazard 13), and what it brought is told only once it is durable. Knows no plugin and no source.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psycopg
from psycopg.errors import ExclusionViolation, UniqueViolation

from azext_dms_pg.engine.apply.session import ApplySession
from azext_dms_pg.engine.apply.write import Writer
from azext_dms_pg.engine.changes.batch import Segment
from azext_dms_pg.engine.faults import ApplyError, Refusal
from azext_dms_pg.engine.values import Applied, TableChanges
from azext_dms_pg.errors import DmsPgError, ServerError
from azext_dms_pg.postgres.sqlstate import is_retryable, translate

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.engine.apply.truncate import Truncater
    from azext_dms_pg.engine.changes.batch import Batch, Emptied
    from azext_dms_pg.engine.changes.handoff import Handoff
    from azext_dms_pg.engine.values import Route
    from azext_dms_pg.postgres.relations import Name

_RECONNECTS = 20
_RECONNECT_PAUSE = 0.5


class Applier:
    """Applies what a handoff brings until it is closed.

    :param reopen: makes another session after one was lost.
    :param tell: given each ``Applied`` once it is durable.
    """

    def __init__(
        self,
        session: ApplySession,
        progress: int,
        truncater: Truncater,
        reopen: Callable[[], ApplySession],
        tell: Callable[[Applied], None],
    ) -> None:
        self.session = session
        self.progress = progress
        """End of the last source commit that is durable on the target."""
        self.applied_changes = 0
        self._truncater = truncater
        self._reopen = reopen
        self._tell = tell
        self._writer = Writer(session.connection, session.stages)
        self._tables: list[TableChanges] = []
        self._changes = 0
        self._meant: dict[int, Name] = {}

    def run(self, handoff: Handoff) -> None:
        """Return when the handoff was closed.

        :raises MigrationError: the target refuses a change, and would again.
        :raises ServerError: a connection was lost.
        """
        while (batch := handoff.take()) is not None:
            try:
                self._apply(batch)
            except ApplyError as error:
                error.transactions, error.lsn = batch.transactions, batch.lsn
                raise

    def _apply(self, batch: Batch) -> None:
        try:
            self.session.begin()
            for step in batch.steps:
                if isinstance(step, Segment):
                    self._write(step)
                else:
                    self._truncate(step)
            self._tables += batch.tables()
            self._changes += batch.changes
            self._meant.update(_targets(batch))
            if batch.lsn:
                self.session.confirm(self._meant)
                self.session.advance(self.progress, batch.lsn)
        except psycopg.Error as error:
            raise self._refused(error) from error
        if batch.lsn:
            self._commit(batch.lsn)
            self._done(batch)

    def _write(self, segment: Segment) -> None:
        """Write a segment; a second time without UPDATEs if their order collides (hazard 21)."""
        if not segment.deltas:
            return
        connection, stages = self.session.connection, self.session.stages
        connection.execute("SAVEPOINT dms_pg_batch")
        stages.savepoint()
        try:
            self._writer.write(segment, self.progress, careful=False)
        except (UniqueViolation, ExclusionViolation):
            connection.execute("ROLLBACK TO SAVEPOINT dms_pg_batch")
            stages.rolled_back()
            self._writer.write(segment, self.progress, careful=True)
        connection.execute("RELEASE SAVEPOINT dms_pg_batch")

    def _truncate(self, step: Emptied) -> None:
        self._truncater.truncate(self.session.connection, step.routes)

    def _commit(self, lsn: int) -> None:
        """Commit; if the answer was lost, look whether it took effect (hazard 16)."""
        try:
            self.session.commit()
        except psycopg.Error as error:
            if error.sqlstate is not None and not is_retryable(error.sqlstate):
                raise self._refused(error) from error
            if self._look_again(error) != lsn:
                raise translate(error, "target", "committing changes") from error
        self.progress = lsn

    def _look_again(self, lost: psycopg.Error) -> int:
        """Where the target stands, asked in a new session once the lost one is surely over."""
        self.session.close()
        for attempt in range(_RECONNECTS):
            try:
                session = self._reopen()
            except ServerError:
                if attempt == _RECONNECTS - 1:
                    break
                time.sleep(_RECONNECT_PAUSE)
                continue
            self.session = session
            self._writer = Writer(session.connection, session.stages)
            return session.lock(lambda: False)
        raise translate(lost, "target", "committing changes") from lost

    def _done(self, batch: Batch) -> None:
        self.applied_changes += self._changes
        tables = _merged(self._tables)
        self._tables, self._changes, self._meant = [], 0, {}
        if batch.transactions:
            self._tell(
                Applied(
                    lsn=batch.lsn,
                    commit_time=batch.commit_time,
                    transactions=batch.transactions,
                    tables=tables,
                )
            )

    def _refused(self, error: psycopg.Error) -> DmsPgError:
        layout = self._writer.writing
        doing = f"applying changes to {layout.target}" if layout else "applying changes"
        failure = translate(error, "target", doing)
        if failure.retryable:
            return failure
        return ApplyError(
            failure.message,
            failure.action
            or "Make the target accept this row as the source did, then restart the task: it goes "
            "on where it stopped.",
            label=layout.label if layout else None,
            sqlstate=failure.sqlstate,
            refusal=_refusal(error, layout.route.source.oid if layout else 0),
        )


def _targets(batch: Batch) -> dict[int, Name]:
    """The target's tables it is meant for, by OID."""
    routes: list[Route] = []
    for step in batch.steps:
        if isinstance(step, Segment):
            routes += [layout.route for layout in step.deltas]
        else:
            routes += step.routes
    return {route.target.oid: route.target.name for route in routes}


def _refusal(error: psycopg.Error, relation: int) -> Refusal | None:
    """Class 23 is what constraints say no with."""
    if not (error.sqlstate or "").startswith("23"):
        return None
    told = error.diag
    return Refusal(
        sqlstate=error.sqlstate or "",
        relation=relation,
        schema=told.schema_name or "",
        table=told.table_name or "",
        column=told.column_name or "",
        constraint=told.constraint_name or "",
        domain=told.datatype_name or "",
    )


def _merged(tables: list[TableChanges]) -> tuple[TableChanges, ...]:
    """One entry a table, for a transaction that came in slices."""
    merged: dict[object, TableChanges] = {}
    for each in tables:
        had = merged.get(each.label)
        merged[each.label] = each if had is None else TableChanges(
            each.label,
            had.inserts + each.inserts,
            had.updates + each.updates,
            had.deletes + each.deletes,
            had.truncates + each.truncates,
        )  # fmt: skip
    return tuple(merged.values())
