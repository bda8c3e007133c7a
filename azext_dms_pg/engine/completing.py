"""From the cutover's fence to COMPLETE, and back behind the fence if it has to be.

The conductor's helper for the last phase; like it, it may write the journal. Every step may have
been done by an earlier worker. Until the slot is dropped nothing that is committed on the source is
lost: whatever interrupts a cutover, it reads on (hazard 36).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.engine.cutover import commands, late
from azext_dms_pg.engine.cutover.finishing import finish
from azext_dms_pg.engine.deferral import defer_constraints
from azext_dms_pg.engine.faults import GoOnError
from azext_dms_pg.errors import MigrationError
from azext_dms_pg.model.states import MigrationState
from azext_dms_pg.postgres import checkpoint, publication, replication

if TYPE_CHECKING:
    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.engine.requests import Requests
    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.state.progress import Journal

# A source that is written to while the cutover ends is read on so many times.
_MOST_RETURNS = 3

Session = psycopg.Connection[Any]


class Completing:
    """Ends the migration of one database."""

    def __init__(self, job: Job, journal: Journal, requests: Requests) -> None:
        self._job = job
        self._journal = journal
        self._requests = requests
        self._returns = 0

    def is_over(self) -> bool:
        """Whether everything was done but for forgetting it on the target and saying so."""
        return commands.has_succeeded(self._requests)

    def read_on(self, target: Session, plan: Plan) -> None:
        """Go back behind the fence: what was committed since has to come, too."""
        self._journal.state(MigrationState.COMPLETING, "reading on before the cutover goes on")
        defer_constraints(target, plan, self._job.id)
        checkpoint.set_phase(target, self._job.id, checkpoint.LOADED)
        commands.reopen(self._requests)

    def finish(self, source: Session, target: Session, plan: Plan, *, rested: bool) -> None:
        """Make the target whole and be done.

        :param rested: the source was at rest around the fence. Who did not let it rest has been
            told of what is left behind.
        :raises GoOnError: something came late, and is to be read.
        :raises MigrationError: as of ``finishing.finish``.
        """
        self._journal.state(MigrationState.COMPLETING, "finishing the cutover")
        try:
            finish(self._job, plan, source, target, self._journal)
        except MigrationError:
            # What differs may be what came late.
            self._return_if_late(source, target, plan, rested=rested)
            raise
        changes = self._return_if_late(source, target, plan, rested=rested)
        if changes:
            late.tell(self._job, self._journal, changes)
        checkpoint.set_phase(target, self._job.id, checkpoint.COMPLETE)
        self.tidy_up(source, target)

    def tidy_up(self, source: Session, target: Session) -> None:
        """The target is whole; what is left is to take our own things away, and to say so."""
        self._journal.state(MigrationState.COMPLETING, "removing slot, publication and bookkeeping")
        replication.drop_slot(source, self._job.source_object)
        publication.drop(source, self._job.source_object)
        # Once the target has forgotten it, only this tells a worker that comes after us.
        commands.close(self._requests)
        checkpoint.forget(target, self._job.id)
        self.say_so()

    def say_so(self) -> None:
        self._journal.state(MigrationState.COMPLETE, "cut over: the target is the database now")

    def _return_if_late(self, source: Session, target: Session, plan: Plan, *, rested: bool) -> int:
        """Rows changed on the source behind the fence, when it was returned to often enough."""
        if not rested:
            return 0
        changes = late.late_changes(self._job, plan, source, target, self._journal)
        if changes and self._returns < _MOST_RETURNS:
            self._returns += 1
            raise GoOnError("the source was written to behind the fence; reading on")
        return changes
