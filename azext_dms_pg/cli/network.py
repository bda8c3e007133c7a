"""``az dms network show`` and ``check``: what is between a service, its source and its target.

Thin: the findings come from ``backends.azure``. ``opening.py`` changes what ``check`` finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends.base import ServiceAddress
from azext_dms_pg.cli import dispatch, outcome, pg_hba
from azext_dms_pg.errors import ConflictError, InputError
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import Severity

if TYPE_CHECKING:
    from azext_dms_pg.backends.azure import AzureBackend
    from azext_dms_pg.backends.azure.subnet import Subnet
    from azext_dms_pg.backends.base import Json, Rows


def show_network(cmd: Any, service_name: str, resource_group_name: str, user: str = "all") -> Json:
    where = ServiceAddress(resource_group_name, service_name)
    if dispatch.is_local(cmd, where):
        service = dispatch.local().services.show(where)
        cards: Rows = [
            {"id": None, "name": "this machine", "primary": None, "privateIpAddress": address}
            for address in pg_hba.own_addresses()
        ]
        prefixes: list[str] = []
    else:
        azure = dispatch.azure(cmd, where)
        service = azure.services.show(where)
        cards = azure.network.cards(service)
        prefixes = _prefixes(azure, service)
    nics: Rows = [{**card, "pgHba": _lines(card["privateIpAddress"], user)} for card in cards]
    lines = [line for nic in nics for line in nic["pgHba"]]
    if not lines:
        # No card yet (the service is being made or is stopped): its subnet is what is known.
        lines = [line for prefix in prefixes for line in pg_hba.lines(prefix, user)]
    return {
        "id": service["id"],
        "location": service["location"],
        "name": service["name"],
        "nics": nics,
        "pgHba": lines,
        "resourceGroup": resource_group_name,
        "subnetId": service["virtualSubnetId"],
        "subnetPrefixes": prefixes,
    }


def check_network(
    cmd: Any,
    service_name: str,
    resource_group_name: str,
    target_server: str | None = None,
    target_resource_group: str | None = None,
    source_port: int = 5432,
) -> Rows:
    from azext_dms_pg.backends.azure import firewall
    from azext_dms_pg.backends.azure import subnet as looking

    azure, where, subnet, service = on_azure(cmd, service_name, resource_group_name)
    found = looking.findings(subnet, service["location"], source_port, exists=True)
    if target_server is not None:
        server = azure.firewall.server(target_server, target_resource_group or where.group)
        rules = azure.firewall.ranges(server) if server.public else {}
        found += firewall.findings(server, list(subnet.prefixes), rules)
    blocking = sum(item.severity is Severity.BLOCKER for item in found)
    if blocking:
        outcome.fail_after_output(
            cmd,
            ConflictError(
                f"{blocking} finding{'s block' if blocking > 1 else ' blocks'} a migration.",
                "Each finding names its remedy; then run the check again.",
            ),
        )
    return [item.to_wire() for item in found] or [
        Finding(
            "NothingInTheWay", Severity.INFO, subnet.name, "Nothing was found in the way."
        ).to_wire()
    ]


def on_azure(
    cmd: Any, service_name: str, group: str
) -> tuple[AzureBackend, ServiceAddress, Subnet, Json]:
    """The service and the subnet it is in.

    :raises InputError: a local service, around which there is no network of Azure's.
    :raises ConflictError: Azure names no subnet for it.
    """
    from azext_dms_pg.backends.azure.network import SubnetAddress

    where = ServiceAddress(group, service_name)
    if dispatch.is_local(cmd, where):
        raise InputError(
            f"The local {where} connects from this machine; there is no Azure network around it.",
            "See the addresses of this machine with `az dms network show`. For a target on"
            " Azure: az postgres flexible-server firewall-rule create.",
        )
    azure = dispatch.azure(cmd, where)
    service = azure.services.show(where)
    if not service["virtualSubnetId"]:
        raise ConflictError(
            f"Azure names no subnet for {where}, so there is nothing to look at.",
            f"See with `az dms show -g {group} -n {service_name}` whether it is made completely;"
            " if it is, delete it and create it again with --subnet.",
        )
    address = SubnetAddress.parse(str(service["virtualSubnetId"]))
    return azure, where, azure.network.subnet(address), service


def _lines(address: str | None, user: str) -> list[str]:
    """None for a card that has no address (yet)."""
    return pg_hba.lines(address, user) if address else []


def _prefixes(azure: AzureBackend, service: Json) -> list[str]:
    from azext_dms_pg.backends.azure.network import SubnetAddress

    if not service["virtualSubnetId"]:
        return []
    return azure.network.prefixes(SubnetAddress.parse(service["virtualSubnetId"]))
