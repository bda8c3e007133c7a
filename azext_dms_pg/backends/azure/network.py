"""Subnets, their rules and the network cards of services, read through azure-mgmt-network.

Owns turning ARM's JSON into the values of ``subnet.py``. Decides nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends.azure.errors import translated
from azext_dms_pg.backends.azure.rules import Rule
from azext_dms_pg.backends.azure.subnet import Route, Subnet
from azext_dms_pg.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from azext_dms_pg.backends.azure.client import Clients
    from azext_dms_pg.backends.base import Json

_SUBNET_ID = re.compile(
    r"^/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.Network/virtualNetworks/(?P<vnet>[^/]+)/subnets/(?P<subnet>[^/]+)$",
    re.IGNORECASE,
)
_ID = re.compile(
    r"^/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/[^/]+/[^/]+/(?P<name>[^/]+)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SubnetAddress:
    """Where a subnet is, taken from its resource id."""

    subscription: str
    group: str
    vnet: str
    subnet: str

    def __str__(self) -> str:
        return (
            f"subnet {self.subnet!r} of virtual network {self.vnet!r} in resource group"
            f" {self.group!r}"
        )

    @property
    def id(self) -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}/providers"
            f"/Microsoft.Network/virtualNetworks/{self.vnet}/subnets/{self.subnet}"
        )

    @classmethod
    def parse(cls, text: str) -> SubnetAddress:
        """:raises InputError: not the id of a subnet."""
        match = _SUBNET_ID.match(text.strip())
        if match is None:
            raise InputError(
                f"--subnet: {text!r} is not the resource id of a subnet.",
                "Give /subscriptions/…/virtualNetworks/VNET/subnets/SUBNET (see `az network vnet"
                " subnet show --query id`), or the name together with --vnet-name.",
            )
        return cls(**match.groupdict())


class Network:
    """Reads (and, for rules, writes) networks of any subscription."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def subnet(self, where: SubnetAddress) -> Subnet:
        """The subnet with the rules and routes that apply to it.

        :raises NotFoundError: the virtual network or the subnet does not exist.
        """
        client = self._client(where.subscription)
        with translated(where):
            vnet = wire(client.virtual_networks.get(where.group, where.vnet))
        found = next(
            (
                item
                for item in vnet["properties"].get("subnets") or ()
                if item["name"].lower() == where.subnet.lower()
            ),
            None,
        )
        if found is None:
            names = [item["name"] for item in vnet["properties"].get("subnets") or ()]
            raise NotFoundError(
                f"There is no {where}; it has {', '.join(names) or 'no subnets'}.",
                "Check --subnet, or create it: az network vnet subnet create"
                f" -g {where.group} --vnet-name {where.vnet} -n {where.subnet}"
                " --address-prefixes …",
                code="SubnetNotFound",
            )
        return self._subnet(where, vnet, found["properties"])

    def add_rule(self, group_id: str, rule: Json) -> None:
        address = _parsed(group_id)
        client = self._client(address["subscription"])
        with translated(f"security rule {rule['name']!r} of {address['name']!r}"):
            poller = client.security_rules.begin_create_or_update(
                address["group"], address["name"], rule["name"], {"properties": rule["properties"]}
            )
            self._clients.finished(poller, f"Adding {rule['name']}")

    def cards(self, service: Json) -> list[Json]:
        """The network cards of a service, as ``{name, id, privateIpAddress, primary}``."""
        subnet_id = str(service.get("virtualSubnetId") or "")
        nic_id = service.get("virtualNicId")
        if nic_id:
            try:
                found = self._resource({"id": nic_id}, "network_interfaces")
            except NotFoundError:
                found = None  # a stopped service may have given its card back
            return _card_rows(found, None) if found else []
        address = _parsed(str(service["id"]))
        client = self._client(address["subscription"])
        with translated(f"network interfaces in resource group {address['group']!r}"):
            cards = [wire(item) for item in client.network_interfaces.list(address["group"])]
        return [row for card in cards for row in _card_rows(card, subnet_id)]

    def prefixes(self, where: SubnetAddress) -> list[str]:
        client = self._client(where.subscription)
        with translated(where):
            found = wire(client.subnets.get(where.group, where.vnet, where.subnet))
        return _prefixes(found["properties"])

    def _subnet(self, where: SubnetAddress, vnet: Json, values: Json) -> Subnet:
        group = self._resource(values.get("networkSecurityGroup"), "network_security_groups")
        table = self._resource(values.get("routeTable"), "route_tables")
        return Subnet(
            id=where.id,
            name=where.subnet,
            location=str(vnet.get("location") or ""),
            prefixes=tuple(_prefixes(values)),
            vnet_prefixes=tuple(
                (vnet["properties"].get("addressSpace") or {}).get("addressPrefixes") or ()
            ),
            used_addresses=len(values.get("ipConfigurations") or ()),
            delegations=tuple(
                str((item.get("properties") or {}).get("serviceName") or item.get("name"))
                for item in values.get("delegations") or ()
            ),
            security_group=None if group is None else str(group["name"]),
            security_group_id=None if group is None else str(group["id"]),
            rules=None if group is None else rules_of(group),
            routes=tuple(
                Route(
                    name=str(item.get("name")),
                    prefix=str(item["properties"].get("addressPrefix")),
                    next_hop=str(item["properties"].get("nextHopType")),
                )
                for item in ((table or {}).get("properties") or {}).get("routes") or ()
            ),
            service_endpoints=tuple(
                str(item.get("service")) for item in values.get("serviceEndpoints") or ()
            ),
        )

    def _resource(self, reference: Json | None, kind: str) -> Json | None:
        if not reference or not reference.get("id"):
            return None
        address = _parsed(str(reference["id"]))
        client = self._client(address["subscription"])
        with translated(f"{kind.replace('_', ' ')[:-1]} {address['name']!r}"):
            return wire(getattr(client, kind).get(address["group"], address["name"]))

    def _client(self, subscription: str) -> Any:
        from azure.mgmt.network import NetworkManagementClient

        return self._clients.of(NetworkManagementClient, subscription=subscription)


def rules_of(group: Json) -> tuple[Rule, ...]:
    values = group.get("properties") or {}
    return tuple(
        Rule.from_arm(item)
        for key in ("securityRules", "defaultSecurityRules")
        for item in values.get(key) or ()
    )


def wire(model: Any) -> Json:
    """An SDK model of either generation as ARM's own JSON."""
    found: Json = (
        model.as_dict()
        if getattr(model, "_is_model", False)
        else model.serialize(keep_readonly=True)
    )
    return found


def _prefixes(values: Json) -> list[str]:
    found = list(values.get("addressPrefixes") or ())
    single = values.get("addressPrefix")
    return [*found, single] if single and single not in found else found


def _card_rows(card: Json, subnet_id: str | None) -> list[Json]:
    rows = []
    for item in (card.get("properties") or {}).get("ipConfigurations") or ():
        values = item.get("properties") or {}
        its_subnet = str((values.get("subnet") or {}).get("id") or "")
        if subnet_id is not None and its_subnet.lower() != subnet_id.lower():
            continue
        rows.append(
            {
                "id": card.get("id"),
                "name": card.get("name"),
                "primary": values.get("primary"),
                "privateIpAddress": values.get("privateIPAddress"),
            }
        )
    return rows


def _parsed(resource_id: str) -> dict[str, str]:
    match = _ID.match(resource_id.strip())
    if match is None:
        raise InputError(f"{resource_id!r} is not a resource id.", "Copy it from `az … show`.")
    return match.groupdict()
