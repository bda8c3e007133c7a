"""SQL Server and MySQL: core's own functions do the work, on the same requests as ever.

Owns what must happen around them: our clearer reading of the JSON arguments, prompts that name
a way out without a terminal, and no request logging where passwords travel.
Source: azure-cli 2.91 ``command_modules/dms/custom.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends.azure.client import plain
from azext_dms_pg.backends.azure.errors import translated
from azext_dms_pg.cli import inputs
from azext_dms_pg.cli.databases import OPTION
from azext_dms_pg.errors import InputError

if TYPE_CHECKING:
    from azext_dms_pg.backends.azure.client import Clients
    from azext_dms_pg.backends.base import Json, TaskAddress
    from azext_dms_pg.cli.platforms import Pair


def create_task(
    clients: Clients,
    where: TaskAddress,
    pair: Pair,
    task_type: str | None,
    source_json: str | None,
    target_json: str | None,
    databases_json: str | None,
    *,
    validations: tuple[bool, bool, bool],
) -> Json:
    """Make a task of a project that is not PostgreSQL's."""
    from azure.cli.command_modules.dms import custom as core

    source, target = pair.folded
    task_type = (task_type or "").lower()
    if not core.core_handles_scenario(source, target, task_type):
        raise InputError(
            f"There is no migration from {pair} of type {task_type or 'default'!r}.",
            "See `az dms project task create -h` for the supported combinations.",
        )
    connections = [
        _completed(text, side)
        for text, side in ((source_json, inputs.SOURCE), (target_json, inputs.TARGET))
    ]
    if databases_json is None:
        raise InputError(f"{OPTION} is required for {pair}.", f"Give {OPTION} FILE.")
    properties = core.get_task_migration_properties(
        inputs.read_json(databases_json, OPTION),
        source,
        target,
        task_type,
        core.create_connection(connections[0], "", source),
        core.create_connection(connections[1], "", target),
        *validations,
    )
    secrets = [str(connection["password"]) for connection in connections]
    with translated(where, secrets=secrets):
        from azure.mgmt.datamigration.models import ProjectTask

        return plain(
            clients.datamigration.tasks.create_or_update(
                parameters=ProjectTask(properties=properties),
                logging_enable=False,
                group_name=where.group,
                service_name=where.service,
                project_name=where.project,
                task_name=where.task,
            )
        )


def cutover(clients: Clients, where: TaskAddress, pair: Pair, object_name: str | None) -> None:
    """Cut over one object of a task that is not PostgreSQL's."""
    from azure.cli.command_modules.dms import custom as core
    from azure.mgmt.datamigration import models

    scenario = core.get_scenario_type(*pair.folded, "onlinemigration")
    if scenario != core.ScenarioType.mysql_azuremysql_online:
        raise InputError(
            f"A migration from {pair} has no cutover.",
            "Only online migrations are cut over: PostgreSQL and MySQL.",
        )
    if object_name is None:
        raise InputError(
            f"--object-name is required for {pair}.",
            "Give the name of the database on the source.",
            code="MissingArgument",
        )
    with translated(where):
        core.run_command(
            clients.datamigration.tasks,
            models.MigrateSyncCompleteCommandInput(database_name=object_name),
            models.MigrateSyncCompleteCommandProperties,
            where.group,
            where.service,
            where.project,
            where.task,
        )


def _completed(text: str | None, side: inputs.Side) -> dict[str, Any]:
    if text is None:
        raise InputError(
            f"{side.option} is required for this project.",
            f"Give {side.option} FILE.",
            code="MissingArgument",
        )
    return inputs.complete(
        inputs.connection_json(text, side), side, token_allowed=False, postgresql=False
    )
