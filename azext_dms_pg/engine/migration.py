"""The conductor: the one module that knows in which order a database is migrated.

Crash-only: ``run`` looks at what durably stands on the target and goes on from there, so a first
start, a restart after ``kill -9`` and a retry after a cut connection are the same code. Every
step may be run again. Only this module writes the journal.

    validate → prepare → load → follow → cut over → complete
"""

from __future__ import annotations

import logging
import random
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.engine.board import Board
from azext_dms_pg.engine.completing import Completing
from azext_dms_pg.engine.drift.looking import Looking
from azext_dms_pg.engine.drift.statements import drift, with_common
from azext_dms_pg.engine.ending import ends
from azext_dms_pg.engine.faults import GoOnError
from azext_dms_pg.engine.following import Following
from azext_dms_pg.engine.loading import Loading
from azext_dms_pg.engine.lookout import Lookout
from azext_dms_pg.engine.planning.claims import claim
from azext_dms_pg.engine.planning.memory import recall, remember
from azext_dms_pg.engine.planning.plan import make_plan
from azext_dms_pg.engine.planning.resuming import resume_plan
from azext_dms_pg.engine.preflight import preflight
from azext_dms_pg.engine.preflight.probe import probe
from azext_dms_pg.engine.schema_copy import copy_schema
from azext_dms_pg.engine.verify.comparison import lay_back
from azext_dms_pg.errors import (
    ConflictError,
    DmsPgError,
    Interrupted,
    MigrationError,
    ServerError,
    StateError,
)
from azext_dms_pg.model.states import MigrationState, Severity
from azext_dms_pg.postgres import checkpoint, replication, trust
from azext_dms_pg.postgres.catalog import surveys
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.sqlstate import translate

if TYPE_CHECKING:
    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.engine.requests import Requests
    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.model.finding import Finding
    from azext_dms_pg.postgres.checkpoint import Checkpoint
    from azext_dms_pg.state.progress import Journal

log = logging.getLogger("azext_dms_pg")

# Seconds between attempts after a connection was lost; doubles up to the last.
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 20.0
_RANDOM = random.Random()  # noqa: S311 - keeps twenty workers apart
# An attempt that worked for so many seconds was not in vain: waits start small again.
_LONG_ENOUGH = 60.0
# Attempts to reach a server before anything has been created there, and at what nobody expects.
_FEW_ATTEMPTS = 4
_DRIFT_POLL_SECONDS = 2.0
_UNDEFINED_TABLE = "42P01"
# Also "could not open relation with OID": a catalogue is read while a table of it is dropped.
_INTERNAL_ERROR = "XX000"

Session = psycopg.Connection[Any]


