"""Which platforms a project moves between, and whether core serves them.

Owns the names and the pairs. PostgreSQL is ours; SQL and MySQL go to core (``handover.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

from azext_dms_pg.errors import ConflictError, InputError
from azext_dms_pg.model.task_input import SOURCE_PLATFORM, TARGET_PLATFORM

SOURCES = ("SQL", SOURCE_PLATFORM, "MySQL")
TARGETS = ("SQLDB", TARGET_PLATFORM, "AzureDbForMySQL")
TASK_TYPES = ("OnlineMigration", "OfflineMigration", "ReplicateChanges")
_PAIRS = {(source.lower(), target.lower()) for source, target in zip(SOURCES, TARGETS, strict=True)}


@dataclass(frozen=True)
class Pair:
    """Source and target platform of a project; they compare case-insensitively."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source} to {self.target}"

    @property
    def folded(self) -> tuple[str, str]:
        return self.source.lower(), self.target.lower()

    @property
    def is_postgresql(self) -> bool:
        return self.folded == (SOURCE_PLATFORM.lower(), TARGET_PLATFORM.lower())

    def check_known(self) -> None:
        """:raises InputError: no migration between the two is known."""
        if self.folded not in _PAIRS:
            known = ", ".join(str(Pair(*pair)) for pair in zip(SOURCES, TARGETS, strict=True))
            raise InputError(
                f"There is no migration from {self}.",
                f"Known are {known}.",
            )

    def check_same(self, source: str | None, target: str | None, project: str) -> None:
        """What ``task create`` was told must be what the project was made for.

        :raises ConflictError: it is not.
        """
        for option, given, actual in (
            ("--source-platform", source, self.source),
            ("--target-platform", target, self.target),
        ):
            if given is not None and given.lower() != actual.lower():
                raise ConflictError(
                    f"Project {project!r} migrates {self}, but {option} says {given}.",
                    f"Leave {option} out, or use a project made for {given}.",
                )


def check_task_type(task_type: str | None, project: str) -> None:
    """A PostgreSQL task is an online migration; core accepts any word with "online" in it.

    :raises InputError: another type was asked for.
    """
    if task_type and "online" not in task_type.lower():
        raise InputError(
            f"Project {project!r} migrates PostgreSQL, which is always done online;"
            f" --task-type says {task_type}.",
            "Leave --task-type out, or give OnlineMigration.",
        )
