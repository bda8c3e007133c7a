"""``az dms``: services. Thin: find the backend, ask it, hand on what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knack.log import get_logger
from knack.util import CLIError

from azext_dms_pg.backends.base import ServiceAddress
from azext_dms_pg.cli import dispatch, outcome
from azext_dms_pg.cli.visible import visible
from azext_dms_pg.cli.waiting import Condition, wait
from azext_dms_pg.errors import DmsPgError, InputError

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
    sku, subnet = _required(sku_name, "--sku-name"), _required(subnet, "--subnet")
    azure = dispatch.azure(cmd, where, no_wait=no_wait)
    from azext_dms_pg.cli import subnet_check

    address = subnet_check.address(
        where, subnet, azure.clients.subscription, vnet_name, vnet_resource_group
    )
    location = location or azure.clients.group_location(where.group)
    if not skip_network_check:
        subnet_check.look(azure, where, address, location)
    return azure.services.create(
        where,
        location=location,
        sku=sku,
        # An id goes to Azure as it was written, as core sends it.
        subnet=subnet if vnet_name is None else address.id,
        tags=tags,
    )


def show_service(cmd: Any, service_name: str, resource_group_name: str) -> Json:
    where = ServiceAddress(resource_group_name, service_name)
    return dispatch.for_service(cmd, where).services.show(where)


def list_services(cmd: Any, resource_group_name: str | None = None) -> Rows:
    if dispatch.only_azure(cmd):
        return dispatch.azure(cmd).services.list(resource_group_name)
    here = dispatch.local_services(cmd, resource_group_name)
    if not dispatch.logged_in(cmd):
        if not dispatch.names_local(cmd):
            _say_only_here("For those on Azure run `az login`.")
        return here
    try:
        return here + dispatch.azure(cmd).services.list(resource_group_name)
    except (DmsPgError, CLIError) as error:  # CLIError: a login that has expired
        if not here:
            raise
        # A group that holds only local services need not exist on Azure.
        if getattr(error, "code", "") != "ResourceGroupNotFound":
            _say_only_here("Azure did not answer.")
            outcome.fail_after_output(cmd, error)
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
    if dispatch.logged_in(cmd) or dispatch.only_azure(cmd):
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
        Condition(created, updated, deleted, exists, custom),
        interval=interval,
        timeout=timeout,
    )


_EXAMPLES = {
    "--sku-name": "--sku-name Premium_4vCores (online migrations need Premium)",
    "--subnet": "--subnet ID, or --subnet NAME --vnet-name VNET",
}


def _required(value: str | None, option: str) -> str:
    if not value:
        raise InputError(
            f"A service on Azure needs {option}.",
            f"Add {_EXAMPLES[option]}. A service on this machine needs neither: -l local.",
            code="MissingArgument",
        )
    return value


def _say_only_here(why: str) -> None:
    get_logger(__name__).warning(
        "Only the services on this machine are listed. %s", visible(why, lines=True)
    )
