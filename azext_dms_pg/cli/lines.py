"""Progress as plain lines, for pipes, logs and terminals that cannot do more.

One line a database whenever something happens to it, and now and then while only numbers move.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from azext_dms_pg.cli import words
from azext_dms_pg.cli.visible import visible

if TYPE_CHECKING:
    from typing import TextIO

    from azext_dms_pg.cli.pace import Pace
    from azext_dms_pg.cli.view import DatabaseView, TaskView

# A line a second would bury what happened between them.
_QUIET_SECONDS = 5.0


class Lines:
    """Writes what is new about a task, a line at a time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._said: dict[str, tuple[str, ...]] = {}
        self._numbers: dict[str, str] = {}
        self._written: dict[str, float] = {}
        self._state = ""

    def show(self, view: TaskView, pace: Pace, step: str) -> None:
        if view.state != self._state:
            self._state = view.state
            self._line(f"task {view.name}: {view.state}")
        for database in view.databases:
            self._database(database, pace)
        known = {self._said.get("", ("",))[0], *(each.problem for each in view.databases)}
        if step not in known and (view.has_ended or view.is_ready):
            self._said[""] = (step,)
            self._line(step)

    def trouble(self, text: str) -> None:
        self._line(text)

    def close(self) -> None:
        """Nothing to put back."""

    def _database(self, database: DatabaseView, pace: Pace) -> None:
        happened = (database.state, database.activity, database.problem)
        numbers = progress(database, pace)
        news = happened != self._said.get(database.name)
        moved = numbers != self._numbers.get(database.name)
        waited = time.monotonic() - self._written.get(database.name, 0.0) >= _QUIET_SECONDS
        if not news and not (moved and waited):
            return
        self._said[database.name] = happened
        self._numbers[database.name] = numbers
        self._written[database.name] = time.monotonic()
        # What a dead worker stands for is said as its problem.
        spoken = database.activity and database.activity not in database.problem
        said = f"{database.activity}; {numbers}" if spoken else numbers
        self._line(f"{database.name}: {database.state}  {said}")
        if news and database.problem:
            self._line(f"{database.name}: {database.problem}")

    def _line(self, text: str) -> None:
        # Set in, a second line of a message cannot pass for one of ours.
        shown = visible(text, lines=True).replace("\n", "\n          ")
        self._stream.write(f"{time.strftime('%H:%M:%S')}  {shown}\n")
        self._stream.flush()


def progress(database: DatabaseView, pace: Pace) -> str:
    """The numbers of one database that matter in its present phase."""
    if database.ended is not None:
        return f"{words.count(database.rows)} rows, {words.count(database.applied)} changes"
    if not database.loaded and database.tables:
        done = sum(table.is_loaded for table in database.tables)
        parts = [
            f"{database.percent or 0:.0f} % loaded",
            f"{done} of {words.plural(len(database.tables), 'table')}",
            f"{words.count(database.rows)} rows",
        ]
        speed = pace.rows_per_second(database.name)
        if speed:
            parts.append(f"{words.count(speed)} rows/s")
        left = pace.seconds_left(database)
        if left is not None:
            parts.append(f"about {words.duration(left)} left")
        return ", ".join(parts)
    if not database.loaded:
        return "not loaded yet"
    return ", ".join(
        (
            f"lag {words.lag(database.lag)}",
            f"{words.count(pace.changes_per_second(database.name))} changes/s",
            f"{words.count(database.applied)} applied",
            f"{words.count(database.incoming)} waiting",
        )
    )
