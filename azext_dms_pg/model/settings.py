"""The knobs of the local engine, given as text in ``migrationSetting`` and ``sourceSetting``.

Azure's wire type for all three settings is a map of text to text, so every value is parsed here.
Defaults are meant to need no tuning; docs/settings.md explains each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from azext_dms_pg.errors import InputError
from azext_dms_pg.model.task_input import DatabaseInput

_UNITS = {"": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}


@dataclass(frozen=True)
class MigrationSettings:
    """What one database's migration may use.

    :param parallel_tables: copy streams at a time, over all databases of the task.
    :param part_bytes: a table larger than this is copied in ranges of about this size (bytes).
    :param batch_changes: row changes collapsed and applied together.
    :param batch_milliseconds: longest time a received commit waits for company.
    :param max_rate: bytes a second read from the source by the full load; 0 is no limit.
    :param defer_indexes: build indexes and unique constraints of large tables after their load.
    :param index_jobs: index builds at a time.
    :param non_empty_target: ``fail`` or ``truncate`` when a target table already has rows.
    :param compare: ``counts``, ``checksum`` or ``none`` at cutover.
    :param plugin: logical decoding plugin to insist on, ``pgoutput`` or ``test_decoding``.
    :param binary: use binary formats where the types allow it.
    :param sequence_margin: added to every sequence at cutover.
    """

    parallel_tables: int = 4
    part_bytes: int = 256 << 20
    batch_changes: int = 100_000
    batch_milliseconds: int = 100
    max_rate: int = 0
    defer_indexes: bool = True
    index_jobs: int = 2
    non_empty_target: str = "fail"
    compare: str = "counts"
    plugin: str = ""
    binary: bool = True
    sequence_margin: int = 0

    @classmethod
    def of(cls, database: DatabaseInput) -> MigrationSettings:
        """Parse the settings of one database.

        :raises InputError: an unknown name or a value of the wrong form.
        """
        given = {**database.migration_setting, **database.source_setting, **database.target_setting}
        known = {_camel(item.name): item for item in fields(cls)}
        by_lower = {name.lower(): name for name in known}
        values: dict[str, Any] = {}
        for key, text in given.items():
            name = by_lower.get(key.lower())
            if name is None:
                raise InputError(
                    f"Database {database.name!r} has a setting {key!r} that does not exist.",
                    f"Use one of: {', '.join(sorted(known))}.",
                )
            values[known[name].name] = _PARSERS[known[name].name](key, text)
        return cls(**values)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _fail(key: str, text: object, expected: str) -> InputError:
    return InputError(
        f"Setting {key!r} must be {expected}, found {text!r}.",
        f"Correct {key!r} in the database options.",
    )


def _number(low: int, high: int) -> Callable[[str, object], int]:
    def parse(key: str, text: object) -> int:
        digits = str(text).strip()
        if not digits.isdecimal() or not low <= int(digits) <= high:
            raise _fail(key, text, f"a whole number from {low} to {high}")
        return int(digits)

    return parse


def _size(low: int) -> Callable[[str, object], int]:
    def parse(key: str, text: object) -> int:
        compact = str(text).strip().lower().replace(" ", "").removesuffix("/s")
        digits = compact.rstrip("kmgb")
        unit = compact[len(digits) :]
        if not digits.isdecimal() or unit not in _UNITS or int(digits) * _UNITS[unit] < low:
            raise _fail(key, text, f"a size of at least {low} bytes such as 64MB")
        return int(digits) * _UNITS[unit]

    return parse


def _flag(key: str, text: object) -> bool:
    word = str(text).strip().lower()
    if word in {"true", "on", "yes", "1"}:
        return True
    if word in {"false", "off", "no", "0"}:
        return False
    raise _fail(key, text, "true or false")


def _choice(*words: str) -> Callable[[str, object], str]:
    def parse(key: str, text: object) -> str:
        word = str(text).strip().lower()
        if word not in words:
            raise _fail(key, text, f"one of {', '.join(words)}")
        return word

    return parse


_PARSERS: dict[str, Callable[[str, object], Any]] = {
    "parallel_tables": _number(1, 64),
    "part_bytes": _size(1 << 20),
    "batch_changes": _number(1, 10_000_000),
    "batch_milliseconds": _number(1, 60_000),
    "max_rate": _size(0),
    "defer_indexes": _flag,
    "index_jobs": _number(1, 64),
    "non_empty_target": _choice("fail", "truncate"),
    "compare": _choice("counts", "checksum", "none"),
    "plugin": _choice("pgoutput", "test_decoding"),
    "binary": _flag,
    "sequence_margin": _number(0, 1 << 40),
}
