"""Whether what lies at a path is ours: made by this user, and no link to anything else.

Whoever may write beside our files (a directory others could write to before, a shared
``AZURE_CONFIG_DIR``) could put a key, a store or a link there for us to find. Owns what is refused,
and the words. Where user ids are unknown (Windows) everything passes.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from azext_dms_pg.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

#: For ``os.open``: fail where the last part of the path is a link.
NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def require_directory(path: Path, about: os.stat_result) -> None:
    """:raises StateError: that is no directory of ours."""
    _require(path, about, "directory", is_one=stat.S_ISDIR(about.st_mode))


def require_file(path: Path, about: os.stat_result) -> None:
    """:raises StateError: that is no regular file of ours."""
    _require(path, about, "file", is_one=stat.S_ISREG(about.st_mode))


def _require(path: Path, about: os.stat_result, kind: str, *, is_one: bool) -> None:
    if stat.S_ISLNK(about.st_mode):
        raise _refused(
            path,
            kind,
            f"found a link to {path.readlink()}",
            "Remove the link. To have the state elsewhere, point AZURE_CONFIG_DIR there: that may"
            " be a link, what lies below it may not.",
        )
    if not is_one:
        raise _refused(path, kind, "found something else", "See what it is, and move it away.")
    if hasattr(os, "geteuid") and about.st_uid != os.geteuid():
        found = f"found one of user id {about.st_uid} (you are {os.geteuid()})"
        raise _refused(path, kind, found, _advice(kind, about.st_uid))


def _refused(path: Path, kind: str, found: str, action: str) -> StateError:
    return StateError(
        f"The {kind} {path} of the state must be a {kind} of your own, {found}.",
        action,
        code="StateNotOurs",
    )


def _advice(kind: str, owner: int) -> str:
    if os.geteuid() == 0 and kind == "directory":
        return (
            "You are root: run az as that user instead, or set AZURE_CONFIG_DIR to a directory of"
            " root's."
        )
    if owner == 0:
        return (
            "It was made by az under sudo: go on with sudo, or have root give the whole directory"
            " to you (chown -R)."
        )
    return (
        "If you did not have somebody else put it there, do not trust it: move the directory away,"
        " or point AZURE_CONFIG_DIR at one of your own."
    )
