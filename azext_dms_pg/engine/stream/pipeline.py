"""The connections and threads of one stream, from open to close.

    walsender ─ receiver thread: decode, collapse ─ handoff ─ applier thread: write, commit
                     │ acknowledges what is durable                │ progress_lsn with the data
                     └───────── next() of the caller ◀─────────────┘

Knows no fences and no conductor.
"""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from azext_dms_pg.engine.apply.applier import Applier
from azext_dms_pg.engine.apply.session import ApplySession
from azext_dms_pg.engine.apply.truncate import Truncater
from azext_dms_pg.engine.changes.handoff import Handoff
from azext_dms_pg.engine.changes.layouts import Layouts
from azext_dms_pg.engine.changes.present import Present
from azext_dms_pg.engine.stream.feeds import Feed, PgoutputFeed, TextFeed
from azext_dms_pg.engine.stream.opening import open_stream
from azext_dms_pg.engine.stream.receiver import Receiver
from azext_dms_pg.engine.values import Applied, Plan, Position
from azext_dms_pg.errors import Interrupted
from azext_dms_pg.model.connection import Connection
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.postgres.wal_end import WalEnd

if TYPE_CHECKING:
    from collections.abc import Callable

# What the caller has not yet taken; beyond this the applier waits.
_MOST_EVENTS = 1000
_PUT_PAUSE = 0.1
_CLOSE_PATIENCE = 5.0
_CANCEL_PATIENCE = 2.0
_MICROSECONDS = 1_000_000
# What the source said of its WAL longer ago may no longer be true.
_FRESH = 5.0


@dataclass(frozen=True)
class Course:
    """What is followed, and to where.

    :param until: position at which to stop; 0 to go on for ever.
    :param owner: as of a ``Job``.
    :param together: most transactions a batch may hold (0: any number), and up to which position.
    """

    plan: Plan
    source: Connection
    target: Connection
    migration_id: str
    slot: str
    publication: str
    settings: MigrationSettings
    until: int = 0
    owner: str = ""
    together: tuple[int, int] = (0, 0)


class Pipeline:
    """One run of receiver and applier.

    :raises ServerError: a server cannot be reached.
    :raises SlotLostError: the slot does not hold what is needed.
    """

    def __init__(self, course: Course, stopping: Callable[[], bool]) -> None:
        self._course = course
        self._stopping = stopping
        self._events: queue.Queue[Applied | BaseException] = queue.Queue(_MOST_EVENTS)
        self._handoff = Handoff()
        self._threads: list[threading.Thread] = []
        self._present = Present(course.source, course.target)
        session = self._open_session()
        try:
            progress = session.lock(stopping)
            truncater = Truncater(course.plan, course.source)
            self.applier = Applier(session, progress, truncater, self._open_session, self._tell)
            self.receiver = Receiver(
                self._handoff,
                progress,
                lambda: self.applier.progress,
                course.settings.batch_changes,
                course.settings.batch_milliseconds / 1000,
                course.until,
                course.together,
            )
            kind = PgoutputFeed if course.plan.plugin == "pgoutput" else TextFeed
            layouts = Layouts(course.plan, self._present)
            self.feed: Feed = kind(course.plan, layouts, self.receiver.assembler)
            self._stream = open_stream(
                course.source,
                self._present.session("source"),
                course.slot,
                progress,
                self.feed.options(course.publication),
                stopping,
            )
        except BaseException:
            session.close()
            self._present.close()
            raise

    def start(self) -> None:
        """Set the threads going."""
        self._spawn("dms-pg receive", self._receive)
        self._spawn("dms-pg apply", self._apply)

    def next(self, seconds: float) -> Applied | None:
        """The next event, None when none came in time.

        :raises BaseException: what ended one of the threads.
        """
        try:
            event = self._events.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            return None
        if isinstance(event, BaseException):
            raise event
        return event

    def position(self) -> Position:
        receiver, applier = self.receiver, self.applier
        received = receiver.assembler.received_changes
        fresh = receiver.unheard < _FRESH
        caught_up = receiver.behind_since is None and receiver.settled and fresh
        return Position(
            received_lsn=receiver.received_lsn,
            applied_lsn=applier.progress,
            server_lsn=max(receiver.server_lsn, receiver.received_lsn),
            pending_changes=max(0, received - applier.applied_changes),
            received_changes=received,
            caught_up=caught_up,
            lag=0.0 if caught_up else self._lag(),
        )

    def _lag(self) -> float:
        """Seconds since the oldest commit that is not on the target, at the most."""
        receiver = self.receiver
        now = time.time_ns() // 1000 - receiver.clock_offset
        oldest, newest = receiver.oldest_commit, receiver.assembler.newest_commit
        if oldest:
            return max(0.0, (now - oldest) / _MICROSECONDS)
        behind, unheard = receiver.behind_since, receiver.unheard
        lag = unheard if behind is None else max(unheard, time.monotonic() - behind)
        # All that came is on the target. What is on its way was committed after it.
        return min(lag, max(0.0, (now - newest) / _MICROSECONDS)) if newest else lag

    def close(self) -> None:
        """Stop both threads; a statement that runs on the target is cancelled."""
        self._handoff.close()
        with suppress(psycopg.Error):
            self.applier.session.connection.cancel_safe(timeout=_CANCEL_PATIENCE)
        for thread in self._threads:
            thread.join(_CLOSE_PATIENCE)
        self.applier.session.close()
        self._stream.close()
        self._present.close()

    def _open_session(self) -> ApplySession:
        course = self._course
        return ApplySession(course.target, course.plan, course.migration_id, course.owner)

    def _spawn(self, name: str, work: Callable[[], None]) -> None:
        # Daemons: a connection that never answers must not keep a finished worker alive.
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _receive(self) -> None:
        wal_end: WalEnd | None = None
        try:
            wal_end = WalEnd(self._course.source)
            self.receiver.run(self._stream, wal_end, self.feed)
        except BaseException as error:  # noqa: BLE001 - travels to the thread that asks
            self._handoff.fail(error)
        finally:
            if wal_end is not None:
                wal_end.close()

    def _apply(self) -> None:
        try:
            self.applier.run(self._handoff)
        except Interrupted:
            return
        except BaseException as error:  # noqa: BLE001 - travels to the thread that asks
            self._put(error)

    def _tell(self, applied: Applied) -> None:
        self._put(applied)

    def _put(self, event: Applied | BaseException) -> None:
        while not self._handoff.closed:
            with suppress(queue.Full):
                self._events.put(event, timeout=_PUT_PAUSE)
                return
