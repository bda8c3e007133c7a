"""The live screen of ``watch``: bars for the load, curves of lag and changes, what to do next.

The one module that imports rich, and only ever imported on a terminal. What servers and users
named reaches rich through ``_text`` alone: neither the terminal nor rich's markup obeys it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from azext_dms_pg.cli import words
from azext_dms_pg.cli.visible import visible
from azext_dms_pg.model.states import MigrationState, TaskState

if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import RenderableType

    from azext_dms_pg.backends.base import Json
    from azext_dms_pg.cli.pace import Pace
    from azext_dms_pg.cli.view import DatabaseView, TableView, TaskView

_STYLES = {
    MigrationState.READY_TO_COMPLETE.value: "bold green",
    MigrationState.COMPLETE.value: "bold green",
    MigrationState.FAILED.value: "bold red",
    MigrationState.VALIDATION_FAILED.value: "bold red",
    MigrationState.CANCELLED.value: "yellow",
    TaskState.SUCCEEDED.value: "bold green",
    TaskState.FAULTED.value: "bold red",
    TaskState.FAILED_INPUT_VALIDATION.value: "bold red",
}
_SEVERITIES = {"blocker": "bold red", "error": "bold red", "warning": "yellow"}
# Lines a screen has beside the tables of its databases: frame, next step, spare ones.
_FRAME_LINES = 8
_LINES_A_DATABASE = 5
_FINDINGS_SHOWN = 4
_CURVE = 40


class Live:
    """Draws the newest view in place; what it drew last stays on the terminal."""

    def __init__(self, stream: TextIO, *, console: Console | None = None) -> None:
        self._console = console or Console(file=stream, highlight=False)
        self._trouble = ""
        self._drawn: tuple[TaskView, Pace, str] | None = None
        self._live = RichLive(
            console=self._console, auto_refresh=False, vertical_overflow="crop", transient=False
        )
        self._live.start()

    def show(self, view: TaskView, pace: Pace, step: str) -> None:
        self._trouble = ""
        self._drawn = (view, pace, step)
        self._live.update(self._frame(view, pace, step), refresh=True)

    def trouble(self, text: str) -> None:
        self._trouble = text
        if self._drawn is not None:
            self._live.update(self._frame(*self._drawn), refresh=True)

    def close(self) -> None:
        if self._drawn is None or not self._live.is_started:
            self._live.stop()
            return
        view, pace, step = self._drawn
        self._live.update(self._frame(view, pace, ""), refresh=True)
        self._live.stop()
        # In one line however long it is: it may hold a command to copy.
        self._console.print(_next(step), soft_wrap=True)

    def _frame(self, view: TaskView, pace: Pace, step: str) -> RenderableType:
        room = max(self._console.height, 12) - _FRAME_LINES
        each = room // max(len(view.databases), 1) - _LINES_A_DATABASE
        parts: list[RenderableType] = []
        if each < 0:
            parts.append(_compact(view.databases, pace))
        else:
            for database in view.databases:
                parts += _database(database, pace, each)
            # The blank line between two is not wanted after the last.
            del parts[-1:]
        if self._trouble:
            parts.append(_text(self._trouble, "yellow", lines=True))
        title = Text.assemble(
            _text(f" {view.name} ", "bold"),
            _text(f"{view.state} ", _STYLES.get(view.state, "cyan")),
        )
        panel = Panel(
            Group(*parts),
            title=title,
            title_align="left",
            subtitle=_subtitle(view),
            subtitle_align="right",
            border_style="dim",
        )
        return Group(panel, _next(step)) if step else panel


def _text(text: str, style: str = "", *, lines: bool = False) -> Text:
    return Text(visible(text, lines=lines), style=style)


def _cell(name: str) -> Text:
    """A name that is cut where its column ends."""
    text = _text(name)
    text.overflow, text.no_wrap = "ellipsis", True
    return text


def _next(step: str) -> Text:
    return Text.assemble(("Next  ", "bold cyan"), _text(step, lines=True))


def _subtitle(view: TaskView) -> Text:
    # What must be known comes first: a narrow terminal cuts the end.
    parts = [] if view.has_ended else ["Ctrl-C leaves the migration running"]
    if view.source and view.target:
        parts.append(f"{view.source} → {view.target}")
    return _text(f" {' · '.join(parts)} ", style="dim")


def _compact(databases: tuple[DatabaseView, ...], pace: Pace) -> RenderableType:
    """One line a database, where there are too many for more."""
    grid = Table.grid(padding=(0, 2))
    for _ in range(3):
        grid.add_column(no_wrap=True, overflow="ellipsis")
    for database in databases:
        shown: RenderableType = _text(database.activity, style="dim")
        if database.problem:
            shown = _text(f"! {database.problem}", style="yellow", lines=True)
        elif database.loaded:
            shown = _text(
                f"lag {words.lag(database.lag)}, "
                f"{words.count(pace.changes_per_second(database.name))} changes/s, "
                f"{words.count(database.applied)} applied"
            )
        elif database.tables:
            shown = _bar(database.percent or 0.0, f"{database.percent or 0:.0f} %", 24)
        grid.add_row(
            _text(database.name, style="bold"),
            _text(database.state, style=_STYLES.get(database.state, "cyan")),
            shown,
        )
    return grid


def _database(database: DatabaseView, pace: Pace, room: int) -> list[RenderableType]:
    name = database.name
    if database.target and database.target != database.name:
        name = f"{database.name} → {database.target}"
    head = Text.assemble(
        _text(name, "bold"), "  ", _text(database.state, _STYLES.get(database.state, "cyan"))
    )
    if database.activity:
        head.append(_text(f"  {database.activity}", "dim"))
    parts: list[RenderableType] = [head]
    if database.tables and not database.loaded:
        parts.append(_load(database, pace))
        parts.append(_loading_tables(database, room))
    elif database.loaded:
        parts.append(_stream(database, pace))
        parts.append(_changed_tables(database, room))
    if database.problem:
        parts.append(_text(f"! {database.problem}", style="bold yellow", lines=True))
    parts += [_finding(item) for item in _worst(database.findings)]
    parts.append(_text(""))
    return parts


def _load(database: DatabaseView, pace: Pace) -> RenderableType:
    done = sum(table.is_loaded for table in database.tables)
    facts = [
        f"{database.percent or 0:5.1f} %",
        f"{done}/{len(database.tables)} tables",
        f"{words.count(database.rows)} rows",
        f"{words.count(pace.rows_per_second(database.name))} rows/s",
    ]
    left = pace.seconds_left(database)
    if left is not None:
        facts.append(f"about {words.duration(left)} left")
    return _bar(database.percent or 0.0, "  ".join(facts), 24)


def _loading_tables(database: DatabaseView, room: int) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    for _ in range(2):
        grid.add_column()
    for align in ("right", "right", "right"):
        grid.add_column(justify=align)
    loading = sorted(
        (table for table in database.tables if table.is_loading),
        key=lambda table: table.percent or 0,
    )
    queued = [t for t in database.tables if not t.is_loading and not t.is_loaded]
    for table in loading[:room]:
        grid.add_row(
            _cell(table.name),
            ProgressBar(total=100, completed=table.percent or 0, width=24),
            f"{table.percent or 0:.0f} %",
            f"{words.count(table.rows)} rows",
            words.size(table.bytes),
        )
    rest = []
    if len(loading) > room:
        rest.append(f"{len(loading) - room} more being copied")
    if queued:
        rest.append(f"{words.plural(len(queued), 'table')} waiting")
    if rest:
        grid.add_row(_text(", ".join(rest), style="dim"))
    return Padding(grid, (0, 0, 0, 2))


def _stream(database: DatabaseView, pace: Pace) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(width=_CURVE)
    grid.add_column()
    grid.add_row(
        "lag",
        _text(words.sparkline(pace.lags(database.name, _CURVE), _CURVE), style="magenta"),
        f"{words.lag(database.lag)}  ({words.count(database.incoming)} changes waiting)",
    )
    grid.add_row(
        "changes",
        _text(words.sparkline(pace.change_rates(database.name, _CURVE), _CURVE), style="cyan"),
        f"{words.count(pace.changes_per_second(database.name))}/s  "
        f"({words.count(database.applied)} applied)",
    )
    return Padding(grid, (0, 0, 0, 2))


def _changed_tables(database: DatabaseView, room: int) -> RenderableType:
    busiest = sorted(database.tables, key=_changes, reverse=True)
    busiest = [table for table in busiest if _changes(table)][: max(room - 1, 0)]
    if not busiest:
        return Padding(
            _text(f"{words.plural(len(database.tables), 'table')} loaded", style="dim"),
            (0, 0, 0, 2),
        )
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    for _ in range(3):
        grid.add_column(justify="right")
    grid.add_row(*(_text(word, style="dim") for word in ("table", "inserts", "updates", "deletes")))
    for table in busiest:
        grid.add_row(
            _cell(table.name),
            *(words.count(number) for number in (table.inserts, table.updates, table.deletes)),
        )
    return Padding(grid, (0, 0, 0, 2))


def _changes(table: TableView) -> int:
    return table.inserts + table.updates + table.deletes


def _bar(percent: float, facts: str, width: int) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_row(ProgressBar(total=100, completed=percent, width=width), _text(facts))
    return Padding(grid, (0, 0, 0, 2))


def _worst(findings: tuple[Json, ...]) -> list[Json]:
    grave = [item for item in findings if item.get("severity") in _SEVERITIES]
    order = list(_SEVERITIES)
    return sorted(grave, key=lambda item: order.index(str(item["severity"])))[:_FINDINGS_SHOWN]


def _finding(item: Json) -> Text:
    severity = str(item.get("severity"))
    text = f"{item.get('subject') or ''}: {item.get('message') or ''}".lstrip(": ")
    text = text.replace("\n", " ")
    return Text.assemble(
        (f"  {severity}  ", _SEVERITIES[severity]), _text(text), overflow="ellipsis", no_wrap=True
    )
