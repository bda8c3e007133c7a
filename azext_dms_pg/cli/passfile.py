"""The password file of libpq (``PGPASSFILE``, else in its usual place), read by its own rules.

Source: PostgreSQL's documentation, "The Password File". Read here rather than by a worker's
libpq, because a worker outlives the environment it was started from.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_FIELDS = 5


def password(host: str, port: str, database: str, user: str) -> str | None:
    """The first entry that matches, or None. A file others may read is ignored, as libpq does."""
    path = Path(os.environ.get("PGPASSFILE") or _usual())
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or (found.st_mode & 0o077 and not _on_windows()):
            return None
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    wanted = (host, port, database, user)
    for line in lines:
        fields = _split(line)
        if len(fields) == _FIELDS and all(
            field in {"*", value} for field, value in zip(fields, wanted, strict=False)
        ):
            return fields[-1] or None
    return None


def _usual() -> Path:
    if _on_windows():
        return Path(os.environ.get("APPDATA", "")) / "postgresql" / "pgpass.conf"
    return Path.home() / ".pgpass"


def _on_windows() -> bool:
    """There the mode of a file says nothing about who may read it."""
    return os.name == "nt"


def _split(line: str) -> list[str]:
    """Fields between colons; a backslash makes the next character an ordinary one."""
    if line.startswith("#"):
        return []
    fields = [""]
    escaped = False
    for char in line:
        if escaped:
            fields[-1] += char
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == ":" and len(fields) < _FIELDS:
            fields.append("")
        else:
            fields[-1] += char
    return fields
