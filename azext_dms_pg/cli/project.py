"""``az dms project``: projects. Thin: find the backend, ask it, hand on what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends.base import ServiceAddress
from azext_dms_pg.cli import dispatch, platforms
from azext_dms_pg.cli.waiting import Condition, wait
from azext_dms_pg.errors import InputError

if TYPE_CHECKING:
    from azext_dms_pg.backends.base import Json, Rows


def create_project(
    cmd: Any,
    project_name: str,
    service_name: str,
    resource_group_name: str,
    source_platform: str,
    target_platform: str,
    location: str | None = None,
    tags: dict[str, str] | None = None,
) -> Json:
    service = ServiceAddress(resource_group_name, service_name)
    pair = platforms.Pair(source_platform, target_platform)
    pair.check_known()
    here = dispatch.is_local(cmd, service)
    if here and not pair.is_postgresql:
        raise InputError(
            f"A service on this machine migrates PostgreSQL to PostgreSQL, not {pair}.",
            "Use --source-platform PostgreSQL --target-platform AzureDbForPostgreSql, or a"
            " service on Azure.",
        )
    if not here and dispatch.is_local_location(location):
        raise InputError(
            f"-l local was given, but there is no local {service}.",
            f"Create it first: az dms create -l local -g {service.group} -n {service.service}.",
        )
    backend = dispatch.for_service(cmd, service)
    return backend.projects.create(
        service.project(project_name),
        source_platform=pair.source,
        target_platform=pair.target,
        location=location,
        tags=tags,
    )


def show_project(cmd: Any, project_name: str, service_name: str, resource_group_name: str) -> Json:
    service = ServiceAddress(resource_group_name, service_name)
    return dispatch.for_service(cmd, service).projects.show(service.project(project_name))


def list_projects(cmd: Any, service_name: str, resource_group_name: str) -> Rows:
    service = ServiceAddress(resource_group_name, service_name)
    return dispatch.for_service(cmd, service).projects.list(service)


def delete_project(
    cmd: Any,
    project_name: str,
    service_name: str,
    resource_group_name: str,
    delete_running_tasks: bool | None = None,
) -> None:
    service = ServiceAddress(resource_group_name, service_name)
    dispatch.for_service(cmd, service).projects.delete(
        service.project(project_name), delete_running_tasks=bool(delete_running_tasks)
    )


def check_project_name(
    cmd: Any, project_name: str, service_name: str, resource_group_name: str
) -> Json:
    service = ServiceAddress(resource_group_name, service_name)
    return dispatch.for_service(cmd, service).projects.check_name(service.project(project_name))


def wait_for_project(
    cmd: Any,
    project_name: str,
    service_name: str,
    resource_group_name: str,
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
        lambda: show_project(cmd, project_name, service_name, resource_group_name),
        Condition(created, updated, deleted, exists, custom),
        interval=interval,
        timeout=timeout,
    )
