"""Findings as text on a terminal: the gravest first, each with what mends it. Pure."""

from __future__ import annotations

import shutil
import textwrap
from typing import Any

from azext_dms_pg.cli import words
from azext_dms_pg.cli.visible import visible

Json = dict[str, Any]

_ORDER = ("blocker", "error", "warning", "info")
_NARROW = 60


def of(task: Json) -> list[Json]:
    """The findings in what ``show --expand output`` prints, each with its database's name."""
    return [
        {"database": entry.get("databaseName"), **finding}
        for entry in (task.get("properties") or {}).get("output") or ()
        if entry.get("resultType") == "DatabaseLevelErrorOutput"
        for finding in entry.get("findings") or ()
    ]


def blocking(found: list[Json]) -> int:
    return sum(item.get("severity") in {"blocker", "error"} for item in found)


def text(found: list[Json], width: int | None = None) -> str:
    """One paragraph a finding, with a line of counts above; several databases are named."""
    width = max(width or shutil.get_terminal_size((100, 24)).columns, _NARROW)
    ordered = sorted(found, key=lambda item: _rank(item.get("severity")))
    several = len({item.get("database") for item in found}) > 1
    lines = [_counts(found), ""]
    for item in ordered:
        subject = str(item.get("subject") or "")
        if several:
            subject = f"{item.get('database')} · {subject}"
        head = f"{str(item.get('severity')).upper():8} {subject}".rstrip()
        lines.append(visible(f"{head}  [{item.get('code')}]"))
        message = visible(str(item.get("message") or ""), lines=True)
        lines += _wrapped(message, "         ", width)
        # A statement is there to be copied: its lines are not broken.
        remedy = visible(str(item.get("remedy") or ""), lines=True)
        lines += [f"         → {line}" for line in remedy.split("\n") if line.strip()]
    return "\n".join(lines) + "\n"


def _counts(found: list[Json]) -> str:
    if not found:
        return "No findings: nothing stands in the way."
    counts = {word: sum(item.get("severity") == word for item in found) for word in _ORDER}
    said = ", ".join(
        f"{number} {word}" if word == "info" else words.plural(number, word)
        for word, number in counts.items()
        if number
    )
    return f"Findings: {said}."


def _rank(severity: object) -> int:
    return _ORDER.index(str(severity)) if severity in _ORDER else len(_ORDER)


def _wrapped(message: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(message, width, initial_indent=indent, subsequent_indent=indent)