class Migration:
    """Drives one database from wherever it stands to its end."""

    def __init__(self, job: Job, journal: Journal, requests: Requests) -> None:
        self._job = job
        self._journal = journal
        self._requests = requests
        # Until something was made on a server, a failure is one of validation.
        self._begun = journal.has_passed(MigrationState.INITIALIZING)
        self._board: Board | None = None
        self._lookout: Lookout | None = None
        self._looking = Looking(job, journal)
        self._completing = Completing(job, journal, requests)

    def run(self) -> None:
        """Return when the database is complete, failed, cancelled, or a pause was asked for."""
        board = self._board = Board(self._journal)
        lookout = self._lookout = Lookout(self._job, self._journal, self._requests)
        try:
            self._requests.check()
            lay_back(self._requests)  # an earlier worker's, which nobody reads for any more
            self._persist()
        except Interrupted:
            if self._requests.wanted() == "cancel":
                lookout.tidy_up()
                ends.cancel(self._job, self._journal, self._requests)
            else:
                self._journal.activity("paused")
        except DmsPgError as error:
            log.error("%s: %s %s", error.code, error.message, error.action)  # noqa: TRY400 - no row data in logs
            ends.fail(self._job, self._journal, self._requests, error, begun=self._begun)
        finally:
            lookout.close()
            board.close()

    def _persist(self) -> None:
        """Advance; after a lost connection wait and advance again, for as long as it takes."""
        attempt = 0
        lookout = self._lookout
        assert lookout is not None  # noqa: S101 - set by run
        while True:
            began = time.monotonic()
            try:
                # What an earlier worker, or an earlier attempt, was ready for is to be seen again.
                self._journal.not_ready("looking at both servers again")
                self._advance()
            except (ServerError, StateError, MigrationError, psycopg.Error) as error:
                attempt = 1 if time.monotonic() - began > _LONG_ENOUGH else attempt + 1
                told = translate(error, "") if isinstance(error, psycopg.Error) else error
                failure = lookout.explain(told)
                if not _worth_another_try(failure, attempt):
                    raise failure from None
                # The lookout ends a wait for a lock because somebody wants us to stop.
                self._requests.check()
                if not self._begun and attempt >= _FEW_ATTEMPTS:
                    raise failure from None
                log.warning("%s", failure.message)
                # With a full disk this cannot be written either; `show` then says we are silent.
                with suppress(StateError):
                    self._journal.not_ready("the servers are tried again")
                    self._journal.problem(failure.message, failure.action)
                self._requests.sleep(_wait(attempt))
            except GoOnError as again:
                attempt = 0
                log.info("%s", again.message)
            else:
                return

    def _advance(self) -> None:
        with ExitStack() as stack:
            purpose = f"control {self._job.owner}"
            target = stack.enter_context(connect(self._job.target, "target", purpose))
            if not checkpoint.take_lock(target, self._job.id):
                raise ConflictError(
                    "Another worker drives this migration: it holds the lock on the target "
                    f"database {self._job.target.database!r}.",
                    "Let it go on, or end it; this worker has touched nothing.",
                    code="WorkerAlreadyRunning",
                )
            source = stack.enter_context(connect(self._job.source, "source"))
            self._journal.versions(_version(source), _version(target))
            # What others have a hand in is not ours before we have begun: preflight says so.
            doubtful = not self._begun and trust.doubts(target)
            found = None if doubtful else checkpoint.read(target, self._job.id)
            self._begun = self._begun or found is not None
            if found is None:
                if self._completing.is_over():
                    self._completing.say_so()
                    return
                self._check_new()
                plan = self._validate(source, target)
                if plan is None:
                    return
                found = self._begin(source, target, plan)
            if found.phase == checkpoint.COMPLETE:
                self._completing.tidy_up(source, target)
                return
            plan = self._replan(source, target, found)
            self._journal.problem("", "")
            assert self._board is not None  # noqa: S101 - set by run
            loading = Loading(self._job, self._journal, self._board, self._requests)
            if found.phase in (checkpoint.PREPARED, checkpoint.LOADING):
                loading.load(source, target, plan)
                raise GoOnError("the full load is done")
            loading.tell_loaded(target, plan)
            if found.phase == checkpoint.INDEXING:
                loading.index()
                raise GoOnError("the indexes are built")
            if found.phase == checkpoint.CUTOVER:
                self._completing.read_on(target, plan)
            rested = self._follow(source, target, plan)
            # Columns may have come meanwhile; what is compared now is compared whole.
            plan = self._replan(source, target, found)
            self._completing.finish(source, target, plan, rested=rested)

    def _check_new(self) -> None:
        """:raises MigrationError: what was made here has no record any more; nothing is guessed."""
        if self._journal.has_passed(MigrationState.RUNNING):
            raise MigrationError(
                "The target has no record of this migration any more: its row in dms_pg.migration "
                "is gone. It is so after a copy of this task has ended it from another machine, "
                "and when somebody drops the schema dms_pg.",
                "If it was cut over elsewhere, all is done: delete this task. If not, cancel it "
                "and begin anew with another one. The target's tables were not touched.",
                code="CheckpointMissing",
            )

    def _validate(self, source: Session, target: Session) -> Plan | None:
        """Check everything; None when this database or a sibling may not be migrated."""
        if not self._job.options.migrate_schema:
            return self._examine(source, target)
        self._journal.state(MigrationState.VALIDATING, "creating the schema on the target")
        # Checked together with the schema it would have, which goes again if that is not enough.
        job = self._job
        with target.transaction() as attempt:
            with TemporaryDirectory(prefix=f"{job.id}.", dir=job.slots.parent) as scratch:
                found = copy_schema(source, target, job.source, Path(scratch), self._requests.check)
            plan = self._examine(source, target, found)
            if plan is None:
                raise psycopg.Rollback(attempt)
        return plan

    def _examine(
        self, source: Session, target: Session, noticed: tuple[Finding, ...] = ()
    ) -> Plan | None:
        self._journal.state(MigrationState.VALIDATING, "checking source and target")
        both = surveys(source, target, contents=True)
        plan = make_plan(*both, self._job.database, self._job.settings)
        findings = noticed + probe(self._job, plan.plugin)
        findings += preflight(
            *both, self._job.database, self._job.settings, self._job.source_objects
        )
        self._journal.findings(findings)
        blockers = [item for item in findings if item.severity is Severity.BLOCKER]
        if blockers:
            self._journal.state(
                MigrationState.VALIDATION_FAILED, f"{len(blockers)} findings stand in the way"
            )
            return None
        if self._job.options.validate_only:
            self._journal.state(
                MigrationState.VALIDATION_COMPLETE, "nothing stands in the way; nothing was created"
            )
            return None
        self._journal.state(MigrationState.VALIDATION_COMPLETE, "waiting for the other databases")
        # All or nothing: a task with one impossible database creates nothing anywhere.
        undecided = {MigrationState.UNDEFINED, MigrationState.VALIDATING}
        while self._requests.siblings() & undecided:
            self._requests.sleep(0.2)
        if MigrationState.VALIDATION_FAILED in self._requests.siblings():
            self._journal.activity("not begun: another database of the task failed validation")
            return None
        return plan

    def _begin(self, source: Session, target: Session, plan: Plan) -> Checkpoint:
        """Install the bookkeeping on the target; from here on a cancel has something to undo."""
        self._journal.state(MigrationState.INITIALIZING, "preparing the target")
        # Now, not when it is done: other databases of the task begin at the same time.
        self._begun = True
        name = self._job.source_object
        # Differences the user went on with are not asked for again.
        accepted = tuple(item.statement for item in drift(source, target, plan))
        plan = with_common(source, target, plan)
        begun = checkpoint.Checkpoint(
            id=self._job.id,
            source_system=replication.system_identifier(source),
            slot=name,
            publication=name,
            phase=checkpoint.PREPARED,
            plan=remember(replace(plan, accepted=accepted)),
            consistent_lsn=None,
            progress_lsn=None,
        )
        with target.transaction():
            checkpoint.install(target)
            checkpoint.begin(target, begun)
            claim(target, self._job.id, self._job.source_objects, plan)
        return begun

    def _replan(self, source: Session, target: Session, found: Checkpoint) -> Plan:
        """The plan as it was begun, seen with today's catalogues."""
        identifier = replication.system_identifier(source)
        if found.source_system and identifier and identifier != found.source_system:
            raise MigrationError(
                f"The source at {self._job.source.address} is another server than the one this "
                f"migration began with (system identifier {identifier}, expected "
                f"{found.source_system}).",
                "Point the name back at the original source, or cancel the task and begin anew.",
                code="SourceChanged",
            )
        both = surveys(source, target)
        return resume_plan(*both, self._job.database, self._job.settings, recall(found.plan))

    def _follow(self, source: Session, target: Session, plan: Plan) -> bool:
        """Apply what was committed since the snapshot until the cutover's fence has passed.

        :returns: whether the source was at rest by then.
        """
        assert self._board is not None  # noqa: S101 - set by run
        self._journal.state(MigrationState.RUNNING, "applying the changes made meanwhile")
        self._journal.load_ended()
        following = Following(
            self._job, plan, self._journal, self._board, self._requests, self._looking
        )
        if not following.until_cutover(source, target):
            raise GoOnError("the target's tables were changed; looking at them again")
        checkpoint.set_phase(target, self._job.id, checkpoint.CUTOVER)
        return following.source_rested


def _worth_another_try(failure: DmsPgError, attempt: int) -> bool:
    if isinstance(failure, ServerError):
        passing = failure.sqlstate == _INTERNAL_ERROR and attempt < _FEW_ATTEMPTS
        return failure.retryable or passing
    # A lost snapshot cannot be had again, but the load can begin anew with another slot.
    # A table with another name on the source is waited for, as it is while changes are followed.
    return failure.code in {"StateDiskFull", "SnapshotLost", "TargetTableMissing"}


def _wait(attempt: int) -> float:
    longest: float = min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT)
    return longest * _RANDOM.uniform(0.7, 1.0)


def _version(session: Session) -> str:
    number = session.info.server_version
    return f"{number // 10000}.{number % 10000}"
