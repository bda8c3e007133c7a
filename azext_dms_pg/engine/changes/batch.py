"""What the receiver hands to the applier: net effects of whole source transactions.

A batch is either a number of whole transactions, or a slice of one that is too large to be held
at once; slices are applied inside one target transaction that only the last one completes.
Within a batch, a TRUNCATE or a new layout of a table is a barrier: what comes after is collapsed
anew. Filled by one thread, then handed over and read by another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from azext_dms_pg.engine.changes.collapse import InconsistentStreamError, KeyedDelta, WholeDelta
from azext_dms_pg.engine.changes.layout import Effect, Layout, Operation
from azext_dms_pg.engine.values import Route, TableChanges
from azext_dms_pg.postgres.relations import Name


@dataclass(frozen=True, eq=False)
class Emptied:
    """A TRUNCATE of planned tables."""

    routes: tuple[Route, ...]


Change = tuple[Effect | Emptied, bytes, bytes]
"""One change, decoded and ready to be collapsed; a plain tuple because there are millions.

Its effect; the key of the row before it (the whole row where there is no key); the complete row
after it (for CHANGE_KEY the new key). Empty where there is none.
"""

Doing = Callable[[bytes, bytes], None]
"""Carries a change out on a net effect, given the two byte strings of the change."""

# A Python object for every row costs about this much beside its bytes.
_WEIGHT_OF_A_CHANGE = 300


def weight(size: int, changes: int) -> int:
    """Bytes of memory so many changes take that came in so many bytes, about."""
    return size + changes * _WEIGHT_OF_A_CHANGE


class Segment:
    """Net effects that may be carried out in any order of tables."""

    def __init__(self) -> None:
        self.deltas: dict[Layout, KeyedDelta | WholeDelta] = {}
        self.doing: dict[Effect | Emptied, Doing] = {}
        """What to do for effects that have come before and will come again."""
        self._layouts: dict[int, Layout] = {}

    def fits(self, layout: Layout) -> bool:
        """Whether its table is not in here with another layout."""
        return self._layouts.get(layout.relation_key, layout) is layout

    def does(self, effect: Effect) -> Doing:
        """What to do for an effect on a table that fits."""
        layout, values = effect.layout, effect.values
        delta = self.deltas.get(layout)
        if delta is None:
            self._layouts[layout.relation_key] = layout
            delta = self.deltas[layout] = layout.delta()
        if isinstance(delta, KeyedDelta) and values is not None:
            changes_key = effect.operation is Operation.CHANGE_KEY
            return partial(delta.change_key if changes_key else delta.update_partly, values=values)
        doing: Doing
        if effect.operation is Operation.INSERT:
            doing = delta.insert
        elif effect.operation is Operation.DELETE:
            doing = delta.delete
        else:
            doing = delta.update
        self.doing[effect] = doing
        return doing


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

    def collapse(self, changes: Iterable[Change]) -> None:
        """Take changes in, in their order.

        :raises MigrationError: a change contradicts what came before.
        """
        segment = self._segment()
        known = segment.doing.get
        effect: Effect | Emptied | None = None
        try:
            for effect, before, after in changes:
                doing = known(effect)
                if doing is None:
                    if isinstance(effect, Emptied):
                        self.steps.append(effect)
                        segment = self._segment()
                        known = segment.doing.get
                        continue
                    segment = self._segment(effect.layout)
                    known = segment.doing.get
                    doing = segment.does(effect)
                doing(before, after)
        except InconsistentStreamError as error:
            if not isinstance(effect, Effect):
                raise
            raise InconsistentStreamError(
                f"Table {effect.layout.label}: {error.message}", error.action
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
