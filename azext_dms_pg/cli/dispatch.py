"""Which backend answers: a service lives either on this machine or on Azure.

Owns that question and nothing else. ``-l local`` decides on creation; afterwards a service the
local store knows by group and name is local and every other is looked for on Azure. Neither an
SDK nor the login is touched for a local service.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from knack.log import get_logger

from azext_dms_pg.backends.base import ServiceAddress
from azext_dms_pg.backends.shape import LOCAL_SUBSCRIPTION
from azext_dms_pg.cli.visible import visible
from azext_dms_pg.errors import ConflictError, InputError, NotLoggedInError, StateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.backends.azure import AzureBackend
    from azext_dms_pg.backends.base import Backend, Rows
    from azext_dms_pg.backends.local import LocalBackend

LOCAL = "local"
_Answer = TypeVar("_Answer")


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
    return _asked_here(
        cmd, lambda here: here.has_service(where.group, where.service), nothing=False
    )


def local_services(cmd: Any, group: str | None) -> Rows:
    """Those of this machine; none when another subscription was asked for."""
    return _asked_here(cmd, lambda here: here.services.list(group), nothing=[])


def for_service(cmd: Any, where: ServiceAddress, *, no_wait: bool = False) -> Backend:
    """The backend that has the service, or Azure when none is known to.

    :raises NotLoggedInError: it is not local and nobody is logged in to Azure.
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

    :raises NotLoggedInError: nobody is logged in.
    """
    from azext_dms_pg.backends.azure import AzureBackend
    from azext_dms_pg.backends.azure.client import subscription_of

    subscription = subscription_of(cmd.cli_ctx)
    looked = ""
    if where is not None and _may_be_local(cmd):
        looked = f"There is no local {where}."
    if subscription is None or subscription == LOCAL_SUBSCRIPTION:
        raise NotLoggedInError(
            f"{looked} On Azure it was not looked for, because nobody is logged in."
            if looked
            else "Azure cannot be asked, because nobody is logged in.",
            "For a service on Azure run `az login` first. A service on this machine needs no"
            " login: create it with `az dms create -l local`, list them with `az dms list`."
            if _can_be_local()
            else "Run `az login` first.",
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


def only_azure(cmd: Any) -> bool:
    """Whether Azure alone can be meant: by ``--subscription``, or on Windows."""
    return not _may_be_local(cmd)


def names_local(cmd: Any) -> bool:
    """Whether ``--subscription`` (or ``--ids``) says that this machine alone is meant."""
    return bool(cmd.cli_ctx.data.get("subscription_id") == LOCAL_SUBSCRIPTION)


def _may_be_local(cmd: Any) -> bool:
    wanted = cmd.cli_ctx.data.get("subscription_id")
    return _can_be_local() and wanted in {None, LOCAL_SUBSCRIPTION}


def _asked_here(cmd: Any, ask: Callable[[LocalBackend], _Answer], *, nothing: _Answer) -> _Answer:
    """What the local store answers, or ``nothing`` where only Azure can be meant.

    A store that cannot be read must not keep anybody from services on Azure.

    :raises StateError: it cannot be read, and Azure cannot be asked instead.
    """
    if not _may_be_local(cmd):
        return nothing
    try:
        return ask(local())
    except StateError as error:
        if not logged_in(cmd):
            raise
        _warn_once(
            f"Services on this machine are left out of account. {error.message} {error.action}"
            " --subscription NAME asks Azure alone, without this warning."
        )
        return nothing


@lru_cache(maxsize=8)
def _warn_once(text: str) -> None:
    get_logger(__name__).warning("%s", visible(text, lines=True))
