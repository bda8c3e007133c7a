"""A copy of a state directory, as another machine gets it from a backup or a shared home."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path


def copy_state(directory: Path, copy: Path) -> None:
    """What is needed to work on its tasks; locks and logs stay behind."""
    for name in ("run", "log"):
        (copy / name).mkdir(parents=True, mode=0o700)
    shutil.copytree(directory / "vault", copy / "vault")
    with (
        contextlib.closing(sqlite3.connect(directory / "state.db")) as ours,
        contextlib.closing(sqlite3.connect(copy / "state.db")) as theirs,
    ):
        ours.backup(theirs)
