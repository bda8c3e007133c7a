"""The process that keeps one task's workers going and says how the task as a whole ended.

Starts a worker for every database and starts it again when it dies. Touches no PostgreSQL server.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azext_dms_pg.engine.ending import leftover
from azext_dms_pg.engine.job import migration_id, source_object
from azext_dms_pg.errors import StateError
from azext_dms_pg.model.options import TaskOptions
from azext_dms_pg.model.states import CommandState, MigrationState, TaskState
from azext_dms_pg.state import mailbox, progress, resources, vault
from azext_dms_pg.state.locks import Lock, holder
from azext_dms_pg.state.log import SUPERVISOR
from azext_dms_pg.state.store import Store
from azext_dms_pg.worker import TRY_AGAIN
from azext_dms_pg.worker.log import write_to_file

if TYPE_CHECKING:
    from azext_dms_pg.state.paths import StateDir
    from azext_dms_pg.state.records import DatabaseRecord

log = logging.getLogger("azext_dms_pg")

_LOOP_SECONDS = 0.2
# Seconds before the first, second, … start again after a death; the last one repeats.
_BACKOFF = (0.5, 1.0, 2.0, 5.0, 15.0)
# A worker that dies this often without ever living for a minute will not get better.
_MAX_QUICK_DEATHS = 8
_LIVED_SECONDS = 60.0
# While somebody else still works on a database, it is looked after this often.
_HELD_SECONDS = 2.0
# Where a cancelled database may end.
_SETTLED = frozenset({MigrationState.COMPLETE, MigrationState.CANCELLED})


@dataclass
class _Child:
    """The worker process of one database, or the pause before its next start.

    :param cancels: it was started after a cancel was asked for.
    """

    ordinal: int
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    next_start: float = 0.0
    deaths: int = 0
    cancels: bool = False


def supervise(directory: StateDir, task: str, ready_descriptor: int | None) -> int:
    """Run the task until all its databases have ended or a pause was asked for."""
    store = Store(directory)
    with Lock(directory.run / f"{task}.lock"):
        # SIGTERM (a shutdown) pauses in order: children see their parent's pipe end.
        signal.signal(signal.SIGTERM, _stop)
        record = resources.get_task(store, task)
        cancelled = record.wanted == mailbox.CANCEL
        ended = resources.has_ended(store, record) and not (
            cancelled and record.state is TaskState.FAILED
        )
        write_to_file(directory, task, SUPERVISOR)
        log.info("supervisor of the task has started")
        if ended:
            # It ended between the question and our start: what has ended stays ended.
            log.info("the task had ended already")
        elif cancelled:
            progress.set_task_state(store, task, TaskState.CANCELING)
        else:
            progress.set_task_state(store, task, TaskState.RUNNING)
        for database in resources.databases(store, task):
            # Silence counts from here: what an earlier worker last said is long ago.
            if not (ended or database.state.is_final):
                progress.Journal(store, task, database.ordinal).heartbeat()
        if ready_descriptor is not None:
            os.write(ready_descriptor, b"+")
            os.close(ready_descriptor)
        return 0 if ended else _Supervisor(directory, store, task).run()


def _stop(_signal: int, _frame: object) -> None:
    raise SystemExit(0)


class _Supervisor:
    def __init__(self, directory: StateDir, store: Store, task: str) -> None:
        self._directory = directory
        self._store = store
        self._task = task
        # Never written to: its end tells the children that we are gone, however we went.
        self._parent_read, self._parent_write = os.pipe()
        options = resources.get_task(store, task).options
        self._only_validates = TaskOptions.of_json(options).validate_only
        self._cancelling = False
        self._home = directory.identity()

    def run(self) -> int:
        children: list[_Child] = []
        while True:
            if self._directory.identity() != self._home:
                # Nobody can reach us any more, and a worker started now would make a new directory.
                # The others pause as they do without us; whoever has the state goes on from it.
                log.warning("the state directory was moved away or deleted; nobody works on")
                return 0
            try:
                # Asked also when the last worker has ended: a cancel, or the end of a pause, that
                # came meanwhile finds nobody else who would see to it.
                children += self._unattended({child.ordinal for child in children})
                if not children and self._conclude():
                    return 0
                children = [child for child in children if self._tend(child)]
            except StateError as error:
                # A full disk: nobody is told anything for now, but the work goes on.
                log.warning("%s", error.message)
                time.sleep(1.0)
            time.sleep(_LOOP_SECONDS)

    def _is_cancelled(self) -> bool:
        return mailbox.wanted(self._store, self._task) == mailbox.CANCEL

    def _unattended(self, known: set[int]) -> list[_Child]:
        """Databases without a worker that have something to do."""
        wanted = mailbox.wanted(self._store, self._task)
        records: list[DatabaseRecord] = []
        if wanted == mailbox.RUN:
            self._reopen_failed(known)
            records = self._unfinished()
        elif wanted == mailbox.CANCEL and not self._cancelling:
            # Once: what a cancel could not clean up waits for the next one.
            self._cancelling = True
            # A database that failed earlier has things to clean up too.
            records = [
                record
                for record in resources.databases(self._store, self._task)
                if self._has_to_clean(record)
            ]
        return [_Child(record.ordinal) for record in records if record.ordinal not in known]

    def _reopen_failed(self, known: set[int]) -> None:
        """Take up again what the user has mended meanwhile."""
        for command in mailbox.open_restarts(self._store, self._task):
            # A worker that has failed and not ended yet may still write.
            if command.ordinal not in known:
                log.info("database %d is taken up again", command.ordinal)
                progress.reopen_database(self._store, self._task, command.ordinal)
                mailbox.set_command(self._store, command.id, CommandState.SUCCEEDED)

    def _has_to_clean(self, record: DatabaseRecord) -> bool:
        if record.state is MigrationState.CANCELLED:
            return record.ordinal in resources.left_behind(self._store, self._task)
        return record.state is not MigrationState.COMPLETE

    def _unfinished(self) -> list[DatabaseRecord]:
        """Databases that have not come to their end, whoever waits for whom."""
        records = resources.databases(self._store, self._task)
        # Validated is the end where nothing more was asked, or another database stands in the way.
        validated = self._only_validates or any(
            record.state is MigrationState.VALIDATION_FAILED for record in records
        )
        return [
            record
            for record in records
            if not (record.state.is_at_rest if validated else record.state.is_final)
        ]

    def _tend(self, child: _Child) -> bool:
        """Start, watch or restart one worker; False once it needs no more tending."""
        if child.process is None:
            if time.monotonic() < child.next_start:
                return True
            if mailbox.wanted(self._store, self._task) == mailbox.PAUSE:
                return False
            self._start(child)
            return True
        code = child.process.poll()
        if code is None:
            return True
        if code == 0:
            return self._begin_cancel(child)
        return self._wait_for_holder(child) if code == TRY_AGAIN else self._bury(child, code)

    def _begin_cancel(self, child: _Child) -> bool:
        """Whether a cancel came while this worker was ending for another reason."""
        if child.cancels or not self._is_cancelled():
            return False
        records = resources.databases(self._store, self._task)
        if not self._has_to_clean(records[child.ordinal]):
            return False
        child.process = None
        return True

    def _start(self, child: _Child) -> None:
        child.cancels = self._is_cancelled()
        child.process = subprocess.Popen(  # noqa: S603 - our own module
            [
                sys.executable,
                "-m",
                "azext_dms_pg.worker",
                self._task,
                "--state-dir",
                str(self._directory.root),
                "--database",
                str(child.ordinal),
                "--parent-fd",
                str(self._parent_read),
            ],
            stdin=subprocess.DEVNULL,
            pass_fds=(self._parent_read,),
            cwd="/",
        )
        child.started = time.monotonic()

    def _wait_for_holder(self, child: _Child) -> bool:
        """Not a death: a worker of an earlier supervisor still holds the database's lock."""
        child.process = None
        child.next_start = time.monotonic() + _HELD_SECONDS
        pid = holder(self._directory.run / f"{self._task}.{child.ordinal}.lock")
        if pid is not None:
            journal = self._journal(child.ordinal)
            # Suspended, it says nothing, and what it last said need not hold any more.
            journal.not_ready("waiting for an earlier worker to end")
            journal.problem(
                f"Process {pid} of this machine, a worker of this database that lost its "
                "supervisor, has not ended yet.",
                f"It ends by itself once it notices; kill -9 {pid} loses nothing.",
            )
        return True

    def _bury(self, child: _Child, code: int) -> bool:
        lived = time.monotonic() - child.started
        child.deaths = 0 if lived > _LIVED_SECONDS else child.deaths + 1
        child.process = None
        child.next_start = time.monotonic() + _BACKOFF[min(child.deaths, len(_BACKOFF) - 1)]
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        log.warning("worker of database %d ended with %s; starting it again", child.ordinal, how)
        if child.deaths <= _MAX_QUICK_DEATHS:
            return True
        journal = self._journal(child.ordinal)
        journal.event(
            "error",
            "WorkerKeepsDying",
            message=f"The worker of this database ended {child.deaths} times in a row ({how}).",
            action="Read az dms project task log, then run az dms project task "
            f"{'cancel again' if child.cancels else 'restart'}.",
        )
        if child.cancels:
            self._tell_leftovers(child.ordinal, journal)
        journal.state(MigrationState.FAILED, "its worker keeps dying")
        return False

    def _journal(self, ordinal: int) -> progress.Journal:
        """For our own words: they are no sign of life of the worker."""
        return progress.Journal(self._store, self._task, ordinal, beats=False)

    def _tell_leftovers(self, ordinal: int, journal: progress.Journal) -> None:
        """What is still on the servers because no worker could take it away."""
        if ordinal not in resources.begun(self._store, self._task):
            return
        record = resources.databases(self._store, self._task)[ordinal]
        name = source_object(migration_id(self._task, ordinal))
        message = "Nothing was cleaned up, because no worker could do it."
        for each in (
            leftover.on_source(record.name, name, message),
            leftover.on_target(record.target_name, message),
        ):
            journal.event(
                "error", "LeftBehind", subject=each.side, message=each.message, action=each.action
            )

    def _conclude(self) -> bool:
        """Say how it ended; False when there is something to do again."""
        states = {record.state for record in resources.databases(self._store, self._task)}
        wanted = mailbox.wanted(self._store, self._task)
        if states == {MigrationState.COMPLETE}:
            # A cancel that came too late has cancelled nothing.
            final = TaskState.SUCCEEDED
        elif wanted == mailbox.CANCEL:
            # Said only of what was cleaned up; a cancel may be asked for again.
            final = TaskState.CANCELED if states <= _SETTLED else TaskState.FAILED
        elif self._unfinished():
            # Paused: `az dms start` goes on, also where another database has failed.
            return progress.conclude(self._store, self._task, TaskState.QUEUED, wanted)
        elif states == {MigrationState.VALIDATION_COMPLETE}:
            final = TaskState.SUCCEEDED
        elif MigrationState.VALIDATION_FAILED in states and not resources.begun(
            self._store, self._task
        ):
            final = TaskState.FAILED_INPUT_VALIDATION
        else:
            final = TaskState.FAILED
        # Whoever cancels again, to have the rest removed, needs the passwords for it.
        if final is TaskState.SUCCEEDED or (
            final is TaskState.CANCELED and not resources.left_behind(self._store, self._task)
        ):
            vault.drop(self._directory, self._task)
        if not progress.conclude(self._store, self._task, final, wanted):
            return False
        log.info("the task has ended: %s", final.value)
        return True
