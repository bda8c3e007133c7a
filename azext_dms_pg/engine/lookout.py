"""Says whose locks a migration waits for, while it waits, and ends the wait when asked to stop.

A thread beside the stages, which are deaf while a server keeps them waiting. One that waits for an
answer that will never come (a frozen server, a tunnel that lost its other half) is cut off, as if
the connection had been lost. Owns when to look and when to act; ``postgres/blocking.py`` and
``postgres/liveness.py`` know how to ask.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.errors import DmsPgError, ServerError, StateError
from azext_dms_pg.postgres.blocking import give_up, holders, in_words
from azext_dms_pg.postgres.connect import (
    busy_sessions,
    connect,
    driven_sessions,
    open_sessions,
)
from azext_dms_pg.postgres.liveness import at_most, cut_off, deaf, lost

if TYPE_CHECKING:
    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.engine.requests import Requests
    from azext_dms_pg.postgres.blocking import Holder
    from azext_dms_pg.postgres.connect import Side
    from azext_dms_pg.state.progress import Journal

_LOOK_EVERY = 1.0
# Looks without any suspicion after which a server is left alone again.
_QUIET_LOOKS = 30
_CLOSE_PATIENCE = 2.0
# After a lock was not to be had in time, what was seen so many seconds ago explains it.
_FRESH = 10.0
_LOCK_NOT_AVAILABLE = "55P03"
# What we ask is answered in moments, whatever the server is doing.
_ANSWER_SECONDS = 10.0
# A server that lets nobody in for so long, though nothing was refused, is given up; at once when
# the user wants us to stop.
_SILENT_SECONDS = 60.0
_SILENCE = ("", "")


class Lookout:
    """Asks a server that has kept a session busy for two looks; a wait seen twice is told."""

    def __init__(self, job: Job, journal: Journal, requests: Requests) -> None:
        self._reach = {"source": job.source, "target": job.target}
        self._journal = journal
        self._stopping = requests.stopping
        self._tidying = False
        self._sessions: dict[str, psycopg.Connection[Any]] = {}
        self._quiet = {"source": 0, "target": 0}
        self._busy: dict[str, frozenset[int]] = {"source": frozenset(), "target": frozenset()}
        self._before: dict[str, set[int]] = {"source": set(), "target": set()}
        self._deaf: dict[str, frozenset[tuple[int, str]]] = {}
        self._silent_since: dict[str, float] = {}
        self._cut: dict[str, tuple[float, str]] = {}
        self._told = self._last = _SILENCE
        self._last_at = 0.0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="lookout")
        self._thread.start()

    def close(self) -> None:
        """Stop looking; what was told last holds no longer."""
        self._closed.set()
        self._thread.join(_CLOSE_PATIENCE)
        with suppress(StateError):
            self._journal.solved(self._told[0])

    def tidy_up(self) -> None:
        """From here on waits are worth it, also while stopping."""
        self._tidying = True

    def explain(self, failure: DmsPgError) -> DmsPgError:
        """The same failure, with who held the lock, or why the connection was cut off."""
        if isinstance(failure, ServerError) and failure.sqlstate is None:
            at, why = self._cut.get(failure.side, (0.0, ""))
            if why and time.monotonic() - at < _FRESH:
                return lost("source" if failure.side == "source" else "target", why)
        if not isinstance(failure, ServerError) or failure.sqlstate != _LOCK_NOT_AVAILABLE:
            return failure
        fresh = time.monotonic() - self._last_at < _FRESH
        message, action = self._last if fresh else _SILENCE
        return ServerError(
            f"{failure.message}. {message}" if message else failure.message,
            action or failure.action,
            side=failure.side,
            sqlstate=failure.sqlstate,
            retryable=failure.retryable,
        )

    def _run(self) -> None:
        while not self._closed.wait(_LOOK_EVERY):
            # What cannot be asked or written now is a matter of the stages, which speak for
            # themselves.
            with suppress(StateError):
                self._tell(self._look("target") or self._look("source") or _SILENCE)
        for side in tuple(self._sessions):
            self._leave(side)

    def _tell(self, words: tuple[str, str]) -> None:
        if self._closed.is_set():
            return
        if words is not _SILENCE:
            self._last, self._last_at = words, time.monotonic()
            self._told = words
            # Again and again: a change of state takes a problem back.
            self._journal.problem(*words)
        elif self._told is not _SILENCE:
            self._journal.solved(self._told[0])
            self._told = _SILENCE

    def _look(self, side: Side) -> tuple[str, str] | None:
        if not self._suspects(side):
            return None
        try:
            session = self._session(side)
            with at_most(session, _ANSWER_SECONDS):
                found = holders(session, side)
                self._silent_since.pop(side, None)
                sessions = open_sessions(side)
                asked = (self._busy[side] - driven_sessions(side)) & sessions.keys()
                busy = {pid: sessions[pid] for pid in asked}
                self._end_deaf(side, deaf(session, busy))
            if self._stopping() and not self._tidying:
                for waiting in {holder.waiting for holder in found}:
                    give_up(waiting, side)
        except (DmsPgError, psycopg.Error) as error:
            found = ()
            self._leave(side)
            self._end_unreachable(side, error)
        lasting = self._lasting(side, found)
        return in_words(lasting, side) if lasting else None

    def _end_deaf(self, side: Side, found: frozenset[tuple[int, str]]) -> None:
        """Cut off those that were found twice: what we asked them, or what they said, is lost."""
        twice = found & self._deaf.get(side, frozenset())
        self._deaf[side] = found
        self._cut_off(side, {pid for pid, _ in twice}, "its session has nothing to do")

    def _end_unreachable(self, side: Side, error: DmsPgError | psycopg.Error) -> None:
        """Cut off everybody who waits for a server that has been silent for too long."""
        if isinstance(error, DmsPgError) and error.code != "ServerUnreachable":
            return
        since = self._silent_since.setdefault(side, time.monotonic())
        if self._stopping() or time.monotonic() - since > _SILENT_SECONDS:
            self._cut_off(side, self._busy[side] & busy_sessions(side), "it does not answer at all")

    def _cut_off(self, side: Side, pids: set[int] | frozenset[int], why: str) -> None:
        sessions = open_sessions(side)
        for pid in pids & sessions.keys() & busy_sessions(side):
            self._cut[side] = (time.monotonic(), why)
            cut_off(sessions[pid])

    def _suspects(self, side: Side) -> bool:
        """Whether a session has been busy since the last look; costs the server nothing."""
        before, self._busy[side] = self._busy[side], busy_sessions(side)
        if before & self._busy[side]:
            self._quiet[side] = 0
            return True
        self._before[side].clear()
        self._quiet[side] += 1
        if self._quiet[side] > _QUIET_LOOKS:
            self._leave(side)
        return False

    def _leave(self, side: str) -> None:
        session = self._sessions.pop(side, None)
        if session is not None:
            session.close()

    def _lasting(self, side: Side, found: tuple[Holder, ...]) -> tuple[Holder, ...]:
        """Those that were in the way the last time, too."""
        before, self._before[side] = self._before[side], {holder.pid for holder in found}
        return tuple(holder for holder in found if holder.pid in before)

    def _session(self, side: Side) -> psycopg.Connection[Any]:
        if side not in self._sessions:
            self._sessions[side] = connect(self._reach[side], side, "look")
        return self._sessions[side]
