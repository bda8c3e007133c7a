"""Which backend answers: a service lives either on this machine or on Azure.

Owns that question and nothing else. ``-l local`` decides on creation; afterwards a service the
local store knows by group and name is local and every other is looked for on Azure. Neither an
SDK nor the login is touched for a local service.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends.base import ServiceAddress
from azext_dms_pg.backends.shape import LOCAL_SUBSCRIPTION
from azext_dms_pg.errors import ConflictError, InputError, NotFoundError

if TYPE_CHECKING:
    from azext_dms_pg.backends.azure import AzureBackend
    from azext_dms_pg.backends.base import Backend
    from azext_dms_pg.backends.local import LocalBackend

LOCAL = "local"


def local() -> LocalBackend:
    """The services on this machine.

    :raises InputError: the operating system lacks what workers need.
    """
    if not _can_be_local():
        raise InputError(
            "Services on this machine need Linux or macOS: workers use file locks and signals"
            " that Windows does not have.",
            "Use the Windows Subsystem for Linux (wsl --install), or a service on Azure.",
            code="PlatformNotSupported",
        )
    from azext_dms_pg.backends.local import LocalBackend

    return LocalBackend()


def _can_be_local() -> bool:
    return os.name == "posix"


def is_local(cmd: Any, where: ServiceAddress) -> bool:
    """Whether the service is in the local store (and no other subscription was asked for)."""
    return _may_be_local(cmd) and local().has_service(where.group, where.service)


def for_service(cmd: Any, where: ServiceAddress, *, no_wait: bool = False) -> Backend:
    """The backend that has the service, or Azure when none is known to.

    :raises NotFoundError: it is not local and nobody is logged in to Azure.
    """
    if is_local(cmd, where):
        return local()
    return azure(cmd, where, no_wait=no_wait)


def is_new_local(cmd: Any, where: ServiceAddress, location: str | None) -> bool:
    """Whether a service to be made (or updated) is a local one.

    :raises ConflictError: a local service of that name would hide the one on Azure.
    """
    exists = is_local(cmd, where)
    if is_local_location(location) or (location is None and exists):
        return True
    if exists:
        raise ConflictError(
            f"There is a local {where}; one of the same name in {location!r} could never be"
            " reached, because local services are found first.",
            f"Choose another name, or delete the local one: az dms delete -g {where.group}"
            f" -n {where.service}.",
        )
    return False


def azure(cmd: Any, where: ServiceAddress | None = None, *, no_wait: bool = False) -> AzureBackend:
    """The Azure backend.

    :raises NotFoundError: nobody is logged in.
    """
    from azext_dms_pg.backends.azure import AzureBackend
    from azext_dms_pg.backends.azure.client import subscription_of

    subscription = subscription_of(cmd.cli_ctx)
    looked = ""
    if where is not None and _may_be_local(cmd):
        looked = f"There is no local {where}."
    if subscription is None or subscription == LOCAL_SUBSCRIPTION:
        raise NotFoundError(
            f"{looked} On Azure it was not looked for, because nobody is logged in.".strip()
            if looked
            else "Azure cannot be asked, because nobody is logged in.",
            "For a service on Azure run `az login` first. A service on this machine needs no"
            " login: create it with `az dms create -l local`, list them with `az dms list`.",
            code="NotLoggedIn",
        )
    elsewhere = f"Looked on Azure in subscription {subscription}"
    elsewhere += " and among the services on this machine (`az dms list`)." if looked else "."
    return AzureBackend(cmd.cli_ctx, no_wait=no_wait, elsewhere=elsewhere)


def logged_in(cmd: Any) -> bool:
    """Whether Azure can be asked at all; reads the profile, sends nothing."""
    from azext_dms_pg.backends.azure.client import subscription_of

    return subscription_of(cmd.cli_ctx) not in {None, LOCAL_SUBSCRIPTION}


def is_local_location(location: str | None) -> bool:
    return location is not None and location.strip().lower() == LOCAL


def names_azure(cmd: Any) -> bool:
    """Whether ``--subscription`` says that Azure alone is meant."""
    return not _may_be_local(cmd)


def _may_be_local(cmd: Any) -> bool:
    wanted = cmd.cli_ctx.data.get("subscription_id")
    return _can_be_local() and wanted in {None, LOCAL_SUBSCRIPTION}
