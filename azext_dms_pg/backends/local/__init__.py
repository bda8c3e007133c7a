"""Services on this machine: resources in the local store, work in processes of our own.

The same protocol and the same answers as the Azure backend. Imports neither psycopg nor any
SDK, so that asking stays quick.
"""

from __future__ import annotations

from pathlib import Path

from azext_dms_pg.backends.local.projects import LocalProjects
from azext_dms_pg.backends.local.services import LocalServices
from azext_dms_pg.backends.local.tasks import LocalTasks
from azext_dms_pg.backends.local.tree import Tree
from azext_dms_pg.state.paths import StateDir

LOCATION = "local"


class LocalBackend:
    """Answers for every service made with ``-l local``."""

    def __init__(self, directory: Path | None = None) -> None:
        state = StateDir.of_environment() if directory is None else StateDir(directory)
        tree = Tree(state)
        self.services = LocalServices(tree)
        self.projects = LocalProjects(tree)
        self.tasks = LocalTasks(tree)
        self._tree = tree

    def has_service(self, group: str, name: str) -> bool:
        """Whether the local store knows the service; makes no file when there is no store."""
        return self._tree.has_service(group, name)
