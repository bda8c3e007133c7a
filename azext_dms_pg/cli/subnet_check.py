"""The subnet of a service that is to be made: which one is meant, and a look at it.

Owns what is refused before Azure is asked to make a service. What a subnet must offer is decided
in ``backends.azure.subnet``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from knack.log import get_logger

from azext_dms_pg.backends.azure.network import SubnetAddress
from azext_dms_pg.cli.visible import visible
from azext_dms_pg.errors import ConflictError, DmsPgError, InputError, NotFoundError
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import Severity

if TYPE_CHECKING:
    from azext_dms_pg.backends.azure import AzureBackend
    from azext_dms_pg.backends.base import ServiceAddress


def address(
    where: ServiceAddress,
    subnet: str,
    subscription: str,
    vnet_name: str | None,
    vnet_group: str | None,
) -> SubnetAddress:
    """What ``--subnet`` and ``--vnet-name`` name together.

    :raises InputError: an id that is none, a name without its network, or both an id and names.
    """
    if not subnet.startswith("/"):
        if vnet_name is not None:
            return SubnetAddress(subscription, vnet_group or where.group, vnet_name, subnet)
    elif vnet_name is not None or vnet_group is not None:
        option = "--vnet-name" if vnet_name is not None else "--vnet-resource-group"
        raise InputError(
            f"--subnet is a resource id, which names its virtual network itself; {option} was"
            " given, too.",
            f"Leave {option} out, or give --subnet the name of the subnet.",
        )
    return SubnetAddress.parse(subnet)


def look(azure: AzureBackend, where: ServiceAddress, subnet: SubnetAddress, location: str) -> None:
    """Look at the subnet; what does not hinder is warned of.

    :raises ConflictError: a service could not be made there, or could not work.
    """
    found = _findings(azure, subnet, location)
    blocking = [item for item in found if item.severity is Severity.BLOCKER]
    # One that is there already is only updated: it holds its address, and works or does not.
    if blocking and not azure.services.uses_subnet(where, subnet.id):
        raise ConflictError(
            "A service could not be created or could not work in this subnet: "
            + " ".join(item.message for item in blocking),
            "\n".join(item.remedy for item in blocking)
            + "\nTo go on regardless: --skip-network-check.",
            code=blocking[0].code,
        )
    for item in found:
        text = f"{item.subject}: {item.message} {item.remedy}"
        get_logger(__name__).warning("%s", visible(text, lines=True))


def _findings(azure: AzureBackend, address: SubnetAddress, location: str) -> list[Finding]:
    from azext_dms_pg.backends.azure import subnet as looking

    try:
        return looking.findings(azure.network.subnet(address), location)
    except NotFoundError as error:
        return [Finding(error.code, Severity.BLOCKER, str(address), error.message, error.action)]
    except Exception as error:  # noqa: BLE001 - see below
        # Whoever may join a subnet need not be allowed to read its rules, and the look is a
        # courtesy: not being able to look must not keep anybody from creating a service.
        text = error.message if isinstance(error, DmsPgError) else type(error).__name__
        return [
            Finding(
                "SubnetNotChecked",
                Severity.WARNING,
                str(address),
                f"The subnet could not be looked at before the creation. {text}",
            )
        ]
