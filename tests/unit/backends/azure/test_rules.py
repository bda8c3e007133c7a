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
NEAR = ("10.0.1.0/24",)


def _rule(
    priority: int,
    access: str,
    *,
    direction: str = OUTBOUND,
    ports: tuple[str, ...] = ("*",),
    peers: tuple[str, ...] = ("*",),
    protocol: str = "*",
    near: tuple[str, ...] = ("*",),
) -> Rule:
    return Rule(f"r{priority}", priority, direction, access, protocol, ports, peers, near)


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
    assert rule.near == ("*",)
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


def test_an_allow_for_one_of_the_services_we_need_is_not_enough() -> None:
    both = Peer("AzureCloud", frozenset({"azurecloud"}), frozenset({"storage", "servicebus"}))
    storage = _rule(100, ALLOW, peers=("Storage",))
    bus = _rule(110, ALLOW, peers=("ServiceBus.eastus2",))
    deny = _rule(200, DENY)
    assert decide([storage, deny], OUTBOUND, "tcp", 443, both).rule is deny
    assert decide([storage, bus, deny], OUTBOUND, "tcp", 443, both).rule is bus
    # Where it is not known what is needed, only all of it is enough.
    whole = Peer("AzureCloud", frozenset({"azurecloud"}))
    assert decide([storage, bus, deny], OUTBOUND, "tcp", 12000, whole).access == DENY


def test_a_service_that_is_denied_stays_so() -> None:
    rules = [
        _rule(90, DENY, peers=("Storage",)),
        _rule(100, ALLOW, peers=("Storage",)),
        _rule(200, DENY),
    ]
    verdict = decide(rules, OUTBOUND, "tcp", 443, AZURE)
    assert (verdict.access, verdict.partly_denied_by) == (DENY, rules[0])
    rules[0] = _rule(90, DENY, peers=("Storage.westus",))
    verdict = decide(rules, OUTBOUND, "tcp", 443, AZURE)
    assert (verdict.access, verdict.partly_denied_by) == (ALLOW, rules[0])


@pytest.mark.parametrize(
    ("near", "decides"),
    [
        (("*",), True),
        (("VirtualNetwork",), True),
        (("10.0.0.0/16",), True),
        (("10.0.1.0/25", "10.0.1.128/25"), False),  # together they do; Azure's rules rarely say so
        (("10.0.9.0/24",), False),
        (("10.0.1.0/25",), False),
        ((), False),  # an application security group
    ],
)
@pytest.mark.parametrize("access", [ALLOW, DENY])
def test_a_rule_for_another_subnet_decides_nothing(
    near: tuple[str, ...], decides: bool, access: str
) -> None:
    rule = _rule(100, access, near=near)
    last = _rule(200, DENY if access == ALLOW else ALLOW)
    for peer in (AZURE, VNET):
        verdict = decide([rule, last], OUTBOUND, "tcp", 443, peer, near=NEAR)
        assert verdict.rule is (rule if decides else last)


def test_a_denial_for_a_part_of_the_subnet_is_told() -> None:
    rules = [_rule(100, DENY, near=("10.0.1.0/25",)), _rule(200, ALLOW)]
    verdict = decide(rules, OUTBOUND, "tcp", 443, AZURE, near=NEAR)
    assert (verdict.access, verdict.partly_denied_by) == (ALLOW, rules[0])


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


def test_rules_of_ours_are_never_written_over() -> None:
    rules = [_rule(300, DENY, ports=("443",)), _rule(65000, ALLOW)]
    seen: set[str] = set()
    # Time and again somebody denies something more, in front of what was allowed.
    for priority, port in ((300, 443), (250, 445), (200, 443)):
        rules.append(_rule(priority, DENY, ports=(str(port),)))
        verdicts = [decide(rules, OUTBOUND, "tcp", port, AZURE)]
        (added,) = allowing(verdicts, rules)
        assert added["name"].lower() not in seen
        seen.add(added["name"].lower())
        rules.append(Rule.from_arm({**added, "name": added["name"].upper()}))
        again = [decide(rules, OUTBOUND, "tcp", number, AZURE) for number in (443, 445)]
        assert allowing(again[:1], rules) == []
    assert [verdict.access for verdict in again] == [ALLOW, ALLOW]


def test_no_room_for_a_rule() -> None:
    rules = [_rule(100, DENY)]
    with pytest.raises(ValueError, match="no priority below 100"):
        allowing([decide(rules, OUTBOUND, "tcp", 443, AZURE)], rules)
