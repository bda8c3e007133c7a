"""Network security rules: which rule decides about a connection. Pure; reads ARM's JSON.

Source for the order: rules of one direction are tried by ascending priority and the first that
matches decides; Azure's own default rules (65000 and up) come last.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]

INBOUND = "Inbound"
OUTBOUND = "Outbound"
ALLOW = "Allow"
DENY = "Deny"
_ANY = {"*", "any", "0.0.0.0/0", "::/0"}
_LOWEST, _HIGHEST = 100, 4096


@dataclass(frozen=True)
class Peer:
    """Who is at the other end of a connection.

    :param tags: service tags (lower case) that mean this peer or everything it is part of.
    :param narrower: service tags that are part of it: an allow for them is meant for us, a deny
        concerns others, too, and is reported as deciding only when it names the peer.
    :param networks: address ranges of the peer, when known.
    """

    name: str
    tags: frozenset[str]
    narrower: frozenset[str] = frozenset()
    networks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One rule, with one or several ranges on each side."""

    name: str
    priority: int
    direction: str
    access: str
    protocol: str
    ports: tuple[str, ...]
    peers: tuple[str, ...]

    @classmethod
    def from_arm(cls, item: Json) -> Rule:
        values = item.get("properties") or item
        inbound = values.get("direction") == INBOUND
        side = "source" if inbound else "destination"
        return cls(
            name=str(item.get("name")),
            priority=int(values["priority"]),
            direction=str(values["direction"]),
            access=str(values["access"]),
            protocol=str(values.get("protocol") or "*").lower(),
            ports=_all(values, "destinationPortRange"),
            peers=_all(values, f"{side}AddressPrefix"),
        )

    def concerns_port(self, protocol: str, port: int) -> bool:
        return self.protocol in {"*", protocol} and any(
            _in_range(item, port) for item in self.ports
        )

    def covers(self, peer: Peer) -> bool:
        """Whether the rule decides about the whole of the peer."""
        for prefix in self.peers:
            tag = prefix.lower()
            if tag in _ANY or tag in peer.tags:
                return True
            if self.access == ALLOW and _tag_base(tag) in peer.narrower:
                return True
            if peer.networks and all(_contains(prefix, network) for network in peer.networks):
                return True
        return False

    def touches(self, peer: Peer) -> bool:
        """Whether the rule decides about a part of the peer."""
        return any(_overlaps(prefix, network) for prefix in self.peers for network in peer.networks)


@dataclass(frozen=True)
class Verdict:
    """What happens to connections of one kind, and by which rule."""

    direction: str
    port: int
    protocol: str
    peer: Peer
    access: str
    rule: Rule | None
    #: A rule that denies a part of the peer before the deciding one is reached.
    partly_denied_by: Rule | None = None


def decide(rules: Iterable[Rule], direction: str, protocol: str, port: int, peer: Peer) -> Verdict:
    """Follow the rules as Azure does."""
    partly = None
    for rule in sorted(rules, key=lambda rule: rule.priority):
        if rule.direction != direction or not rule.concerns_port(protocol, port):
            continue
        if rule.covers(peer):
            return Verdict(direction, port, protocol, peer, rule.access, rule, partly)
        if rule.access == DENY and partly is None and rule.touches(peer):
            partly = rule
    return Verdict(direction, port, protocol, peer, DENY, None, partly)


def allowing(verdicts: Iterable[Verdict], rules: Iterable[Rule]) -> list[Json]:
    """Rules to add (ARM's JSON with name) so that every denied verdict becomes an allow.

    One rule a direction and peer, just before the first rule that denies.

    :raises ValueError: no priority is free there.
    """
    taken = {(rule.direction, rule.priority) for rule in rules}
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.access == DENY:
            groups.setdefault((verdict.direction, verdict.peer.name), []).append(verdict)
    added = []
    for (direction, peer), denied in groups.items():
        limit = (
            min(verdict.rule.priority for verdict in denied if verdict.rule)
            if any(verdict.rule for verdict in denied)
            else _HIGHEST + 1
        )
        priority = _free(direction, limit, taken)
        taken.add((direction, priority))
        added.append(_arm_rule(direction, peer, priority, denied))
    return added


def _arm_rule(direction: str, peer: str, priority: int, denied: list[Verdict]) -> Json:
    inbound = direction == INBOUND
    return {
        "name": f"AllowDms{direction}{peer}",
        "properties": {
            "access": ALLOW,
            "description": "Azure Database Migration Service (az dms network allow)",
            "destinationAddressPrefix": "*" if inbound else peer,
            "destinationPortRanges": [
                str(port) for port in sorted({verdict.port for verdict in denied})
            ],
            "direction": direction,
            "priority": priority,
            "protocol": "*",
            "sourceAddressPrefix": peer if inbound else "*",
            "sourcePortRange": "*",
        },
    }


def _free(direction: str, limit: int, taken: set[tuple[str, int]]) -> int:
    for priority in range(min(limit, _HIGHEST + 1) - 1, _LOWEST - 1, -1):
        if (direction, priority) not in taken:
            return priority
    raise ValueError(f"no priority below {limit} is free")


def _all(values: Json, key: str) -> tuple[str, ...]:
    """ARM keeps one value under ``key`` and several under its plural."""
    plural = key + ("es" if key.endswith("x") else "s")
    found = [*(values.get(plural) or ())]
    if values.get(key):
        found.append(values[key])
    return tuple(str(item) for item in found)


def _in_range(text: str, port: int) -> bool:
    if text == "*":
        return True
    low, _, high = text.partition("-")
    try:
        return int(low) <= port <= int(high or low)
    except ValueError:
        return False


def _tag_base(tag: str) -> str:
    """``storage.eastus2`` is ``storage`` of one region."""
    return tag.split(".", 1)[0] if tag[:1].isalpha() else tag


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _contains(prefix: str, network: str) -> bool:
    outer, inner = _network(prefix), _network(network)
    if isinstance(outer, ipaddress.IPv4Network) and isinstance(inner, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(outer, ipaddress.IPv6Network) and isinstance(inner, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def _overlaps(prefix: str, network: str) -> bool:
    left, right = _network(prefix), _network(network)
    return (
        left is not None
        and right is not None
        and left.version == right.version
        and left.overlaps(right)
    )
