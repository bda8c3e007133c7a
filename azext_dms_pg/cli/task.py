"""``az dms project task``: tasks. Thin: find the backend, ask it, hand on what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends.base import ProjectAddress, TaskAddress
from azext_dms_pg.cli import databases, dispatch, flags, inputs, platforms
from azext_dms_pg.cli.waiting import Condition, wait
from azext_dms_pg.errors import InputError
from azext_dms_pg.model.options import TaskOptions

if TYPE_CHECKING:
    from azext_dms_pg.backends.base import Backend, Json, Rows


def create_task(
    cmd: Any,
    resource_group_name: str,
    service_name: str,
    project_name: str,
    task_name: str,
    source_connection_json: str | None = None,
    target_connection_json: str | None = None,
    database_options_json: str | None = None,
    task_type: str | None = None,
    source_platform: str | None = None,
    target_platform: str | None = None,
    source_server: str | None = None,
    source_port: int | None = None,
    source_user: str | None = None,
    source_database: str | None = None,
    target_server: str | None = None,
    target_port: int | None = None,
    target_user: str | None = None,
    target_database: str | None = None,
    databases_to_migrate: list[str] | None = None,
    tables: list[str] | None = None,
    enable_schema_validation: bool = False,
    enable_data_integrity_validation: bool = False,
    enable_query_analysis_validation: bool = False,
    wait_until: str | None = None,
    validate_only: bool = False,
    migrate_schema: bool = False,
    no_wait: bool = False,
) -> Json:
    if no_wait and wait_until:
        raise InputError(
            "--no-wait and --wait-until contradict each other.", "Give one of them, or neither."
        )
    # What is missing whatever the platform is known before Azure is asked for anything.
    for side, text, server in (
        (inputs.SOURCE, source_connection_json, source_server),
        (inputs.TARGET, target_connection_json, target_server),
    ):
        inputs.require(text, server, side)
    databases.require(database_options_json, databases_to_migrate)
    where = TaskAddress(resource_group_name, service_name, project_name, task_name)
    backend = _backend(cmd, where)
    pair = _platforms(backend, where)
    pair.check_same(source_platform, target_platform, where.project)
    local_only = {"--validate-only": validate_only, "--migrate-schema": migrate_schema}
    if not pair.is_postgresql:
        flags.only_for_postgresql(
            pair,
            {
                "--source-server": source_server,
                "--source-port": source_port,
                "--source-user": source_user,
                "--source-database": source_database,
                "--target-server": target_server,
                "--target-port": target_port,
                "--target-user": target_user,
                "--target-database": target_database,
                "--databases": databases_to_migrate,
                "--tables": tables,
                "--wait-until": wait_until,
                **local_only,
            },
        )
        from azext_dms_pg.cli import handover

        return handover.create_task(
            dispatch.azure(cmd).tasks,
            where,
            pair,
            task_type,
            source_connection_json,
            target_connection_json,
            database_options_json,
            validations=(
                enable_schema_validation,
                enable_data_integrity_validation,
                enable_query_analysis_validation,
            ),
        )
    platforms.check_task_type(task_type, where.project)
    here = dispatch.is_local(cmd, where.parent.parent)
    if not here:
        flags.only_for_local(local_only)
    # All that can be wrong with the arguments is found before anybody is asked for a password.
    source = inputs.connection_json(
        source_connection_json,
        inputs.SOURCE,
        inputs.Flags(source_server, source_user, source_database, source_port),
    )
    target = inputs.connection_json(
        target_connection_json,
        inputs.TARGET,
        inputs.Flags(target_server, target_user, target_database, target_port),
    )
    wanted = (database_options_json, databases_to_migrate, tables)
    if here:
        chosen = databases.chosen(*wanted)
        inputs.task_input(source, target, chosen)
        created = dispatch.local().tasks.create(
            where,
            inputs.task_input(*_completed(source, target, token_allowed=True), chosen),
            TaskOptions(validate_only=validate_only, migrate_schema=migrate_schema),
        )
    else:
        rows = databases.for_azure(*wanted)
        inputs.check(source, inputs.SOURCE)
        inputs.check(target, inputs.TARGET)
        created = dispatch.azure(cmd, where.parent.parent).tasks.create(
            where, *_completed(source, target, token_allowed=False), rows
        )
    if no_wait or not (wait_until or validate_only):
        return created
    from azext_dms_pg.cli import after_creation

    if validate_only:
        return after_creation.validated(cmd, where, backend.tasks)
    return after_creation.waited(cmd, where, backend.tasks, wait_until)


def show_task(
    cmd: Any,
    resource_group_name: str,
    service_name: str,
    project_name: str,
    task_name: str,
    expand: str | None = None,
) -> Json:
    where = TaskAddress(resource_group_name, service_name, project_name, task_name)
    return _backend(cmd, where).tasks.show(where, expand=expand)


def list_tasks(
    cmd: Any,
    resource_group_name: str,
    service_name: str,
    project_name: str,
    task_type: str | None = None,
    expand: str | None = None,
) -> Rows:
    where = ProjectAddress(resource_group_name, service_name, project_name)
    backend = dispatch.for_service(cmd, where.parent)
    return backend.tasks.list(where, task_type=task_type, expand=expand)


def cutover_task(
    cmd: Any,
    resource_group_name: str,
    service_name: str,
    project_name: str,
    task_name: str,
    object_name: str | None = None,
    make_source_read_only: bool = False,
) -> None:
    object_name = databases.one(object_name)
    where = TaskAddress(resource_group_name, service_name, project_name, task_name)
    backend = _backend(cmd, where)
    pair = _platforms(backend, where)
    read_only = {"--make-source-read-only": make_source_read_only}
    if not pair.is_postgresql:
        flags.only_for_postgresql(pair, read_only)
        from azext_dms_pg.cli import handover

        handover.cutover(dispatch.azure(cmd).tasks, where, pair, object_name)
        return
    if not dispatch.is_local(cmd, where.parent.parent):
        flags.only_for_local(read_only)
    backend.tasks.cutover(
        where, object_name=object_name, make_source_read_only=make_source_read_only
    )


def cancel_task(
    cmd: Any, resource_group_name: str, service_name: str, project_name: str, task_name: str
) -> Json:
    where = TaskAddress(resource_group_name, service_name, project_name, task_name)
    return _backend(cmd, where).tasks.cancel(where)


def delete_task(
    cmd: Any,
    resource_group_name: str,
    service_name: str,
    project_name: str,
    task_name: str,
    delete_running_tasks: bool | None = None,
) -> None:
    where = TaskAddress(resource_group_name, service_name, project_name, task_name)
    _backend(cmd, where).tasks.delete(where, delete_running_tasks=bool(delete_running_tasks))


def restart_task(
    cmd: Any, resource_group_name: str, service_name: str, project_name: str, task_name: str
) -> Json:
    where = TaskAddress(resource_group_name, service_name, project_name, task_name)
    return _backend(cmd, where).tasks.restart(where)


def check_task_name(
    cmd: Any, resource_group_name: str, service_name: str, project_name: str, task_name: str
) -> Json:
    where = TaskAddress(resource_group_name, service_name, project_name, task_name)
    return _backend(cmd, where).tasks.check_name(where)


def wait_for_task(
    cmd: Any,
    resource_group_name: str,
    service_name: str,
    project_name: str,
    task_name: str,
    created: bool = False,
    updated: bool = False,
    deleted: bool = False,
    exists: bool = False,
    custom: str | None = None,
    interval: int = 30,
    timeout: int = 3600,
) -> None:
    wait(
        cmd,
        lambda: show_task(
            cmd, resource_group_name, service_name, project_name, task_name, expand="output"
        ),
        Condition(created, updated, deleted, exists, custom),
        interval=interval,
        timeout=timeout,
    )


def _backend(cmd: Any, where: TaskAddress) -> Backend:
    return dispatch.for_service(cmd, where.parent.parent)


def _platforms(backend: Backend, where: TaskAddress) -> platforms.Pair:
    project = backend.projects.show(where.parent)
    return platforms.Pair(project["sourcePlatform"], project["targetPlatform"])


def _completed(source: Json, target: Json, *, token_allowed: bool) -> tuple[Json, Json]:
    return (
        inputs.complete(source, inputs.SOURCE, token_allowed=token_allowed),
        inputs.complete(target, inputs.TARGET, token_allowed=token_allowed),
    )
