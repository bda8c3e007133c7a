"""What one database's migration is told once, before it begins."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azext_dms_pg.model.options import DEFAULTS

if TYPE_CHECKING:
    from pathlib import Path

    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.model.options import TaskOptions
    from azext_dms_pg.model.settings import MigrationSettings
    from azext_dms_pg.model.task_input import DatabaseInput


@dataclass(frozen=True)
class Job:
    """One database to move.

    :param id: names the migration in the target's bookkeeping; stable over restarts.
    :param source: connection to the source database.
    :param target: connection to the target database.
    :param slots: directory of the lock files that bound the copy streams of the whole task.
    :param task_ids: the ids of all databases that migrate in this task, this one among them.
    :param owner: short text that is the same for every worker of this database that runs one
        after the other, and for no other; shown in the names of sessions.
    """

    id: str
    source: Connection
    target: Connection
    database: DatabaseInput
    settings: MigrationSettings
    slots: Path
    options: TaskOptions = DEFAULTS
    owner: str = ""
    task_ids: tuple[str, ...] = ()

    @property
    def source_object(self) -> str:
        """Name of the slot and of the publication on the source."""
        return source_object(self.id)

    @property
    def source_objects(self) -> frozenset[str]:
        """Names of the slots the whole task needs."""
        return frozenset(map(source_object, (self.id, *self.task_ids)))


def migration_id(task: str, ordinal: int) -> str:
    """Names the migration of one database of a task."""
    return f"{task}-{ordinal}"


def source_object(migration_id: str) -> str:
    """Name of its slot and of its publication on the source."""
    return "dms_pg_" + hashlib.sha256(migration_id.encode()).hexdigest()[:12]
