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
_WIDTH, _BAR, _LABEL = 900, 18, 260
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
        lines.append(f"  {one.verdict} {one.title}: {one.value:.2f} {one.unit}{limit}")
    if not_run:
        lines += ["", "Not run:"]
        lines += [f"  {name}: {reason}" for name, reason in not_run.items()]
    return "\n".join(lines)


def write(
    outcomes: Sequence[Outcome],
    seen: Sequence[Observation],
    not_run: dict[str, str],
    note: dict[str, Any],
) -> Path:
    """Write JSON and SVG; returns the path of the JSON."""
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / time.strftime("%Y%m%d-%H%M%S")
    machine = {
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        **note,
    }
    document = {
        "machine": machine,
        "notRun": not_run,
        "works": [_wire(one) for one in outcomes],
        "observations": [asdict(one) for one in seen],
    }
    path = stem.with_suffix(".json")
    path.write_text(json.dumps(document, indent=2) + "\n")
    stem.with_suffix(".svg").write_text(chart(outcomes))
    return path


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


def chart(outcomes: Sequence[Outcome]) -> str:
    """Bars of the medians, each work on a scale of its own."""
    shapes: list[str] = []
    y = 10
    for outcome in outcomes:
        medians = {name: outcome.median(name) or 0.0 for name in outcome.runs}
        if not medians:
            continue
        y += 24
        title = escape(outcome.work.title)
        shapes.append(f'<text x="10" y="{y - 8}" font-weight="bold">{title}</text>')
        longest = max(medians.values())
        for name, seconds in sorted(medians.items(), key=lambda item: item[1]):
            width = (_WIDTH - _LABEL - 90) * seconds / longest
            colour = _COLOURS[name.startswith(OURS)]
            size = f'width="{width:.1f}" height="{_BAR - 4}"'
            shapes += [
                f'<text x="{_LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>',
                f'<rect x="{_LABEL}" y="{y}" {size} fill="{colour}"/>',
                f'<text x="{_LABEL + width + 6:.1f}" y="{y + 13}">{seconds:.2f} s</text>',
            ]
            y += _BAR
        y += 10
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y + 10}"'
        f' font-family="sans-serif" font-size="12">\n{body}\n</svg>\n'
    )
