"""Named SQL statements kept in ``queries/*.sql``, cut to fit one server version.

A statement starts at ``-- name: relations``. A line that ends in ``-- since 12`` is kept for
servers of that major version and later, one that ends in ``-- until 11`` for that version and
earlier (9.5 and 9.6 count as 9), so that one text serves 9.5 to 18 and what differs stands side
by side. Knows no connection.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\s*$")
_LIMIT = re.compile(r"--\s*(since|until)\s+(\d+)")


@cache
def statement(file: str, name: str, version: int) -> str:
    """The statement called ``name`` in ``queries/<file>.sql`` for a server version.

    :param version: ``server_version_num``, e.g. 150004.
    """
    return cut(_sections(file)[name], version // 10000)


def cut(text: str, major: int) -> str:
    """Drop the lines that are not for this major version, and all comments with them."""
    kept = []
    for line in text.splitlines():
        limits = _LIMIT.findall(line)
        if all(major >= int(at) if word == "since" else major <= int(at) for word, at in limits):
            code = line.split("--", 1)[0].rstrip()
            if code:
                kept.append(code)
    return "\n".join(kept)


@cache
def _sections(file: str) -> dict[str, str]:
    text = files("azext_dms_pg.postgres").joinpath(f"queries/{file}.sql").read_text("utf-8")
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        found = _NAME.match(line)
        if found:
            lines = sections.setdefault(found[1], [])
        else:
            lines.append(line)
    return {name: "\n".join(section) for name, section in sections.items()}
