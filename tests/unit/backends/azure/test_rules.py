"""Network security rules: who decides about a connection, and what must be added."""

from __future__ import annotations

import pytest

from azext_dms_pg.backends.azure.rules import (
    ALLOW,
    DENY,
    INBOUND,
    OUTBOUND,
    Peer,
    Rule,
    allowing,
    decide,
)

VNET = Peer("VirtualNetwork", frozenset({"virtualnetwork"}), networks=("10.0.0.0/16",))
AZURE = Peer("AzureCloud", frozenset({"internet", "azurecloud"}), frozenset({"storage"}))


def _rule(
    priority: int,
    access: str,
    *,
    direction: str = OUTBOUND,
    ports: tuple[str, ...] = ("*",),
    peers: tuple[str, ...] = ("*",),
    protocol: str = "*",
) -> Rule:
    return Rule(f"r{priority}", priority, direction, access, protocol, ports, peers)


def test_reads_arm() -> None:
    rule = Rule.from_arm(
        {
            "name": "r",
            "properties": {
                "priority": 100,
                "direction": "Inbound",
                "access": "Deny",
                "protocol": "Tcp",
                "destinationPortRange": "80",
                "destinationPortRanges": ["443", "1000-2000"],
                "sourceAddressPrefix": "",
                "sourceAddressPrefixes": ["10.0.0.0/8"],
                "destinationAddressPrefix": "*",
            },
        }
    )
    assert rule.ports == ("443", "1000-2000", "80")
    assert rule.peers == ("10.0.0.0/8",)
    assert rule.concerns_port("tcp", 1500)
    assert not rule.concerns_port("udp", 1500)
    assert not rule.concerns_port("tcp", 81)


def test_lowest_priority_number_decides() -> None:
    rules = [_rule(200, ALLOW), _rule(100, DENY)]
    verdict = decide(rules, OUTBOUND, "tcp", 443, AZURE)
    assert (verdict.access, verdict.rule) == (DENY, rules[1])


@pytest.mark.parametrize(
    ("rule", "access"),
    [
        (_rule(100, DENY, ports=("80",)), ALLOW),
        (_rule(100, DENY, direction=INBOUND), ALLOW),
        (_rule(100, DENY, protocol="udp"), ALLOW),
        (_rule(100, DENY, peers=("VirtualNetwork",)), ALLOW),
        (_rule(100, DENY, peers=("Internet",)), DENY),
        (_rule(100, DENY, peers=("0.0.0.0/0",)), DENY),
        # A deny for a part of Azure is not one for all of it.
        (_rule(100, DENY, peers=("Storage",)), ALLOW),
    ],
)
def test_rules_that_do_not_concern_us(rule: Rule, access: str) -> None:
    assert decide([rule, _rule(65000, ALLOW)], OUTBOUND, "tcp", 443, AZURE).access == access


def test_an_allow_for_the_services_we_need_is_enough() -> None:
    rules = [_rule(100, ALLOW, peers=("Storage.eastus2",)), _rule(200, DENY)]
    assert decide(rules, OUTBOUND, "tcp", 443, AZURE).access == ALLOW


def test_networks_are_compared() -> None:
    wide = [_rule(100, DENY, peers=("10.0.0.0/8",)), _rule(65000, ALLOW)]
    assert decide(wide, OUTBOUND, "tcp", 5432, VNET).access == DENY
    part = [_rule(100, DENY, peers=("10.0.5.0/24",)), _rule(65000, ALLOW)]
    verdict = decide(part, OUTBOUND, "tcp", 5432, VNET)
    assert (verdict.access, verdict.partly_denied_by) == (ALLOW, part[0])
    other = [_rule(100, DENY, peers=("192.168.0.0/16", "fd00::/8")), _rule(65000, ALLOW)]
    assert decide(other, OUTBOUND, "tcp", 5432, VNET).partly_denied_by is None


def test_nothing_matches() -> None:
    verdict = decide([], OUTBOUND, "tcp", 443, AZURE)
    assert (verdict.access, verdict.rule) == (DENY, None)


def test_added_rules_come_before_the_denying_one_and_turn_every_verdict() -> None:
    rules = [
        _rule(300, DENY, ports=("443", "445")),
        _rule(299, ALLOW, ports=("1",)),
        _rule(400, DENY, direction=INBOUND),
        _rule(65000, ALLOW),
    ]
    wanted = [(OUTBOUND, 443, AZURE), (OUTBOUND, 445, AZURE), (INBOUND, 53, VNET)]
    verdicts = [decide(rules, side, "tcp", port, peer) for side, port, peer in wanted]
    added = allowing(verdicts, rules)
    assert [(item["name"], item["properties"]["priority"]) for item in added] == [
        ("AllowDmsOutboundAzureCloud", 298),
        ("AllowDmsInboundVirtualNetwork", 399),
    ]
    assert added[0]["properties"]["destinationPortRanges"] == ["443", "445"]
    after = rules + [Rule.from_arm(item) for item in added]
    assert {decide(after, side, "tcp", port, peer).access for side, port, peer in wanted} == {ALLOW}
    assert allowing([decide(after, *wanted[0][:1], "tcp", 443, AZURE)], after) == []


def test_no_room_for_a_rule() -> None:
    rules = [_rule(100, DENY)]
    with pytest.raises(ValueError, match="no priority below 100"):
        allowing([decide(rules, OUTBOUND, "tcp", 443, AZURE)], rules)
