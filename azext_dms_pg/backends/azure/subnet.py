"""What a subnet must offer before a service is put into it. Pure: values in, findings out.

Source: the prerequisites of Microsoft's tutorial (ports 443, 53, 9354, 445, 12000; service
endpoints behind ExpressRoute) and Azure's rule of five reserved addresses a subnet.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from azext_dms_pg.backends.azure.rules import (
    DENY,
    INBOUND,
    OUTBOUND,
    Peer,
    Rule,
    Verdict,
    decide,
)
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import Severity

PORTS = (443, 53, 9354, 445, 12000)
_UDP_TOO = {53}
_RESERVED = 5
_FEW = 3
#: The parts of Azure that a service needs by each port, where that is known: who lets through these
#: tags has let through enough. Source: Microsoft's tutorials (443); SMB; Service Bus's own port.
_NEEDED = {
    443: frozenset({"servicebus", "storage", "azuremonitor"}),
    445: frozenset({"storage"}),
    9354: frozenset({"servicebus"}),
}


@dataclass(frozen=True)
class Route:
    """One user-defined route."""

    name: str
    prefix: str
    next_hop: str


@dataclass(frozen=True)
class Subnet:
    """A subnet as far as ARM tells.

    :param rules: of its network security group; None when it has none.
    """

    id: str
    name: str
    location: str
    prefixes: tuple[str, ...]
    vnet_prefixes: tuple[str, ...] = ()
    used_addresses: int = 0
    delegations: tuple[str, ...] = ()
    security_group: str | None = None
    security_group_id: str | None = None
    rules: tuple[Rule, ...] | None = None
    routes: tuple[Route, ...] = ()
    service_endpoints: tuple[str, ...] = ()

    @property
    def free_addresses(self) -> int:
        size = sum(
            ipaddress.ip_network(prefix, strict=False).num_addresses - _RESERVED
            for prefix in self.prefixes
            if ":" not in prefix
        )
        return size - self.used_addresses

    @property
    def own_network(self) -> Peer:
        """Everything in the virtual network and what is connected to it."""
        return Peer("VirtualNetwork", frozenset({"virtualnetwork"}), networks=self.vnet_prefixes)

    def azure(self, port: int) -> Peer:
        """The services of Azure that are talked to by that port."""
        return Peer(
            "AzureCloud",
            frozenset({"internet", "azurecloud"}),
            parts=_NEEDED.get(port, frozenset()),
        )


def findings(
    subnet: Subnet, service_location: str, source_port: int | None = None, *, exists: bool = False
) -> list[Finding]:
    """Everything that would make the creation of a service fail, or a migration later.

    :param source_port: also look at the way to the source and to the target.
    :param exists: the service is there and has its address.
    """
    return [
        *_place(subnet, service_location),
        *_room(subnet, exists=exists),
        *_ports(subnet, verdicts(subnet, source_port)),
        *_routes(subnet),
    ]


def verdicts(subnet: Subnet, source_port: int | None = None) -> list[Verdict]:
    """What the rules say about every connection the service needs."""
    if subnet.rules is None:
        return []
    ways = [
        (protocol, port)
        for port in PORTS
        for protocol in (("tcp", "udp") if port in _UDP_TOO else ("tcp",))
    ]
    wanted = [(INBOUND, *way, subnet.own_network) for way in ways]
    wanted += [(OUTBOUND, *way, subnet.azure(way[1])) for way in ways]
    if source_port is not None:
        wanted.append((OUTBOUND, "tcp", source_port, subnet.own_network))
        wanted.append((OUTBOUND, "tcp", 5432, subnet.azure(5432)))
    near = tuple(prefix for prefix in subnet.prefixes if ":" not in prefix)
    return [decide(subnet.rules, *item, near=near) for item in wanted]


def _place(subnet: Subnet, service_location: str) -> list[Finding]:
    found = []
    if _folded(subnet.location) != _folded(service_location):
        found.append(
            Finding(
                "SubnetInOtherRegion",
                Severity.BLOCKER,
                subnet.name,
                f"The subnet is in {subnet.location}, the service is to be in"
                f" {service_location}; a service needs a subnet of its own region.",
                f"az dms create -l {subnet.location} …, or a subnet in {service_location}",
            )
        )
    if subnet.delegations:
        found.append(
            Finding(
                "SubnetDelegated",
                Severity.BLOCKER,
                subnet.name,
                f"The subnet is delegated to {', '.join(subnet.delegations)}; nothing else can"
                " be put into it.",
                "Use or create another subnet: az network vnet subnet create …",
            )
        )
    return found


def _room(subnet: Subnet, *, exists: bool) -> list[Finding]:
    free = subnet.free_addresses
    if free >= _FEW:
        return []
    full = free < 1
    need = "has one and needs" if exists else "needs one, and"
    return [
        Finding(
            "SubnetFull" if full else "SubnetNearlyFull",
            Severity.BLOCKER if full and not exists else Severity.WARNING,
            subnet.name,
            f"{max(free, 0)} of the subnet's addresses ({', '.join(subnet.prefixes)}) are free;"
            f" the service {need} one more whenever Azure replaces its machine.",
            "Use another subnet, or add an address prefix to this one.",
        )
    ]


def _ports(subnet: Subnet, decided: list[Verdict]) -> list[Finding]:
    found = []
    denied: dict[tuple[str, str, str], set[int]] = {}
    for verdict in decided:
        if verdict.access == DENY:
            rule = verdict.rule.name if verdict.rule else "no rule that allows it"
            denied.setdefault((verdict.direction, verdict.peer.name, rule), set()).add(verdict.port)
        elif verdict.partly_denied_by is not None:
            found.append(
                Finding(
                    "PortPartlyDenied",
                    Severity.WARNING,
                    subnet.security_group or subnet.name,
                    f"{verdict.direction} port {verdict.port}: the rule"
                    f" {verdict.partly_denied_by.name} denies a part of {verdict.peer.name}, or"
                    " for a part of this subnet"
                    f" ({' '.join(verdict.partly_denied_by.peers)}).",
                    "Make sure that neither the service, its source nor its target is in that"
                    " part.",
                )
            )
    for (direction, peer, rule), ports in denied.items():
        preposition = "from" if direction == INBOUND else "to"
        found.append(
            Finding(
                "PortDenied",
                Severity.BLOCKER,
                subnet.security_group or subnet.name,
                f"{direction} {preposition} {peer}, port"
                f"{'s' if len(ports) > 1 else ''} {', '.join(map(str, sorted(ports)))}: denied"
                f" by {rule}.",
                "az dms network allow --nsg-rules, or: az network nsg rule create --nsg-name"
                f" {subnet.security_group} --access Allow --direction {direction}"
                f" --destination-port-ranges {' '.join(map(str, sorted(ports)))} --priority …",
            )
        )
    return found


def _routes(subnet: Subnet) -> list[Finding]:
    found = []
    for route in subnet.routes:
        if route.prefix != "0.0.0.0/0" or route.next_hop == "Internet":
            continue
        if route.next_hop == "None":
            found.append(
                Finding(
                    "RouteDropsTraffic",
                    Severity.BLOCKER,
                    subnet.name,
                    f"The route {route.name} drops all traffic to Azure's services.",
                    "Remove the route, or give it another next hop.",
                )
            )
            continue
        missing = [
            endpoint
            for endpoint in ("Microsoft.Storage", "Microsoft.ServiceBus", "Microsoft.Sql")
            if endpoint not in subnet.service_endpoints
        ]
        if missing:
            found.append(
                Finding(
                    "ServiceEndpointMissing",
                    Severity.WARNING,
                    subnet.name,
                    f"The route {route.name} sends traffic to Azure's services through"
                    f" {route.next_hop}; without service endpoints the service may not reach"
                    f" them. Missing: {', '.join(missing)}.",
                    "az network vnet subnet update --ids"
                    f" {subnet.id} --service-endpoints"
                    f" {' '.join([*subnet.service_endpoints, *missing])}",
                )
            )
    return found


def _folded(location: str) -> str:
    return location.replace(" ", "").lower()
