"""``az dms project task``: tasks. Thin: find the backend, ask it, hand on what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends.base import ProjectAddress, TaskAddress
from azext_dms_pg.cli import databases, dispatch, inputs, platforms
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
    where = TaskAddress(resource_group_name, service_name, project_name, task_name)
    backend = _backend(cmd, where)
    pair = _platforms(backend, where)
    pair.check_same(source_platform, target_platform, where.project)
    if not pair.is_postgresql:
        from azext_dms_pg.cli import handover

        return handover.create_task(
            dispatch.azure(cmd).clients,
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
    chosen = databases.chosen(database_options_json, databases_to_migrate, tables)
    inputs.task_input(source, target, chosen)
    here = dispatch.is_local(cmd, where.parent.parent)
    created = backend.tasks.create(
        where,
        inputs.task_input(
            inputs.complete(source, inputs.SOURCE, token_allowed=here),
            inputs.complete(target, inputs.TARGET, token_allowed=here),
            chosen,
        ),
        TaskOptions(validate_only=validate_only, migrate_schema=migrate_schema),
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
    where = TaskAddress(resource_group_name, service_name, project_name, task_name)
    backend = _backend(cmd, where)
    pair = _platforms(backend, where)
    if not pair.is_postgresql:
        from azext_dms_pg.cli import handover

        handover.cutover(dispatch.azure(cmd).clients, where, pair, object_name)
        return
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
        Condition(created or updated, deleted, exists, custom),
        interval=interval,
        timeout=timeout,
    )


def _backend(cmd: Any, where: TaskAddress) -> Backend:
    return dispatch.for_service(cmd, where.parent.parent)


def _platforms(backend: Backend, where: TaskAddress) -> platforms.Pair:
    project = backend.projects.show(where.parent)
    return platforms.Pair(project["sourcePlatform"], project["targetPlatform"])
