"""One line of a task's log, for people or for programs. Pure."""

from __future__ import annotations

import json
from typing import Any

from azext_dms_pg.cli.visible import visible

Json = dict[str, Any]

_PART_WIDTH = 14


def as_text(line: Json) -> str:
    """``2026-01-02 03:04:05.678Z INFO    sales  RUNNING  copying the tables``."""
    moment = visible(str(line.get("at", ""))[:23].replace("T", " "))
    part = str(line.get("database") or ("" if line.get("level") == "RAW" else "supervisor"))
    head = f"{moment}Z {visible(str(line.get('level', ''))):7} {visible(part):{_PART_WIDTH}}"
    marks = [str(line[name]) for name in ("state", "code", "subject") if line.get(name)]
    if str(line.get("message")) in marks:
        marks.remove(str(line["message"]))
    message = visible(str(line.get("message", "")), lines=True).replace("\n", "\n    ")
    return "  ".join((head, *map(visible, marks), message)).rstrip()


def as_json(line: Json) -> str:
    return json.dumps(line, ensure_ascii=False)
