"""SQL Server and MySQL: core's own functions do the work, on the same requests as ever.

Owns what must happen around them: our clearer reading of the JSON arguments, and prompts that name
a way out without a terminal. The requests are sent by ``backends.azure.tasks``.
Source: azure-cli 2.91 ``command_modules/dms/custom.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.cli import inputs
from azext_dms_pg.cli.databases import OPTION
from azext_dms_pg.errors import InputError

if TYPE_CHECKING:
    from azext_dms_pg.backends.azure.tasks import AzureTasks
    from azext_dms_pg.backends.base import Json, TaskAddress
    from azext_dms_pg.cli.platforms import Pair


def create_task(
    tasks: AzureTasks,
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
    core = _core()
    source, target = pair.folded
    task_type = (task_type or "").lower()
    if not core.core_handles_scenario(source, target, task_type):
        raise InputError(
            f"There is no migration from {pair} of type {task_type or 'default'!r}.",
            "See `az dms project task create -h` for the supported combinations.",
        )
    if databases_json is None:
        raise InputError(f"{OPTION} is required for {pair}.", f"Give {OPTION} FILE.")
    databases = _checked(inputs.read_json(databases_json, OPTION), pair)
    connections = [
        _completed(text, side)
        for text, side in ((source_json, inputs.SOURCE), (target_json, inputs.TARGET))
    ]
    properties = core.get_task_migration_properties(
        databases,
        source,
        target,
        task_type,
        _connection(core, connections[0], source),
        _connection(core, connections[1], target),
        *validations,
    )
    secrets = [str(item["password"]) for item in connections if item["password"]]
    return tasks.put(where, properties, secrets)


def cutover(tasks: AzureTasks, where: TaskAddress, pair: Pair, object_name: str | None) -> None:
    """Cut over one object of a task that is not PostgreSQL's."""
    core = _core()
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
    tasks.complete(where, object_name)


def _core() -> Any:
    try:
        from azure.cli.command_modules.dms import custom
    except ImportError as error:
        raise InputError(
            "SQL Server and MySQL are migrated with the functions of azure-cli's own module dms,"
            f" which this installation does not have ({error}).",
            "Use azure-cli 2.91, where it was last seen. PostgreSQL needs no such module.",
        ) from None
    return custom


def _checked(databases: Any, pair: Pair) -> Any:
    """Core takes the outer shape for granted.

    :raises InputError: a list where there must be an object, or the other way round.
    """
    if pair.source.lower() == "mysql":
        fits, wanted = isinstance(databases, dict), "one object with selected_databases"
    else:
        fits = isinstance(databases, (list, tuple)) and all(
            isinstance(item, dict) for item in databases
        )
        wanted = "a list of objects, one a database"
    if not fits:
        raise InputError(
            f"{OPTION}: expected {wanted} for {pair}.",
            "See `az dms project task create -h` for the form.",
        )
    return databases


def _connection(core: Any, wire: dict[str, Any], platform: str) -> Any:
    """As core makes it, which would ask once more for a password that is empty on purpose."""
    made = core.create_connection({**wire, "password": wire["password"] or "-"}, "", platform)
    made.password = wire["password"]
    return made


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
