"""``az dms``: services. Thin: find the backend, ask it, hand on what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knack.log import get_logger
from knack.util import CLIError

from azext_dms_pg.backends.base import ServiceAddress
from azext_dms_pg.cli import dispatch
from azext_dms_pg.cli.waiting import Condition, wait
from azext_dms_pg.errors import DmsPgError

if TYPE_CHECKING:
    from azext_dms_pg.backends.base import Json, Rows


def create_service(
    cmd: Any,
    service_name: str,
    resource_group_name: str,
    location: str | None = None,
    sku_name: str | None = None,
    subnet: str | None = None,
    vnet_name: str | None = None,
    vnet_resource_group: str | None = None,
    tags: dict[str, str] | None = None,
    skip_network_check: bool = False,
    no_wait: bool = False,
) -> Json | None:
    where = ServiceAddress(resource_group_name, service_name)
    if dispatch.is_new_local(cmd, where, location):
        return dispatch.local().services.create(
            where, location=dispatch.LOCAL, sku=sku_name, subnet=None, tags=tags
        )
    azure = dispatch.azure(cmd, where, no_wait=no_wait)
    location = location or azure.clients.group_location(where.group)
    if subnet:
        from azext_dms_pg.cli.network import checked_subnet

        subnet = checked_subnet(
            azure,
            where,
            subnet,
            subscription=azure.clients.subscription,
            vnet_name=vnet_name,
            vnet_group=vnet_resource_group,
            location=location,
            skip=skip_network_check,
        )
    return azure.services.create(where, location=location, sku=sku_name, subnet=subnet, tags=tags)


def show_service(cmd: Any, service_name: str, resource_group_name: str) -> Json:
    where = ServiceAddress(resource_group_name, service_name)
    return dispatch.for_service(cmd, where).services.show(where)


def list_services(cmd: Any, resource_group_name: str | None = None) -> Rows:
    here = [] if dispatch.names_azure(cmd) else dispatch.local().services.list(resource_group_name)
    if not dispatch.logged_in(cmd):
        return here
    try:
        return here + dispatch.azure(cmd).services.list(resource_group_name)
    except (DmsPgError, CLIError) as error:  # CLIError: a login that has expired
        if not here:
            raise
        # A group that holds only local services need not exist on Azure.
        if getattr(error, "code", "") != "ResourceGroupNotFound":
            text = f"{error} {getattr(error, 'action', '')}".strip()
            get_logger(__name__).warning("Only the services on this machine are listed. %s", text)
        return here


def delete_service(
    cmd: Any,
    service_name: str,
    resource_group_name: str,
    delete_running_tasks: bool | None = None,
    no_wait: bool = False,
) -> None:
    where = ServiceAddress(resource_group_name, service_name)
    dispatch.for_service(cmd, where, no_wait=no_wait).services.delete(
        where, delete_running_tasks=bool(delete_running_tasks)
    )


def start_service(
    cmd: Any,
    service_name: str,
    resource_group_name: str,
    no_wait: bool = False,
) -> Json | None:
    where = ServiceAddress(resource_group_name, service_name)
    return dispatch.for_service(cmd, where, no_wait=no_wait).services.start(where)


def stop_service(
    cmd: Any,
    service_name: str,
    resource_group_name: str,
    no_wait: bool = False,
) -> Json | None:
    where = ServiceAddress(resource_group_name, service_name)
    return dispatch.for_service(cmd, where, no_wait=no_wait).services.stop(where)


def check_service_status(cmd: Any, service_name: str, resource_group_name: str) -> Json:
    where = ServiceAddress(resource_group_name, service_name)
    return dispatch.for_service(cmd, where).services.check_status(where)


def check_service_name(cmd: Any, service_name: str, location: str) -> Json:
    if dispatch.is_local_location(location):
        return dispatch.local().services.check_name(service_name, dispatch.LOCAL)
    return dispatch.azure(cmd).services.check_name(service_name, location)


def list_skus(cmd: Any) -> Rows:
    if dispatch.logged_in(cmd):
        return dispatch.azure(cmd).services.list_skus()
    return dispatch.local().services.list_skus()


def wait_for_service(
    cmd: Any,
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
        lambda: show_service(cmd, service_name, resource_group_name),
        Condition(created or updated, deleted, exists, custom),
        interval=interval,
        timeout=timeout,
    )
