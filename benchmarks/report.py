"""The table at the end, and the same as JSON and as an SVG chart."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.observe import Observation
from benchmarks.work import OURS, Outcome

RESULTS = Path(__file__).with_name("results")
_WIDTH, _BAR, _LABEL = 960, 18, 220
_COLOURS = {True: "#2f6fb3", False: "#b0b7bf"}


def table(outcomes: Sequence[Outcome], seen: Sequence[Observation], not_run: dict[str, str]) -> str:
    """What was measured, the figures, and what was not run, as text."""
    lines: list[str] = []
    for outcome in outcomes:
        lines += ["", f"{outcome.work.name}: {outcome.work.title}"]
        ours = outcome.median(OURS)
        for name, runs in outcome.runs.items():
            median = outcome.median(name) or 0.0
            best = min(run.seconds for run in runs)
            beside = f"{median / ours:6.2f} x ours" if ours else ""
            lines.append(f"  {name:30} median {median:8.2f} s  min {best:8.2f} s  {beside}")
        for name, reason in outcome.not_run.items():
            lines.append(f"  {name:30} not run: {reason}")
        for figure in outcome.work.figures:
            ratio = outcome.ratio(figure)
            said = "not measured" if ratio is None else f"{ratio:.2f}"
            mark = " " if ratio is None else ("+" if ratio >= figure.least else "-")
            lines.append(
                f"  {mark} {figure.faster} against {figure.slower}: {said}"
                f" (at least {figure.least:.2f})"
            )
    if seen:
        lines.append("")
    for one in seen:
        limit = "" if one.at_most is None else f" (at most {one.at_most:g})"
        mark = {None: " ", True: "+", False: "-"}[one.reached]
        lines.append(f"  {mark} {one.title}: {one.value:.2f} {one.unit}{limit}")
    if not_run:
        lines += ["", "Not run:"]
        lines += [f"  {name}: {reason}" for name, reason in not_run.items()]
    return "\n".join(lines)


class Results:
    """The files of one run, written anew after every work: what was measured is never lost."""

    def __init__(self, directory: Path, note: dict[str, Any]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
        self._note = {
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "cpus": os.cpu_count(),
            "processor": _processor(),
            "memoryGiB": round(
                os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), 1
            ),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "loadBefore": round(os.getloadavg()[0], 2),
            **note,
        }

    def write(
        self,
        outcomes: Sequence[Outcome],
        seen: Sequence[Observation],
        not_run: dict[str, str],
        **note: Any,
    ) -> None:
        self._note |= note
        document = {
            "machine": self._note,
            "notRun": not_run,
            "works": [_wire(one) for one in outcomes],
            "observations": [{**asdict(one), "reached": one.reached} for one in seen],
        }
        self.path.write_text(json.dumps(document, indent=2) + "\n")
        self.path.with_suffix(".svg").write_text(chart(outcomes, seen, self._note))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), "")


def _wire(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.work.name,
        "title": outcome.work.title,
        "runs": {
            name: [{"seconds": round(run.seconds, 3), **run.facts} for run in runs]
            for name, runs in outcome.runs.items()
        },
        "medians": {name: round(outcome.median(name) or 0.0, 3) for name in outcome.runs},
        "figures": [
            {
                "faster": figure.faster,
                "slower": figure.slower,
                "atLeast": figure.least,
                "ratio": None if (ratio := outcome.ratio(figure)) is None else round(ratio, 3),
            }
            for figure in outcome.work.figures
        ],
        "notRun": outcome.not_run,
    }


def chart(outcomes: Sequence[Outcome], seen: Sequence[Observation], note: dict[str, Any]) -> str:
    """Bars of the medians, each work on a scale of its own, and the figures beside them."""
    shapes: list[str] = []
    y = 20
    machine = f"{note['date']} · {note['cpus']} x {note['processor']} · load {note['loadBefore']}"
    shapes.append(_text(10, y, machine, "#666"))
    for outcome in outcomes:
        medians = {name: outcome.median(name) or 0.0 for name in outcome.runs}
        if not medians:
            continue
        y += 30
        runs = max(len(each) for each in outcome.runs.values())
        title = f"{outcome.work.title} (median of {runs})"
        shapes.append(_text(10, y - 8, title, "#000", ' font-weight="bold"'))
        longest = max(medians.values())
        for name, seconds in sorted(medians.items(), key=lambda item: item[1]):
            width = (_WIDTH - _LABEL - 260) * seconds / longest
            colour = _COLOURS[name.startswith(OURS)]
            size = f'width="{width:.1f}" height="{_BAR - 4}"'
            shapes += [
                _text(_LABEL - 8, y + 13, name, "#000", ' text-anchor="end"'),
                f'<rect x="{_LABEL}" y="{y}" {size} fill="{colour}"/>',
                _text(_LABEL + width + 6, y + 13, f"{seconds:.2f} s{_beside(outcome, name)}"),
            ]
            y += _BAR
    y += 20
    for one in seen:
        y += _BAR
        limit = "" if one.at_most is None else f" (at most {one.at_most:g})"
        colour = "#b00020" if one.reached is False else "#000"
        shapes.append(_text(10, y, f"{one.title}: {one.value:.2f} {one.unit}{limit}", colour))
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y + 20}"'
        f' font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%"'
        f' fill="#fff"/>\n{body}\n</svg>\n'
    )


def _beside(outcome: Outcome, slower: str) -> str:
    """The figure that speaks of this contender."""
    for figure in outcome.work.figures:
        ratio = outcome.ratio(figure)
        if figure.slower == slower and ratio is not None:
            return f" · {ratio:.2f} x {figure.faster}'s (wanted {figure.least:.2f})"
    return ""


def _text(x: float, y: float, text: str, colour: str = "#000", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y}" fill="{colour}"{more}>{escape(text)}</text>'
