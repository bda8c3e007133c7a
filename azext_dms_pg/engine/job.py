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

    @property
    def source_object(self) -> str:
        """Name of the slot and of the publication on the source."""
        return "dms_pg_" + hashlib.sha256(self.id.encode()).hexdigest()[:12]
