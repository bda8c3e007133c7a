"""What the receiver hands to the applier: net effects of whole source transactions.

A batch is either a number of whole transactions, or a slice of one that is too large to be held
at once; slices are applied inside one target transaction that only the last one completes.
Within a batch, a TRUNCATE or a new layout of a table is a barrier: what comes after is collapsed
anew. Filled by one thread, then handed over and read by another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from azext_dms_pg.engine.changes.collapse import (
    InconsistentStreamError,
    KeyedDelta,
    Values,
    WholeDelta,
)
from azext_dms_pg.engine.changes.layout import Layout
from azext_dms_pg.engine.values import Route, TableChanges
from azext_dms_pg.postgres.relations import Name


class Operation(IntEnum):
    """What a row change does, and by which of its values the row is found."""

    INSERT = 0
    UPDATE = 1
    UPDATE_PARTLY = 2
    CHANGE_KEY = 3
    DELETE = 4


Change = tuple[Layout, Operation, "Values | None", bytes, bytes]
"""One row change, decoded and ready to be collapsed; a plain tuple because there are millions.

Its layout; what it does; the values after it where a row cannot hold them; the key of the row
before it (the whole row where there is no key); the complete row after it (for CHANGE_KEY the new
key).
"""


class Emptied(NamedTuple):
    """A TRUNCATE of planned tables."""

    routes: tuple[Route, ...]


# A Python object for every row costs about this much beside its bytes.
_WEIGHT_OF_A_CHANGE = 300
_INSERT, _UPDATE, _DELETE = Operation.INSERT, Operation.UPDATE, Operation.DELETE


def weight(size: int, changes: int) -> int:
    """Bytes of memory so many changes take that came in so many bytes, about."""
    return size + changes * _WEIGHT_OF_A_CHANGE


class Segment:
    """Net effects that may be carried out in any order of tables."""

    def __init__(self) -> None:
        self.deltas: dict[Layout, KeyedDelta | WholeDelta] = {}
        self._layouts: dict[int, Layout] = {}

    def fits(self, layout: Layout) -> bool:
        """Whether its table is not in here with another layout."""
        return self._layouts.get(layout.relation_key, layout) is layout

    def open(self, layout: Layout) -> KeyedDelta | WholeDelta:
        self._layouts[layout.relation_key] = layout
        delta = self.deltas[layout] = layout.delta()
        return delta


@dataclass
class Batch:
    """Changes on their way to the target.

    :param lsn: end of the last commit in it; 0 while its transaction is not complete.
    :param steps: in order: net effects of tables, or a TRUNCATE.
    :param size: bytes that came from the source for it, about.
    :param first_commit: commit time of the oldest transaction, microseconds since 1970; 0 unknown.
    """

    lsn: int = 0
    commit_time: int = 0
    first_commit: int = 0
    transactions: int = 0
    changes: int = 0
    size: int = 0
    steps: list[Segment | Emptied] = field(default_factory=list)

    @property
    def weight(self) -> int:
        """Bytes of memory it holds, about."""
        return weight(self.size, self.changes)

    def collapse(self, changes: Iterable[Change | Emptied]) -> None:
        """Take changes in, in their order.

        :raises MigrationError: a change contradicts what came before.
        """
        deltas = self._segment().deltas
        for change in changes:
            if isinstance(change, Emptied):
                self.steps.append(change)
                deltas = self._segment().deltas
                continue
            layout, operation, values, key, row = change
            delta = deltas.get(layout)
            if delta is None:
                segment = self._segment(layout)
                delta, deltas = segment.open(layout), segment.deltas
            try:
                if operation is _INSERT:
                    delta.insert(key, row)
                elif operation is _UPDATE:
                    delta.update(key, row)
                elif operation is _DELETE:
                    delta.delete(key)
                elif isinstance(delta, KeyedDelta):
                    if operation is Operation.CHANGE_KEY:
                        delta.change_key(key, row, values or [])
                    else:
                        delta.update_partly(key, values or [])
            except InconsistentStreamError as error:
                raise InconsistentStreamError(
                    f"Table {layout.label}: {error.message}", error.action
                ) from None

    def _segment(self, layout: Layout | None = None) -> Segment:
        last = self.steps[-1] if self.steps else None
        if isinstance(last, Segment) and (layout is None or last.fits(layout)):
            return last
        self.steps.append(Segment())
        return self._segment()

    def tables(self) -> tuple[TableChanges, ...]:
        """How many source changes it holds, by table."""
        counts: dict[Name, list[int]] = {}
        for step in self.steps:
            if isinstance(step, Emptied):
                for label in dict.fromkeys(route.label for route in step.routes):
                    counts.setdefault(label, [0, 0, 0, 0])[3] += 1
                continue
            for layout, delta in step.deltas.items():
                count = counts.setdefault(layout.label, [0, 0, 0, 0])
                count[0] += delta.inserts
                count[1] += delta.updates
                count[2] += delta.deletes
        return tuple(TableChanges(label, *count) for label, count in counts.items())
