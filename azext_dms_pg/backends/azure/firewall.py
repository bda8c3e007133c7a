"""The firewall of the target: an Azure Database for PostgreSQL, flexible or single server.

Owns finding the server, its rules, and the rule for a subnet's range. Source for the range: the
tutorial ("provide the subnet range of the virtual network used for DMS").
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends.azure.errors import translated
from azext_dms_pg.backends.azure.network import wire
from azext_dms_pg.backends.azure.rules import unused
from azext_dms_pg.errors import InputError, NotFoundError
from azext_dms_pg.model.connection import azure_suffix
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from azext_dms_pg.backends.azure.client import Clients

_ID = re.compile(
    r"^/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.DBforPostgreSQL/(?P<kind>flexibleServers|servers)/(?P<name>[^/]+)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Range:
    """Addresses a rule lets in, both ends included."""

    first: str
    last: str

    @classmethod
    def of_prefix(cls, prefix: str) -> Range:
        network = ipaddress.ip_network(prefix, strict=False)
        return cls(str(network[0]), str(network[-1]))

    def covers(self, other: Range) -> bool:
        return _number(self.first) <= _number(other.first) and _number(other.last) <= _number(
            self.last
        )

    def __str__(self) -> str:
        return f"{self.first} - {self.last}"


@dataclass(frozen=True)
class Server:
    """A target server.

    :param public: whether it has a public endpoint, so that a firewall applies.
    """

    group: str
    name: str
    subscription: str | None
    flexible: bool
    public: bool
    delegated_subnet: str | None = None


class Firewall:
    """Servers and firewall rules through the SDKs that core ships."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def server(self, text: str, group: str) -> Server:
        """Find a server by id, host name or name.

        :raises NotFoundError: neither a flexible nor a single server of that name.
        """
        match = _ID.match(text.strip())
        if match is not None:
            subscription, group, name = match["subscription"], match["group"], match["name"]
        else:
            subscription = None
            name = text.strip().lower().removesuffix(azure_suffix(text) or "")
            if not re.fullmatch(r"[a-z0-9-]+", name):
                raise InputError(
                    f"--target-server: {text!r} is neither the name nor the resource id of an"
                    " Azure Database for PostgreSQL.",
                    "Give for example mytarget or mytarget.postgres.database.azure.com.",
                )
        what = f"server {name!r} in resource group {group!r}"
        try:
            with translated(f"flexible {what}"):
                found = wire(self._client(subscription, flexible=True).servers.get(group, name))
        except NotFoundError:
            advice = "Check --target-server and --target-resource-group."
            with translated(f"flexible or single {what}", missing=advice):
                found = wire(self._client(subscription, flexible=False).servers.get(group, name))
            access = (found.get("properties") or {}).get("publicNetworkAccess")
            return Server(group, name, subscription, flexible=False, public=access != "Disabled")
        network = (found.get("properties") or {}).get("network") or {}
        subnet = network.get("delegatedSubnetResourceId")
        public = subnet is None and network.get("publicNetworkAccess") != "Disabled"
        return Server(
            group, name, subscription, flexible=True, public=public, delegated_subnet=subnet
        )

    def ranges(self, server: Server) -> dict[str, Range]:
        """The rules of a server by name."""
        with translated(f"firewall rules of {server.name!r}"):
            rules = self._client(
                server.subscription, flexible=server.flexible
            ).firewall_rules.list_by_server(server.group, server.name)
            found = [wire(rule) for rule in rules]
        return {
            str(rule["name"]): Range(
                rule["properties"]["startIpAddress"], rule["properties"]["endIpAddress"]
            )
            for rule in found
        }

    def allow(self, server: Server, name: str, wanted: Range) -> None:
        operations = self._client(server.subscription, flexible=server.flexible).firewall_rules
        with translated(f"firewall rule {name!r} of {server.name!r}"):
            poller = operations.begin_create_or_update(
                server.group, server.name, name, _rule(wanted, flexible=server.flexible)
            )
            self._clients.finished(poller, f"Adding {name}")

    def _client(self, subscription: str | None, *, flexible: bool) -> Any:
        if flexible:
            from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient
        else:
            from azure.mgmt.rdbms.postgresql import PostgreSQLManagementClient
        return self._clients.of(PostgreSQLManagementClient, subscription=subscription)


def to_allow(service: str, prefixes: Iterable[str], rules: dict[str, Range]) -> dict[str, Range]:
    """The rules to add, by name, so that a service in a subnet of those prefixes gets in.

    Rules that are there stay: one of ours may let in what the service needed before it moved.
    """
    taken = set(rules)
    added = {}
    for item in missing(prefixes, rules):
        name = unused(f"dms-{service}", taken)
        taken.add(name)
        added[name] = item
    return added


def missing(prefixes: Iterable[str], rules: dict[str, Range]) -> list[Range]:
    """The ranges of a subnet that no rule lets in."""
    wanted = [Range.of_prefix(prefix) for prefix in prefixes if ":" not in prefix]
    return [item for item in wanted if not any(rule.covers(item) for rule in rules.values())]


def findings(server: Server, prefixes: list[str], rules: dict[str, Range]) -> list[Finding]:
    if not server.public:
        where = f" (subnet {server.delegated_subnet})" if server.delegated_subnet else ""
        return [
            Finding(
                "TargetIsPrivate",
                Severity.WARNING,
                server.name,
                f"The server has no public endpoint{where}, so there is no firewall to open; the"
                " virtual network of the service must reach it by peering or a private"
                " endpoint, and must resolve its name.",
                "az network vnet peering create …; link the private DNS zone to the service's"
                " virtual network",
            )
        ]
    closed = missing(prefixes, rules)
    return [
        Finding(
            "TargetFirewallClosed",
            Severity.BLOCKER,
            server.name,
            f"No firewall rule of the server lets in {item}.",
            f"az dms network allow … --target-server {server.name}",
        )
        for item in closed
    ]


def _rule(wanted: Range, *, flexible: bool) -> Any:
    if flexible:
        return {"properties": {"startIpAddress": wanted.first, "endIpAddress": wanted.last}}
    from azure.mgmt.rdbms.postgresql.models import FirewallRule

    return FirewallRule(start_ip_address=wanted.first, end_ip_address=wanted.last)


def _number(address: str) -> int:
    return int(ipaddress.ip_address(address))
