"""Tasks on Azure: the body is the one azure-cli's own functions make; cutovers are all or none."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from azure.cli.command_modules.dms import custom as core
from azure.core.exceptions import ServiceRequestError
from azure.mgmt.datamigration.models import ProjectTask

from azext_dms_pg.backends.azure.tasks import AzureTasks
from azext_dms_pg.backends.base import ProjectAddress
from azext_dms_pg.cli import databases
from azext_dms_pg.errors import ConflictError, DmsPgError, InputError
from tests.support.arm.messages import Json

TASK = ProjectAddress("g", "s", "p").task("t")
CONNECTION = {"userName": "u", "password": "p", "serverName": "s"}
DATABASE = {"name": "a", "target_database_name": "b"}


class Clients:
    """Remembers what an SDK would have sent; the states are those of the databases."""

    def __init__(self, fails_at: str | None = None, **states: str | None) -> None:
        self.sent: list[Any] = []
        self._fails_at = fails_at
        self._states = states
        operations = SimpleNamespace(
            create_or_update=self._create, command=self._command, get=self._get
        )
        self.datamigration = SimpleNamespace(tasks=operations)

    def _create(self, parameters: Any, logging_enable: bool, **_: str) -> Any:
        assert not logging_enable
        self.sent.append(parameters.serialize())
        return parameters

    def _command(self, parameters: Any, **_: str) -> None:
        name = parameters.input.database_name
        if name == self._fails_at:
            raise ServiceRequestError("cut")
        self.sent.append(name)

    def _get(self, **_: Any) -> Any:
        states = self._states.items()
        output = [{"databaseName": name.upper(), "migrationState": at} for name, at in states if at]
        databases = [{"name": name} for name in self._states]
        return {
            "properties": {
                "output": [*output, {"resultType": "MigrationLevelOutput"}],
                "input": {"selectedDatabases": databases},
            }
        }


def _tasks(clients: Any) -> AzureTasks:
    return AzureTasks(clients, elsewhere="")


@pytest.mark.parametrize(
    "connection",
    [
        {},
        {"databaseName": "d", "port": 5433, "encryptConnection": False},
        {"trustServerCertificate": True, "encryptConnection": True},
        {"databaseName": None, "port": None},
        {"encryptConnection": None, "trustServerCertificate": None},
    ],
)
@pytest.mark.parametrize(
    "database",
    [
        {},
        {"selectedTables": ["public.a", "public.b"]},
        {"selectedTables": [], "migrationSetting": {}},
        {"selectedTables": None, "sourceSetting": None},
        {"migrationSetting": {"a": True, "b": 1, "c": None}, "targetSetting": {"d": [1]}},
        {"unknown": 1},
    ],
)
def test_the_body_is_cores(connection: Json, database: Json) -> None:
    source, options = {**CONNECTION, **connection}, [{**DATABASE, **database}]
    clients = Clients()
    rows = databases.for_azure(json.dumps(options), None, None)
    _tasks(clients).create(TASK, source, CONNECTION, rows)
    theirs = core.get_task_migration_properties(
        options,
        "postgresql",
        "azuredbforpostgresql",
        "",
        core.create_connection(source, "", "postgresql"),
        core.create_connection(CONNECTION, "", "azuredbforpostgresql"),
        False,
        False,
        False,
    )
    assert clients.sent == [ProjectTask(properties=theirs).serialize()]


def test_a_password_is_needed() -> None:
    with pytest.raises(InputError, match="there is no password for s"):
        _tasks(Clients()).create(TASK, CONNECTION, {**CONNECTION, "password": None}, [DATABASE])


def test_databases_that_are_over_are_not_cut_over() -> None:
    ready = "READY_TO_COMPLETE"
    clients = Clients(a="COMPLETE", b=ready, c="FAILED", d=ready, e="COMPLETING")
    _tasks(clients).cutover(TASK, object_name=None)
    assert clients.sent == ["b", "d"]


def test_nothing_is_left_to_cut_over() -> None:
    with pytest.raises(ConflictError, match=r"is left to cut over \(a: CANCELLED, b: FAILED\)"):
        _tasks(Clients(a="CANCELLED", b="FAILED")).cutover(TASK, object_name=None)


@pytest.mark.parametrize("state", ["RUNNING", None])
def test_all_are_ready_or_none_is_cut_over(state: str | None) -> None:
    clients = Clients(a="READY_TO_COMPLETE", b=state)
    with pytest.raises(ConflictError, match="none was cut over"):
        _tasks(clients).cutover(TASK, object_name=None)
    assert clients.sent == []


def test_who_was_cut_over_before_the_failure_is_named() -> None:
    clients = Clients(
        fails_at="c", a="READY_TO_COMPLETE", b="READY_TO_COMPLETE", c="READY_TO_COMPLETE"
    )
    with pytest.raises(DmsPgError, match=r"asked for already of a, b\."):
        _tasks(clients).cutover(TASK, object_name=None)


def test_an_empty_name_is_no_name_left_out() -> None:
    clients = Clients(a="READY_TO_COMPLETE")
    _tasks(clients).cutover(TASK, object_name="")
    assert clients.sent == [""]  # Azure refuses it; see cli.databases.one
