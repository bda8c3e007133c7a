"""Gathers what the stages report from their threads and writes it to the journal in one rhythm.

Owns the estimated finish. Knows rows and seconds, nothing of PostgreSQL.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from azext_dms_pg.errors import StateError
from azext_dms_pg.model.states import TableState

if TYPE_CHECKING:
    from azext_dms_pg.engine.values import Applied, LoadProgress, Position
    from azext_dms_pg.postgres.relations import Name
    from azext_dms_pg.state.progress import Journal

log = logging.getLogger("azext_dms_pg")

_RHYTHM_SECONDS = 1.0
_SAMPLE_SECONDS = 5.0


class Board:
    """Collects progress from any thread; a thread of its own writes it once a second."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._loads: dict[Name, LoadProgress] = {}
        self._begun: dict[Name, tuple[float, str]] = {}
        self._changes: dict[Name, list[int]] = {}
        self._position: dict[str, Any] | None = None
        self._sampled = 0.0
        self._writing = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="board")
        self._thread.start()

    def load(self, progress: LoadProgress) -> None:
        """Note how far one table's load is; the newest word counts."""
        with self._lock:
            self._loads[progress.label] = progress
            self._begun.setdefault(progress.label, (time.monotonic(), _iso(0)))

    def forget_load(self) -> None:
        """The load begins anew: earlier starts and estimates mean nothing any more."""
        with self._lock:
            self._loads.clear()
            self._begun.clear()

    def applied(self, applied: Applied) -> None:
        with self._lock:
            for table in applied.tables:
                sums = self._changes.setdefault(table.label, [0, 0, 0])
                sums[0] += table.inserts
                sums[1] += table.updates
                sums[2] += table.deletes

    def position(self, position: Position, applied_lsn: str, source_lsn: str) -> None:
        with self._lock:
            self._position = {
                "applied_lsn": applied_lsn,
                "source_lsn": source_lsn,
                "incoming": position.pending_changes,
                "latency": position.lag,
            }

    def flush(self) -> None:
        """Write what has gathered; safe to call at any time.

        :raises StateError: the store cannot be written; what has gathered is kept for later.
        """
        with self._writing:
            with self._lock:
                loads, self._loads = self._loads, {}
                changes, self._changes = self._changes, {}
                position, self._position = self._position, None
                begun = dict(self._begun)
            try:
                self._write(loads, changes, position, begun)
            except StateError:
                with self._lock:
                    self._loads = {**loads, **self._loads}
                    for label, sums in changes.items():
                        newer = self._changes.get(label, [0, 0, 0])
                        self._changes[label] = [a + b for a, b in zip(sums, newer, strict=True)]
                    self._position = self._position or position
                raise

    def _write(
        self,
        loads: dict[Name, LoadProgress],
        changes: dict[Name, list[int]],
        position: dict[str, Any] | None,
        begun: dict[Name, tuple[float, str]],
    ) -> None:
        tables: dict[tuple[str, str], dict[str, Any]] = {}
        for label, progress in loads.items():
            tables[label.schema, label.name] = _columns(progress, begun[label])
        for label, (inserts, updates, deletes) in changes.items():
            row = tables.setdefault((label.schema, label.name), {})
            row.update({"inserts+": inserts, "updates+": updates, "deletes+": deletes})
        sums = [sum(column) for column in zip(*changes.values(), strict=True)]
        self._journal.progress(tables, sums, position)

    def close(self) -> None:
        """Write the rest and stop."""
        self._closed.set()
        self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._closed.wait(_RHYTHM_SECONDS):
            try:
                self.flush()
                self._journal.heartbeat()
                if time.monotonic() - self._sampled > _SAMPLE_SECONDS:
                    self._journal.sample()
                    self._sampled = time.monotonic()
            except StateError as error:
                # A full disk must not end a migration: `show` says that we are silent, and the
                # next beat tries again.
                log.warning("%s", error.message)


def _columns(progress: LoadProgress, begun: tuple[float, str]) -> dict[str, Any]:
    started, started_on = begun
    columns: dict[str, Any] = {
        "state": (TableState.COMPLETED if progress.done else TableState.FULL_LOAD).value,
        "rows": progress.rows,
        "bytes": progress.bytes,
        "fraction": 1.0 if progress.done else min(progress.fraction, 1.0),
        "started_on": started_on,
        "ended_on": _iso(0) if progress.done else None,
        "estimated_end": None,
    }
    if not progress.done and progress.fraction > 0:
        elapsed = time.monotonic() - started
        columns["estimated_end"] = _iso(elapsed / progress.fraction - elapsed)
    return columns


def _iso(seconds_from_now: float) -> str:
    moment = datetime.now(timezone.utc) + timedelta(seconds=seconds_from_now)
    return moment.isoformat(timespec="microseconds")
