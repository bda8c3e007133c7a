"""The state file, broken or from a newer version."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from azext_dms_pg.errors import ConflictError, StateError
from tests.torture.door import Direct

if TYPE_CHECKING:
    from tests.torture.case import Case


def _refused(case: Case, code: str) -> None:
    """Nobody answers from such a file, and everybody says what to do about it."""
    for what in ("show", "start"):
        eyes = Direct(case.directory)
        try:
            eyes.show() if what == "show" else eyes.start_service()
        except StateError as error:
            if error.code != code or not error.action:
                raise AssertionError(f"{what}: {error.code} {error.action!r}") from error
        else:
            raise AssertionError(f"{what} answered from a state file it cannot read")
    if case.plan.typed:
        _refused_by_az(case)


def _refused_by_az(case: Case) -> None:
    try:
        case.door.start_service()
    except ConflictError as error:
        if "state.db" not in error.message:
            raise AssertionError(f"az does not name the file: {error.message}") from error
    else:
        raise AssertionError("az answered from a state file it cannot read")


def corrupt_state(case: Case) -> bool:
    path = case.directory / "state.db"
    with case.watch.blind():
        case.kill_all()
        # Reading the file here would drop the locks of stores this process has open.
        case.close_store()
        _checkpoint(path)
        good = path.read_bytes()
        spoilt = bytearray(good)
        # The header, or the pages with the schema.
        at = case.random.choice([0, 100])
        spoilt[at : at + 64] = case.random.randbytes(64)
        path.write_bytes(bytes(spoilt))
        _refused(case, "StateCorrupt")
        path.write_bytes(good)
        for extra in ("-wal", "-shm"):
            path.with_name(path.name + extra).unlink(missing_ok=True)
        case.reopen()
    case.start_service()
    return True


def newer_state(case: Case) -> bool:
    path = case.directory / "state.db"
    with case.watch.blind():
        case.kill_all()
        _set_version(path, 99)
        _refused(case, "StateTooNew")
        _set_version(path, None)
    case.start_service()
    return True


def _checkpoint(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _set_version(path: Path, version: int | None) -> None:
    from azext_dms_pg.state.store import VERSION

    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION if version is None else version}")
