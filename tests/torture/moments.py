"""The moments of a migration, as ``show`` tells them: when each has come.

Owns the questions alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

_BEFORE_LOAD = {"UNDEFINED", "VALIDATING", "VALIDATION_COMPLETE", "INITIALIAZING"}


def is_loading(database: Json) -> bool:
    return database["migrationState"] not in _BEFORE_LOAD


def is_loaded(database: Json) -> bool:
    return bool(database["initializationCompleted"])


def is_ready(database: Json) -> bool:
    return bool(database["migrationState"] == "READY_TO_COMPLETE")


def is_valid(database: Json) -> bool:
    invalid = {"UNDEFINED", "VALIDATING", "FAILED", "VALIDATION_FAILED"}
    return database["migrationState"] not in invalid


def is_complete(database: Json) -> bool:
    return bool(database["migrationState"] == "COMPLETE")


def databases(shown: Json) -> list[Json]:
    """The databases of a task as shown, in their order."""
    return [item for item in shown["output"] if item["resultType"] == "DatabaseLevelOutput"]


# Whether the moment has come, or has passed already.
REACHED: dict[str, Callable[[Json], bool]] = {
    "preparing": lambda d: d["migrationState"] == "INITIALIAZING" or is_loading(d),
    "loading": is_loading,
    "building": lambda d: d["activity"].startswith("building") or is_loaded(d),
    "streaming": is_loaded,
    "ready": lambda d: is_ready(d) or is_complete(d),
}
