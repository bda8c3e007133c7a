"""The report's drawings as inline SVG: the timeline, and curves over time. Pure.

Colours are CSS classes of the page, so that they follow its light and dark theme. Text sizes are
the page's own because the drawings are as wide as they are shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from azext_dms_pg.cli import words
from azext_dms_pg.cli.report.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from azext_dms_pg.cli.report.facts import Json

WIDTH = 960
_LEFT, _RIGHT = 64, 12
_ROW = 34
_CURVE_HEIGHT = 130
_MOST_POINTS = 400
# A cutover of a second in a migration of a week must still be seen.
_NARROWEST = 3.0
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
          172800, 604800)  # fmt: skip


@dataclass(frozen=True)
class Span:
    """The time a drawing covers, and where on it a moment lies."""

    start: datetime
    end: datetime
    left: float

    @property
    def seconds(self) -> float:
        return max((self.end - self.start).total_seconds(), 0.001)

    def x(self, moment: datetime) -> float:
        part = (moment - self.start).total_seconds() / self.seconds
        return self.left + part * (WIDTH - _RIGHT - self.left)


def timeline(databases: Sequence[Json]) -> str:
    """One bar a database, cut into its phases; empty when nothing is known of them."""
    phases = [phase for item in databases for phase in item["phases"]]
    if not phases:
        return ""
    longest = max(len(item["name"]) for item in databases)
    span = Span(
        min(_moment(phase["startedOn"]) for phase in phases),
        max(_moment(phase["endedOn"]) for phase in phases),
        min(max(8 + longest * 7.5, _LEFT), 260),
    )
    height = _ROW * len(databases)
    bars = []
    for number, item in enumerate(databases):
        top = number * _ROW + 6
        bars.append(
            f'<text class="axis" x="{span.left - 10:.1f}" y="{top + 15}" text-anchor="end">'
            f"{escape(_short(item['name'], 32))}</text>"
        )
        for phase in item["phases"]:
            x1, x2 = span.x(_moment(phase["startedOn"])), span.x(_moment(phase["endedOn"]))
            width = max(x2 - x1, _NARROWEST)
            x1 = min(x1, WIDTH - _RIGHT - width)
            name = phase["phase"].replace(" ", "-")
            bars.append(
                f'<rect class="phase {name}" x="{x1:.1f}" y="{top}" width="{width:.1f}"'
                f' height="22" rx="2"><title>{escape(phase["phase"])}: '
                f"{words.duration(phase['seconds'])}</title></rect>"
            )
    return _svg(height + 24, [*_time_axis(span, height), *bars], "Timeline of the migration")


def curve(points: Sequence[tuple[str, float]], *, unit: str, css: str, title: str) -> str:
    """An area over time; its highest point is labelled."""
    known = _thinned([(_moment(at), value) for at, value in points])
    if len(known) < 2:  # noqa: PLR2004 - a curve needs two points
        return ""
    span = Span(known[0][0], known[-1][0], _LEFT)
    top = _round_up(max(value for _, value in known))

    def y(value: float) -> float:
        return 12 + (1 - value / top) * (_CURVE_HEIGHT - 12)

    line = " ".join(f"{span.x(at):.1f},{y(value):.1f}" for at, value in known)
    area = f"{_LEFT},{_CURVE_HEIGHT} {line} {span.x(known[-1][0]):.1f},{_CURVE_HEIGHT}"
    peak_at, peak = max(known, key=lambda point: point[1])
    marks = [
        *_value_axis(top, y, unit),
        *_time_axis(span, _CURVE_HEIGHT),
        f'<polygon class="area {css}" points="{area}"/>',
        f'<polyline class="line {css}" points="{line}"/>',
    ]
    if peak > 0:
        anchor = "end" if span.x(peak_at) > WIDTH * 0.8 else "start"
        shift = -8 if anchor == "end" else 8
        x, height = span.x(peak_at), y(peak)
        where = f'x="{x + shift:.1f}" y="{max(height - 6, 11):.1f}" text-anchor="{anchor}"'
        marks += [
            f'<circle class="peak {css}" cx="{x:.1f}" cy="{height:.1f}" r="3"/>',
            f'<text class="label" {where}>{escape(_amount(peak, unit))}</text>',
        ]
    return _svg(_CURVE_HEIGHT + 24, marks, title)


def _svg(height: float, parts: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def _time_axis(span: Span, bottom: float) -> list[str]:
    step = next((step for step in _STEPS if span.seconds / step <= 8), _STEPS[-1])  # noqa: PLR2004
    first = math.ceil(span.start.timestamp() / step) * step
    form = "%H:%M:%S" if step < 60 else "%H:%M" if span.seconds < 86_400 else "%d %b %H:%M"  # noqa: PLR2004
    parts = []
    moment = datetime.fromtimestamp(first, timezone.utc)
    while moment <= span.end:
        x = span.x(moment)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{bottom}"/>')
        parts.append(
            f'<text class="axis" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">'
            f"{moment.strftime(form)}</text>"
        )
        moment += timedelta(seconds=step)
    return parts


def _value_axis(top: float, y: Callable[[float], float], unit: str) -> list[str]:
    parts = []
    for value in (0.0, top / 2, top):
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(value):.1f}"'
            f' y2="{y(value):.1f}"/>'
        )
        parts.append(
            f'<text class="axis" x="{_LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">'
            f"{escape(_amount(value, unit))}</text>"
        )
    return parts


def _thinned(points: list[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    """Few enough to draw; of neighbours the highest stays, because peaks are what is looked for."""
    size = math.ceil(len(points) / _MOST_POINTS)
    if size <= 1:
        return points
    return [
        max(points[start : start + size], key=lambda point: point[1])
        for start in range(0, len(points), size)
    ]


def _amount(value: float, unit: str) -> str:
    if unit == "s":
        return "0" if value == 0 else words.duration(value)
    return words.count(value)


def _round_up(value: float) -> float:
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
