"""From the end of the load to the cutover's fence: turns stream events into state and answers.

The conductor's helper for its longest phase; like it, it may write the journal.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.engine.cutover.protecting import protect_source
from azext_dms_pg.engine.cutover.rest import Rest
from azext_dms_pg.engine.drift.proof import prove
from azext_dms_pg.engine.faults import BeyondMendingError, LineReachedError, TargetRenamedError
from azext_dms_pg.engine.mending import Mending, TargetBehindError
from azext_dms_pg.engine.stream import Course, Follower
from azext_dms_pg.engine.stream.fence import write_fence
from azext_dms_pg.engine.values import Applied, FencePassed, Position
from azext_dms_pg.engine.verify.comparison import Comparison
from azext_dms_pg.errors import MigrationError, ServerError
from azext_dms_pg.model.states import CommandState, MigrationState
from azext_dms_pg.postgres.checkpoint import format_lsn

if TYPE_CHECKING:
    from azext_dms_pg.engine.board import Board
    from azext_dms_pg.engine.drift.looking import Looking
    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.engine.requests import Requests
    from azext_dms_pg.engine.values import Fence, Plan
    from azext_dms_pg.state.progress import Journal
    from azext_dms_pg.state.records import CommandRecord

Session = psycopg.Connection[Any]

# In step: this near to the source, in the commit times and in the WAL.
_STEP_SECONDS = 2.0
_STEP_BYTES = 4 << 20
# READY_TO_COMPLETE is given back after so long out of step: it would no longer be true that a
# cutover takes moments.
_OUT_OF_STEP_SECONDS = 30.0
_REQUEST_POLL_SECONDS = 0.2
# What a stream answers when its publication is gone.
_UNDEFINED_OBJECT = "42704"


def _in_step(position: Position) -> bool:
    """Whether the target is a moment behind at most, also while the source is being written to.

    The lag alone compares two machines' clocks; the distance in the WAL does not lie.
    """
    distance = position.server_lsn - position.applied_lsn
    return position.caught_up or (
        0.0 < position.lag < _STEP_SECONDS and 0 <= distance < _STEP_BYTES
    )


class Following:
    """Follows the change stream of one database."""

    def __init__(
        self,
        job: Job,
        plan: Plan,
        journal: Journal,
        board: Board,
        requests: Requests,
        looking: Looking,
    ) -> None:
        self._job = job
        self._looking = looking
        self._plan = plan
        self._journal = journal
        self._board = board
        self._requests = requests
        self._state = MigrationState.RUNNING
        self._command: CommandRecord | None = None
        self._rest = Rest(journal, job.database.name)
        self._polled = 0.0
        self._in_step_at = 0.0
        self._began = time.monotonic()
        self._comparison = Comparison(job, plan, journal, requests)
        self._mending = Mending(plan, journal, board, requests, looking)

    @property
    def source_rested(self) -> bool:
        """Whether nobody wrote to the source around the cutover's fence."""
        return self._rest.quiet

    def until_cutover(self, source: Session, target: Session) -> bool:
        """Apply changes until a cutover was asked for and its fence has passed.

        False when the catalogues changed and the plan has to be made again.

        :raises SlotLostError: the slot is gone or invalidated; changes are missing for good.
        """
        try:
            self._open(source, target)
            while not self._follow(source, target):
                self._comparison.begin(self._catch_up)
            self._settle(source, target)
        except BeyondMendingError:
            raise
        except TargetRenamedError:
            return False
        except ServerError as error:
            if error.sqlstate == _UNDEFINED_OBJECT:
                self._looking.check_publication(source, target)
            raise
        except MigrationError as error:
            # Before the wait, which may be long: whoever asked for one is waiting, too.
            self._comparison.abandon()
            if not self._mending.wait(error, source, target):
                raise
            return False
        else:
            return True
        finally:
            self._comparison.abandon()
            self._board.flush()

    def _follow(self, source: Session, target: Session) -> bool:
        """Whether the cutover's fence has passed; else a comparison wants the stream to rest."""
        self._began = time.monotonic()
        follower = self._follower()
        try:
            return self._consume(follower, source, target)
        finally:
            follower.close()

    def _catch_up(self, until: int) -> None:
        """Apply what was committed on the source before that position, and nothing after it."""
        follower = self._follower(until)
        try:
            for event in follower.events():
                self._requests.check()
                if isinstance(event, Applied):
                    self._board.applied(event)
        except LineReachedError:
            return
        finally:
            follower.close()

    def _follower(self, until: int = 0) -> Follower:
        job = self._job
        course = Course(
            plan=self._plan,
            source=job.source,
            target=job.target,
            migration_id=job.id,
            slot=job.source_object,
            publication=job.source_object,
            settings=job.settings,
            until=until,
            owner=job.owner,
        )
        return Follower(course)

    def _consume(self, follower: Follower, source: Session, target: Session) -> bool:
        for event in follower.events():
            self._requests.check()
            if isinstance(event, Applied):
                self._board.applied(event)
                self._looking.went_on()
            elif isinstance(event, Position):
                self._note(event)
            elif isinstance(event, FencePassed) and self._rest.has_come(event):
                return True
            self._poll_cutover(follower, source)
            if self._command is None and self._comparison.is_wanted():
                return False
            if isinstance(event, FencePassed):
                self._raise_fence(follower, source)
            elif self._command is None and self._looking.is_due(self._plan):
                self._glance(source, target)
        raise MigrationError(
            "The change stream ended although nobody asked it to.",
            "Run az dms project task restart; nothing is lost.",
            code="StreamEnded",
        )

    def _note(self, position: Position) -> None:
        self._board.position(
            position, format_lsn(position.applied_lsn), format_lsn(position.server_lsn)
        )
        if self._state is MigrationState.COMPLETING:
            return
        # A stream that has just begun looks in step because nothing has arrived yet.
        warm = time.monotonic() - self._began > _STEP_SECONDS
        if position.caught_up or (warm and _in_step(position)):
            self._in_step_at = time.monotonic()
            if self._state is not MigrationState.READY_TO_COMPLETE:
                self._state = MigrationState.READY_TO_COMPLETE
                self._board.flush()
                self._journal.state(self._state, "in step with the source; ready for the cutover")
        elif (
            self._state is MigrationState.READY_TO_COMPLETE
            and time.monotonic() - self._in_step_at > _OUT_OF_STEP_SECONDS
        ):
            self._state = MigrationState.RUNNING
            self._journal.state(self._state, "catching up with the source again")

    def _poll_cutover(self, follower: Follower, source: Session) -> None:
        if self._command is not None or time.monotonic() - self._polled < _REQUEST_POLL_SECONDS:
            return
        self._polled = time.monotonic()
        command = self._requests.cutover()
        if command is None or not protect_source(
            command, self._job, source, self._journal, self._requests
        ):
            return
        self._command = command
        self._state = MigrationState.COMPLETING
        self._journal.state(self._state, "applying everything up to the fence")
        self._requests.set_cutover(command, CommandState.RUNNING)
        self._raise_fence(follower, source)

    def _raise_fence(self, follower: Follower, source: Session) -> None:
        self._rest.look(source)
        fence: Fence = write_fence(source)
        follower.watch(fence)

    def _open(self, source: Session, target: Session) -> None:
        if self._looking.open(source, target, self._plan):
            raise TargetBehindError

    def _glance(self, source: Session, target: Session) -> None:
        if self._looking.glance(source, target, self._plan):
            raise TargetBehindError

    def _settle(self, source: Session, target: Session) -> None:
        """Everything has arrived: what the stream does not tell of is looked at and proven.

        :raises MigrationError: the target lacks something, or its old rows are not the source's.
        """
        if self._looking.look(source, target, self._plan):
            raise TargetBehindError
        plan = self._looking.plan_now(source, target)
        doubtful = self._looking.doubtful(source, target, plan)
        if not doubtful:
            return
        self._journal.activity(f"comparing tables whose old rows may differ: {len(doubtful)}")
        unproven = prove(self._job, plan, doubtful, self._requests.stopping)
        if unproven:
            self._journal.event(
                "warning",
                "OldRowsNotProven",
                subject=self._job.database.name,
                message=f"Columns that have other types on the target than on the source could "
                f"not be compared; all others are the same: {unproven}.",
                action="Compare these columns by hand: the schema of their tables was changed "
                "during the migration.",
            )
