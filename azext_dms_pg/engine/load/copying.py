"""The full load: every row the snapshot sees, several streams at a time.

    load(plan, handle, source, target, migration_id, settings, Budget(dir, 4), report, stopping)

Owns the order of work, retries and reports; ``parts`` cuts, ``lane`` copies, ``tally`` counts.
Must not know slots, streams or the store.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from azext_dms_pg.engine.load.budget import Budget
from azext_dms_pg.engine.load.lane import Ends, Lane
from azext_dms_pg.engine.load.measure import check_unchanged, measure, wal_position
from azext_dms_pg.engine.load.nudge import Nudge
from azext_dms_pg.engine.load.parts import Unit, cut
from azext_dms_pg.engine.load.tally import Flight, Tally
from azext_dms_pg.engine.values import LoadProgress, Plan, SnapshotHandle
from azext_dms_pg.errors import Interrupted, ServerError
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.liveness import STALLED
from azext_dms_pg.postgres.sieve import SpliceDoubtError
from azext_dms_pg.postgres.snapshot import open_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.model.settings import MigrationSettings
    from azext_dms_pg.postgres.relations import Name
    from azext_dms_pg.postgres.transfer import Moved

Report = Callable[[LoadProgress], None]
Stopping = Callable[[], bool]
Finished = Callable[["Name"], None]

_DISK_FULL = "53100"
# Failures in a row of one unit, and the pauses between: about two minutes, which outlasts the
# restart of a server.
_ATTEMPTS = 12
_NAMED = 5  # tables in an error
_LONGEST_PAUSE = 15.0
# Waiting for space is not counted: somebody has been told and may take an hour.
_DISK_PAUSE = 5.0
_REPORT_EVERY = 0.5
_LOOK_EVERY = 0.1
# After so many seconds a lane offers its slot to the other databases of the task.
_TURN = 30.0
# A lane that is stuck in connecting cannot be waited for; it ends by itself.
_FAREWELL = 3.0


def load(  # noqa: PLR0913, PLR0917 - the conductor hands over all it knows
    plan: Plan,
    snapshot: SnapshotHandle,
    source: Connection,
    target: Connection,
    migration_id: str,
    settings: MigrationSettings,
    copiers: Budget,
    report: Report,
    stopping: Stopping,
    finished: Finished = lambda _: None,
) -> dict[int, int]:
    """Copy all routes of the plan as of the snapshot. Their targets must be empty.

    Returned are source tables (OIDs) whose file was written anew meanwhile, each with the WAL's
    end thereafter. That is most likely a TRUNCATE, which even older snapshots see at once: the
    table was copied empty, and changes it had before that position speak of rows that are not
    there. The TRUNCATE itself is on its way in the stream.

    :param copiers: how many COPYs run at a time, over all processes of the task.
    :param report: called with every table's progress, at most about twice a second.
    :param stopping: asked about ten times a second; once it is true the load ends within a second
        and everything not yet committed is rolled back.
    :param finished: called, from any thread, with each target table once its rows are all there.
    :raises Interrupted: ``stopping()`` turned true.
    :raises MigrationError: code ``SnapshotLost`` when all must begin anew.
    :raises ServerError: a server refused for good.
    """
    ends = Ends(source, target, snapshot.snapshot, migration_id, plan.replica_role)
    with open_snapshot(source, snapshot.snapshot, "measure") as connection:
        measured = measure(connection, plan, large=settings.part_bytes)
    units = cut(
        plan,
        measured.sizes,
        part_bytes=settings.part_bytes,
        streams=settings.parallel_tables,
    )
    job = _Job(ends, units, settings, copiers, finished)
    with Nudge(target):
        job.run(report, stopping)
    by_block = {
        part.route.source.oid for unit in units for part in unit.parts if part.column == "ctid"
    }
    with connect(source, "source", "measure") as connection:
        anew = check_unchanged(connection, plan, measured.prints, by_block)
        return dict.fromkeys(anew, wal_position(connection))


class _Job:
    """The units still to do, the threads that do them, and the first thing that went wrong."""

    def __init__(
        self,
        ends: Ends,
        units: Sequence[Unit],
        settings: MigrationSettings,
        copiers: Budget,
        finished: Finished,
    ) -> None:
        self._ends = ends
        self._queue = deque(units)
        self._copiers = copiers
        self._tally = Tally(units)
        self._finished = finished
        # Parts each target table still waits for.
        self._left = Counter(part.route.target.name for unit in units for part in unit.parts)
        self._ending = threading.Event()
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._throttle = copiers.throttle(settings.max_rate, self._ending.is_set)
        count = min(settings.parallel_tables, len(units))
        self._threads = [
            threading.Thread(target=self._work, name=f"lane-{number}", daemon=True)
            for number in range(count)
        ]

    def run(self, report: Report, stopping: Stopping) -> None:
        """Work until all is done or something is wrong, and report meanwhile."""
        reported = 0.0
        for thread in self._threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in self._threads):
                self._threads_alive_pause()
                if stopping():
                    raise Interrupted("A stop was asked for during the full load.")
                if time.monotonic() - reported >= _REPORT_EVERY:
                    reported = time.monotonic()
                    for progress in self._tally.progress():
                        report(progress)
        finally:
            self._ending.set()
            until = time.monotonic() + _FAREWELL
            for thread in self._threads:
                thread.join(max(0.0, until - time.monotonic()))
        if self._error is not None:
            raise self._error
        for progress in self._tally.progress():
            report(progress)

    def _threads_alive_pause(self) -> None:
        """Wait for a lane to end, but not longer than it takes to notice a stop."""
        until = time.monotonic() + _LOOK_EVERY
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    # -- in the lanes' threads -------------------------------------------------------------

    def _work(self) -> None:
        try:
            while self._queue and not self._ending.is_set():
                with (
                    self._copiers.slot(self._ending.is_set),
                    Lane(self._ends, self._throttle, self._ending.is_set) as lane,
                ):
                    self._turn(lane)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            with self._lock:
                if self._error is None:
                    self._error = error
            self._ending.set()

    def _turn(self, lane: Lane) -> None:
        until = time.monotonic() + _TURN
        while time.monotonic() < until and not self._ending.is_set():
            try:
                unit = self._queue.popleft()
            except IndexError:
                return
            flight = self._tally.start(unit)
            self._tally.finish(flight, self._insist(lane, flight))
            for table in self._complete(unit):
                self._finished(table)

    def _complete(self, unit: Unit) -> list[Name]:
        """The tables for which this unit was the last."""
        with self._lock:
            self._left.subtract(part.route.target.name for part in unit.parts)
            names = {part.route.target.name for part in unit.parts}
            return [name for name in names if not self._left[name]]

    def _insist(self, lane: Lane, flight: Flight) -> Sequence[Moved]:
        """Copy a unit, again on new connections for as long as that may help."""
        failures = 0
        spliced = True
        while True:
            try:
                return lane.copy(flight, spliced=spliced)
            except SpliceDoubtError:
                lane.give_up()
                spliced = False
                flight.bytes = 0
            except ServerError as error:
                lane.give_up()
                flight.bytes = 0
                # Waiting for each other may be the splice's own doing.
                spliced = spliced and error.code != STALLED
                full = error.sqlstate == _DISK_FULL
                failures += not full
                if not error.retryable:
                    raise _of(flight.unit, error) from error
                if failures >= _ATTEMPTS:
                    raise
                self._tally.note(flight, f"{error.message} {error.action}".strip())
                pause = _DISK_PAUSE if full else min(_LONGEST_PAUSE, 0.25 * 2**failures)
                if self._ending.wait(pause):
                    raise Interrupted("A stop was asked for during the full load.") from error
                self._tally.note(flight, "")


def _of(unit: Unit, error: ServerError) -> ServerError:
    """The error with the tables that were being copied; small ones travel together."""
    names = list(dict.fromkeys(str(part.route.source.name) for part in unit.parts))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ServerError(
        f"{error.message} It was copying {', '.join(names[:_NAMED])}{more}.",
        error.action,
        side=error.side,
        sqlstate=error.sqlstate,
        retryable=error.retryable,
        code=error.code,
    )
