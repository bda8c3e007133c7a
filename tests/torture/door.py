"""How a seed gives its orders: through the backend's objects, or typed at the real ``az``.

Owns the two ways in. What is ordered and when is the case's business.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Protocol

from azext_dms_pg.backends.base import ProjectAddress, ServiceAddress
from azext_dms_pg.backends.local import LocalBackend
from azext_dms_pg.errors import ConflictError
from azext_dms_pg.model.connection import Connection
from azext_dms_pg.model.task_input import SOURCE_PLATFORM, TARGET_PLATFORM, TaskInput
from tests.support.azcli import Az

Json = dict[str, Any]

SERVICE = ServiceAddress("group", "service")
PROJECT = ProjectAddress("group", "service", "project")
TASK = PROJECT.task("task")
_SERVICE = ("-g", "group", "-n", "service")
_PROJECT = ("-g", "group", "--service-name", "service")
_TASK = (*_PROJECT, "--project-name", "project", "-n", "task")
_ENDED = {"Succeeded", "Canceled", "Failed", "FailedInputValidation"}


class Door(Protocol):
    """The orders a seed gives; each raises ``DmsPgError`` when it is refused."""

    def create(self, task_input: TaskInput) -> None: ...
    def start_service(self) -> None: ...
    def stop_service(self) -> None: ...
    def restart(self) -> None: ...
    def cutover(self, database: str | None = None) -> None: ...
    def cancel(self) -> None: ...
    def show(self) -> Json: ...
    def reopen(self) -> None:
        """The state file was replaced."""


class Direct:
    """The backend's own objects."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.backend = LocalBackend(directory)

    def create(self, task_input: TaskInput) -> None:
        self.backend.services.create(SERVICE, location="local", sku=None, subnet=None, tags=None)
        self.backend.projects.create(
            PROJECT,
            source_platform=SOURCE_PLATFORM,
            target_platform=TARGET_PLATFORM,
            location=None,
            tags=None,
        )
        self.backend.tasks.create(TASK, task_input)

    def start_service(self) -> None:
        self.backend.services.start(SERVICE)

    def stop_service(self) -> None:
        self.backend.services.stop(SERVICE)

    def restart(self) -> None:
        self.backend.tasks.restart(TASK)

    def cutover(self, database: str | None = None) -> None:
        self.backend.tasks.cutover(TASK, object_name=database)

    def cancel(self) -> None:
        self.backend.tasks.cancel(TASK)

    def show(self) -> Json:
        shown: Json = self.backend.tasks.show(TASK, expand="output")["properties"]
        return shown

    def reopen(self) -> None:
        self.backend = LocalBackend(self._directory)


class Typed:
    """Every order a process of the real ``az``, as the tutorial types it."""

    def __init__(self, az: Az) -> None:
        self._az = az

    @staticmethod
    def state_directory(az: Az) -> Path:
        return az.config / "dms-pg"

    def create(self, task_input: TaskInput) -> None:
        self._dms("create", "-l", "local", *_SERVICE)
        self._dms(
            "project", "create", "-l", "local", "-n", "project", *_PROJECT,
            "--source-platform", "PostgreSQL", "--target-platform", "AzureDbForPostgreSql",
        )  # fmt: skip
        options = [
            {
                "name": database.name,
                "target_database_name": database.target_name,
                "migrationSetting": database.migration_setting,
                "sourceSetting": database.source_setting,
            }
            for database in task_input.databases
        ]
        self._dms(
            "project", "task", "create", *_TASK, "--task-type", "OnlineMigration",
            "--source-connection-json", self._file("source", _wire(task_input.source)),
            "--target-connection-json", self._file("target", _wire(task_input.target)),
            "--database-options-json", self._file("options", options),
            AZEXT_DMS_PG_SOURCE_PASSWORD=_password(task_input.source),
            AZEXT_DMS_PG_TARGET_PASSWORD=_password(task_input.target),
        )  # fmt: skip

    def start_service(self) -> None:
        self._dms("start", *_SERVICE)

    def stop_service(self) -> None:
        self._dms("stop", *_SERVICE)

    def restart(self) -> None:
        self._dms("project", "task", "restart", *_TASK)

    def cutover(self, database: str | None = None) -> None:
        which = () if database is None else ("--object-name", database)
        self._dms("project", "task", "cutover", *_TASK, *which)

    def cancel(self) -> None:
        self._dms("project", "task", "cancel", *_TASK)

    def show(self) -> Json:
        shown: Json = self._dms("project", "task", "show", *_TASK, "--expand", "output")
        properties: Json = shown["properties"]
        return properties

    def reopen(self) -> None:
        """Every command opens it anew."""

    def _dms(self, *words: str, **environment: str) -> Any:
        done = self._az.run("dms", *words, **environment)
        if done.code == 0:
            return done.json
        if "Traceback" in done.err:
            raise AssertionError(f"az dms {' '.join(words)}\n{done.err}")
        code = "AlreadyComplete" if "cut over already" in done.err else self._why(words)
        raise ConflictError(done.err.strip(), code=code)

    def _why(self, words: tuple[str, ...]) -> str:
        """The code of a refusal, which ``az`` does not print."""
        if words[-2:] == ("--expand", "output"):
            return "ShowFailed"
        state = self.show()["state"] if "task" in words else ""
        if state == "Faulted":
            return "WorkerNotRunning"
        return "TaskEnded" if state in _ENDED else "Conflict"

    def _file(self, name: str, content: object) -> str:
        path = self._az.directory / f"{name}.json"
        path.write_text(json.dumps(content))
        return os.fspath(path)


def _wire(connection: Connection) -> Json:
    return {
        "userName": connection.user,
        "password": None,
        "serverName": connection.server,
        "databaseName": "postgres",
        "port": connection.port,
        "encryptConnection": False,
    }


def _password(connection: Connection) -> str:
    return connection.password.reveal() if connection.password is not None else ""
