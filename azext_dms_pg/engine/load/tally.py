"""How far a load is, table by table: many threads add, one reads.

Owns the arithmetic of progress. Knows no connection.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from azext_dms_pg.engine.load.parts import Part, Unit
from azext_dms_pg.engine.values import LoadProgress
from azext_dms_pg.postgres.relations import Name
from azext_dms_pg.postgres.transfer import Moved

# A part under way is never shown as further than this; its size was only an estimate.
_ALMOST = 0.95


@dataclass
class _Table:
    weight: int = 0
    parts: int = 0
    rows: int = 0
    bytes: int = 0
    finished: int = 0
    # One that has not begun is not told about: it is still waiting.
    changed: bool = False


class Flight:
    """One unit on its way. Used by one thread; read by another, which may see it late."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.bytes = 0


class Tally:
    """Sums up parts by the table the user is told about."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._lock = threading.Lock()
        self._tables: dict[Name, _Table] = {}
        self._flights: set[Flight] = set()
        self._waiting: dict[Flight, str] = {}
        for part in (part for unit in units for part in unit.parts):
            table = self._tables.setdefault(part.route.label, _Table())
            table.weight += part.weight
            table.parts += 1

    def start(self, unit: Unit) -> Flight:
        flight = Flight(unit)
        with self._lock:
            self._flights.add(flight)
        return flight

    def note(self, flight: Flight, text: str) -> None:
        """Say what this unit waits for; an empty text when it goes on."""
        with self._lock:
            self._waiting.pop(flight, None)
            if text:
                self._waiting[flight] = text
            self._touch(flight)

    def finish(self, flight: Flight, moved: Iterable[Moved]) -> None:
        """Count a committed unit."""
        with self._lock:
            self._flights.discard(flight)
            self._waiting.pop(flight, None)
            for part, carried in zip(flight.unit.parts, moved, strict=True):
                table = self._tables[part.route.label]
                table.rows += carried.rows
                table.bytes += carried.bytes
                table.finished += part.weight
                table.parts -= 1
                table.changed = True

    def progress(self) -> list[LoadProgress]:
        """Every table that has moved on since the last call."""
        with self._lock:
            notes: dict[Name, str] = {}
            for flight, text in self._waiting.items():
                notes.update((part.route.label, text) for part in flight.unit.parts)
            under_way: dict[Name, tuple[int, int, int]] = {}
            for flight in self._flights:
                self._touch(flight)
                for part in flight.unit.parts:
                    rows, size, weight = under_way.get(part.route.label, (0, 0, 0))
                    share = flight.bytes * part.weight // max(1, flight.unit.weight)
                    done = min(share, int(part.weight * _ALMOST))
                    under_way[part.route.label] = (
                        rows + _rows(part, done),
                        size + share,
                        weight + done,
                    )
            found = []
            for label, table in self._tables.items():
                if table.changed:
                    table.changed = False
                    rows, size, weight = under_way.get(label, (0, 0, 0))
                    found.append(
                        LoadProgress(
                            label=label,
                            rows=table.rows + rows,
                            bytes=table.bytes + size,
                            fraction=(table.finished + weight) / max(1, table.weight),
                            done=table.parts == 0,
                            note=notes.get(label, ""),
                        )
                    )
            return found

    def _touch(self, flight: Flight) -> None:
        for part in flight.unit.parts:
            self._tables[part.route.label].changed = True


def _rows(part: Part, done: int) -> int:
    """Rows in ``done`` bytes of a part, by the planner's estimate of the table."""
    source = part.route.source
    if source.rows <= 0 or source.bytes <= 0:
        return 0
    return min(source.rows, done * source.rows // source.bytes)
