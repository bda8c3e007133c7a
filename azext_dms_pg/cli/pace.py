"""How fast a task moves: looks at it over time, kept per database, and the speeds between them.

Knows seconds and counters. Not the clock: whoever looks says when.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from azext_dms_pg.cli.view import moment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from azext_dms_pg.cli.view import DatabaseView, TaskView

_KEEP = 600
# A speed is the mean over this long: a single look would jump about.
_WINDOW_SECONDS = 10.0


@dataclass(frozen=True)
class Look:
    """What a database had reached at one moment: lag in seconds, totals since the beginning."""

    at: datetime
    lag: float
    applied: int
    rows: int


class Pace:
    """The looks taken at one task so far."""

    def __init__(self, samples: Iterable[dict[str, Any]] = ()) -> None:
        """:param samples: what ``Tasks.history`` remembers from before we looked."""
        self._looks: dict[str, deque[Look]] = defaultdict(lambda: deque(maxlen=_KEEP))
        for sample in samples:
            at = moment(sample.get("at"))
            if at is not None:
                self._looks[str(sample.get("databaseName"))].append(
                    Look(at, float(sample["latency"]), int(sample["applied"]), int(sample["rows"]))
                )

    def note(self, view: TaskView, at: datetime) -> None:
        for database in view.databases:
            looks = self._looks[database.name]
            if looks and looks[-1].at >= at:
                continue
            looks.append(Look(at, database.lag, database.applied, database.rows))

    def lags(self, database: str, count: int) -> list[float]:
        """The newest lags, oldest first, at most ``count``."""
        return [look.lag for look in self._tail(database, count)]

    def change_rates(self, database: str, count: int) -> list[float]:
        """Changes applied a second between the newest looks, oldest first."""
        return _rates(self._tail(database, count + 1))

    def changes_per_second(self, database: str) -> float:
        first, last = self._window(database)
        return _rate(last.applied - first.applied, first, last) if first and last else 0.0

    def rows_per_second(self, database: str) -> float:
        first, last = self._window(database)
        return _rate(last.rows - first.rows, first, last) if first and last else 0.0

    def seconds_left(self, database: DatabaseView) -> float | None:
        """Time until its load ends, by its own estimate; None when there is none."""
        looks = self._looks[database.name]
        if database.finish is None or database.loaded or not looks:
            return None
        return max((database.finish - looks[-1].at).total_seconds(), 0.0)

    def _tail(self, database: str, count: int) -> list[Look]:
        return list(self._looks[database])[-count:]

    def _window(self, database: str) -> tuple[Look, Look] | tuple[None, None]:
        looks = self._looks[database]
        if len(looks) < 2:  # noqa: PLR2004 - a speed needs two looks
            return None, None
        last = looks[-1]
        first = last
        for look in reversed(looks):
            first = look
            if (last.at - look.at).total_seconds() >= _WINDOW_SECONDS:
                break
        return first, last


def _rates(looks: list[Look]) -> list[float]:
    return [
        _rate(later.applied - earlier.applied, earlier, later) for earlier, later in pairwise(looks)
    ]


def _rate(amount: int, first: Look, last: Look) -> float:
    seconds = (last.at - first.at).total_seconds()
    # A load that begins anew, or another worker, counts from nothing again.
    return max(amount, 0) / seconds if seconds > 0 else 0.0
