"""What is said about a subnet before a service is put into it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from azext_dms_pg.backends.azure.firewall import Range, Server, findings, missing, to_allow
from azext_dms_pg.backends.azure.network import SubnetAddress
from azext_dms_pg.backends.azure.rules import Rule
from azext_dms_pg.backends.azure.subnet import Route, Subnet
from azext_dms_pg.backends.azure.subnet import findings as look
from azext_dms_pg.errors import InputError
from azext_dms_pg.model.states import Severity

GOOD = Subnet(
    id="/subnets/good",
    name="good",
    location="eastus2",
    prefixes=("10.0.1.0/24",),
    vnet_prefixes=("10.0.0.0/16",),
)
DEFAULT_ROUTE = Route("all", "0.0.0.0/0", "VirtualAppliance")


def _codes(subnet: Subnet, location: str = "eastus2") -> list[tuple[str, Severity]]:
    return [(item.code, item.severity) for item in look(subnet, location)]


def test_nothing_in_the_way() -> None:
    assert _codes(GOOD) == []
    assert _codes(GOOD, "East US 2") == []


@pytest.mark.parametrize(
    ("subnet", "code", "severity"),
    [
        (replace(GOOD, location="westus"), "SubnetInOtherRegion", Severity.BLOCKER),
        (replace(GOOD, delegations=("a/b",)), "SubnetDelegated", Severity.BLOCKER),
        (replace(GOOD, used_addresses=251), "SubnetFull", Severity.BLOCKER),
        (replace(GOOD, used_addresses=249), "SubnetNearlyFull", Severity.WARNING),
        (replace(GOOD, routes=(DEFAULT_ROUTE,)), "ServiceEndpointMissing", Severity.WARNING),
        (
            replace(GOOD, routes=(replace(DEFAULT_ROUTE, next_hop="None"),)),
            "RouteDropsTraffic",
            Severity.BLOCKER,
        ),
        (replace(GOOD, security_group="n", rules=()), "PortDenied", Severity.BLOCKER),
    ],
)
def test_findings(subnet: Subnet, code: str, severity: Severity) -> None:
    assert (code, severity) in _codes(subnet)
    assert all(item.message for item in look(subnet, "eastus2"))
    assert all(item.remedy for item in look(subnet, "eastus2"))


def test_a_service_that_is_there_has_its_address() -> None:
    (found,) = look(replace(GOOD, used_addresses=251), "eastus2", exists=True)
    assert (found.code, found.severity) == ("SubnetFull", Severity.WARNING)


def test_each_port_needs_its_own_services() -> None:
    def allow(priority: int, tag: str, *ports: str) -> Rule:
        return Rule(tag, priority, "Outbound", "Allow", "*", ports, (tag,))

    rules = (
        allow(100, "Storage", "443", "445"),
        allow(110, "ServiceBus", "443", "9354"),
        allow(120, "AzureCloud", "53", "12000"),
        Rule("no", 200, "Outbound", "Deny", "*", ("*",), ("*",)),
        Rule("in", 65000, "Inbound", "Allow", "*", ("*",), ("*",)),
    )
    (found,) = look(replace(GOOD, security_group="nsg", rules=rules), "eastus2")
    assert "AzureCloud, port 443: denied by no" in found.message
    enough = (*rules, allow(130, "AzureMonitor", "443"))
    assert look(replace(GOOD, security_group="nsg", rules=enough), "eastus2") == []


def test_rules_for_other_subnets_are_passed_over() -> None:
    other = Rule("other", 100, "Inbound", "Deny", "*", ("*",), ("*",), ("10.0.9.0/24",))
    rules = (
        other,
        Rule("in", 65000, "Inbound", "Allow", "*", ("*",), ("*",)),
        Rule("out", 65000, "Outbound", "Allow", "*", ("*",), ("*",)),
    )
    assert _codes(replace(GOOD, security_group="nsg", rules=rules)) == []


def test_endpoints_make_up_for_the_route() -> None:
    endpoints = ("Microsoft.Storage", "Microsoft.ServiceBus", "Microsoft.Sql")
    assert _codes(replace(GOOD, routes=(DEFAULT_ROUTE,), service_endpoints=endpoints)) == []


def test_ports_denied_by_one_rule_are_one_finding() -> None:
    rules = (
        Rule("no", 100, "Outbound", "Deny", "*", ("443", "53"), ("*",)),
        Rule("yes", 65000, "Outbound", "Allow", "*", ("*",), ("*",)),
        Rule("in", 65000, "Inbound", "Allow", "*", ("*",), ("*",)),
    )
    (found,) = look(replace(GOOD, security_group="nsg", rules=rules), "eastus2")
    assert "ports 53, 443: denied by no" in found.message
    assert "--nsg-name nsg" in found.remedy


def test_subnet_ids() -> None:
    text = (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n"
    )
    address = SubnetAddress.parse(text)
    assert address == SubnetAddress("s", "g", "v", "n")
    assert address.id == text
    assert SubnetAddress.parse(text.upper().replace("/SUBSCRIPTIONS", "/subscriptions")).vnet == "V"
    with pytest.raises(InputError):
        SubnetAddress.parse("n")


def test_firewall_ranges() -> None:
    rules = {"wide": Range("10.0.0.0", "10.0.255.255")}
    assert missing(["10.0.1.0/24", "fd00::/64"], rules) == []
    assert missing(["10.1.0.0/30"], rules) == [Range("10.1.0.0", "10.1.0.3")]
    half = {"half": Range("10.0.1.0", "10.0.1.127")}
    assert missing(["10.0.1.0/24"], half) == [Range("10.0.1.0", "10.0.1.255")]


def test_firewall_rules_are_never_written_over() -> None:
    """A service that is made anew may be in another subnet."""
    rules = {"DMS-S": Range("10.0.1.0", "10.0.1.255"), "dms-s-3": Range("1.1.1.1", "1.1.1.1")}
    assert to_allow("S", ["10.0.1.0/24"], rules) == {}
    assert to_allow("S", ["10.0.2.0/24", "10.0.3.0/24"], rules) == {
        "dms-S-2": Range("10.0.2.0", "10.0.2.255"),
        "dms-S-4": Range("10.0.3.0", "10.0.3.255"),
    }
    assert list(to_allow("S", ["10.0.2.0/24"], {})) == ["dms-S"]


def test_a_private_server_has_no_firewall() -> None:
    server = Server("g", "s", None, flexible=True, public=False)
    (found,) = findings(server, ["10.0.0.0/24"], {})
    assert (found.code, found.severity) == ("TargetIsPrivate", Severity.WARNING)
