"""Network security rules: which rule decides about a connection. Pure; reads ARM's JSON.

Source for the order: rules of one direction are tried by ascending priority and the first that
matches decides; Azure's own default rules (65000 and up) come last.
"""

from __future__ import annotations

import enum
import ipaddress
import itertools
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
_NEAR_TAGS = frozenset({"virtualnetwork"})
_LOWEST, _HIGHEST = 100, 4096


class Reach(enum.Enum):
    """How much of somebody's addresses one side of a rule is about."""

    NONE = enum.auto()
    PART = enum.auto()
    ALL = enum.auto()


@dataclass(frozen=True)
class Peer:
    """Who is at the other end of a connection.

    :param tags: service tags (lower case) that mean this peer or everything it is part of.
    :param parts: service tags that are part of it and together all that is needed of it: to let
        through each of them is enough. Empty where that is not known.
    :param networks: address ranges of the peer, when known.
    """

    name: str
    tags: frozenset[str]
    parts: frozenset[str] = frozenset()
    networks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One rule, with one or several ranges on each side.

    :param peers: the far side; ``near`` the side of the subnet the rules belong to. A side that is
        an application security group has no ranges, and no service is a member of one.
    """

    name: str
    priority: int
    direction: str
    access: str
    protocol: str
    ports: tuple[str, ...]
    peers: tuple[str, ...]
    near: tuple[str, ...] = ("*",)

    @classmethod
    def from_arm(cls, item: Json) -> Rule:
        values = item.get("properties") or item
        inbound = values.get("direction") == INBOUND
        far, near = ("source", "destination") if inbound else ("destination", "source")
        return cls(
            name=str(item.get("name")),
            priority=int(values["priority"]),
            direction=str(values["direction"]),
            access=str(values["access"]),
            protocol=str(values.get("protocol") or "*").lower(),
            ports=_all(values, "destinationPortRange"),
            peers=_all(values, f"{far}AddressPrefix"),
            near=_all(values, f"{near}AddressPrefix"),
        )

    def concerns_port(self, protocol: str, port: int) -> bool:
        return self.protocol in {"*", protocol} and any(
            _in_range(item, port) for item in self.ports
        )

    def reach(self, peer: Peer) -> Reach:
        return _reach(self.peers, peer.tags, peer.networks)

    def reach_near(self, networks: tuple[str, ...]) -> Reach:
        return _reach(self.near, _NEAR_TAGS, networks)

    def parts(self, peer: Peer) -> frozenset[str]:
        """The needed parts of the peer that the rule names by their own tags."""
        return peer.parts & {_tag_base(prefix.lower()) for prefix in self.peers}


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


def decide(
    rules: Iterable[Rule],
    direction: str,
    protocol: str,
    port: int,
    peer: Peer,
    *,
    near: tuple[str, ...] = (),
) -> Verdict:
    """Follow the rules as Azure does.

    :param near: the ranges of the subnet; a rule for another subnet decides nothing here.
    """
    partly = None
    closed: frozenset[str] = frozenset()
    undecided = peer.parts
    for rule in sorted(rules, key=lambda rule: rule.priority):
        here = rule.reach_near(near) if near else Reach.ALL
        concerned = rule.direction == direction and rule.concerns_port(protocol, port)
        if here is Reach.NONE or not concerned:
            continue
        there, parts = rule.reach(peer), rule.parts(peer)
        if here is there is Reach.ALL:
            return Verdict(direction, port, protocol, peer, rule.access, rule, partly)
        if rule.access == DENY and (there is not Reach.NONE or parts):
            partly = partly or rule
            # The tag of one region closes that region, which is hardly ever the service's own.
            closed |= undecided & {prefix.lower() for prefix in rule.peers}
        elif rule.access == ALLOW and parts and here is Reach.ALL:
            undecided -= parts - closed
            if not undecided:
                return Verdict(direction, port, protocol, peer, ALLOW, rule, partly)
    return Verdict(direction, port, protocol, peer, DENY, None, partly)


def allowing(verdicts: Iterable[Verdict], rules: Iterable[Rule]) -> list[Json]:
    """Rules to add (ARM's JSON with name) so that every denied verdict becomes an allow.

    One rule a direction and peer, just before the first rule that denies. Each has a name of its
    own: a rule of that name that is there is needed, and writing over it would close its ports.

    :raises ValueError: no priority is free there.
    """
    rules = list(rules)
    taken = {(rule.direction, rule.priority) for rule in rules}
    names = {rule.name for rule in rules}
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
        name = unused(f"AllowDms{direction}{peer}", names)
        added.append(_arm_rule(name, direction, peer, priority, denied))
    return added


def unused(name: str, taken: Iterable[str]) -> str:
    """The name, or with the first number behind it that nobody has; ARM ignores case."""
    folded = {other.lower() for other in taken}
    names = itertools.chain((name,), (f"{name}-{number}" for number in itertools.count(2)))
    return next(item for item in names if item.lower() not in folded)


def _arm_rule(name: str, direction: str, peer: str, priority: int, denied: list[Verdict]) -> Json:
    inbound = direction == INBOUND
    return {
        "name": name,
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


def _reach(prefixes: tuple[str, ...], tags: frozenset[str], networks: tuple[str, ...]) -> Reach:
    if any(prefix.lower() in _ANY or prefix.lower() in tags for prefix in prefixes):
        return Reach.ALL
    within = [any(_contains(prefix, network) for prefix in prefixes) for network in networks]
    if within and all(within):
        return Reach.ALL
    touched = any(_overlaps(prefix, network) for prefix in prefixes for network in networks)
    return Reach.PART if touched else Reach.NONE


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
