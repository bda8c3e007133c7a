"""``az dms network allow``: opens what ``check`` finds closed.

Everything is looked at and planned before the first change is made, so that what cannot be done
is known while nothing has been changed yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from azext_dms_pg.cli.network import on_azure
from azext_dms_pg.errors import ConflictError, DmsPgError, InputError
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from azext_dms_pg.backends.azure import AzureBackend
    from azext_dms_pg.backends.azure.firewall import Server
    from azext_dms_pg.backends.azure.subnet import Subnet
    from azext_dms_pg.backends.base import Rows


@dataclass(frozen=True)
class Change:
    """One rule to add to ``subject``."""

    subject: str
    what: str
    make: Callable[[], None]


def allow_network(
    cmd: Any,
    service_name: str,
    resource_group_name: str,
    target_server: str | None = None,
    target_resource_group: str | None = None,
    security_rules: bool = False,
    dry_run: bool = False,
) -> Rows:
    if target_server is None and not security_rules:
        raise InputError(
            "There is nothing to allow.",
            "Give --target-server NAME for the firewall of the target, --nsg-rules for the rules"
            " of the subnet, or both.",
            code="MissingArgument",
        )
    azure, where, subnet, _ = on_azure(cmd, service_name, resource_group_name)
    planned: list[Change | Finding] = []
    if target_server is not None:
        server = azure.firewall.server(target_server, target_resource_group or where.group)
        planned += _firewall(azure, where.service, subnet, server)
    if security_rules:
        planned += _rules(azure, subnet)
    return [item.to_wire() for item in carried_out(planned, dry_run=dry_run)]


def carried_out(planned: Iterable[Change | Finding], *, dry_run: bool) -> list[Finding]:
    """What was done, in that order.

    :raises DmsPgError: a change could not be made; says which were made before it.
    """
    done: list[Finding] = []
    for item in planned:
        if isinstance(item, Finding):
            done.append(item)
        elif dry_run:
            text = f"Would add: {item.what}."
            done.append(Finding("WouldBeAdded", Severity.INFO, item.subject, text))
        else:
            try:
                item.make()
            except DmsPgError as error:
                made = [f"{past.message} ({past.subject})" for past in done if past.code == "Added"]
                if made:
                    error.add(f"Before that this was changed, and stays so: {' '.join(made)}")
                raise
            done.append(Finding("Added", Severity.INFO, item.subject, f"Added: {item.what}."))
    return done


def _firewall(
    azure: AzureBackend, service: str, subnet: Subnet, server: Server
) -> list[Change | Finding]:
    from azext_dms_pg.backends.azure import firewall

    if not server.public:
        return [*firewall.findings(server, list(subnet.prefixes), {})]
    changes = [
        Change(
            server.name,
            f"firewall rule {name} for {addresses}",
            partial(azure.firewall.allow, server, name, addresses),
        )
        for name, addresses in firewall.to_allow(
            service, subnet.prefixes, azure.firewall.ranges(server)
        ).items()
    ]
    return [*changes] or [
        _nothing_to_do(server.name, f"The firewall lets in {', '.join(subnet.prefixes)} already.")
    ]


def _rules(azure: AzureBackend, subnet: Subnet) -> list[Change | Finding]:
    from azext_dms_pg.backends.azure import subnet as looking
    from azext_dms_pg.backends.azure.rules import allowing

    if subnet.rules is None or subnet.security_group_id is None:
        return [
            Finding(
                "NoSecurityGroup",
                Severity.INFO,
                subnet.name,
                "The subnet has no network security group, so no rules are in the way.",
            )
        ]
    try:
        wanted = allowing(looking.verdicts(subnet, 5432), subnet.rules)
    except ValueError as error:
        raise ConflictError(
            f"No rule can be placed before the one that denies: {error}.",
            "Give the denying rule a higher number (az network nsg rule update --priority) and"
            " run the command again. Nothing was changed.",
        ) from None
    group = str(subnet.security_group)
    changes = [
        Change(
            group,
            f"{rule['properties']['direction']} rule {rule['name']}, priority"
            f" {rule['properties']['priority']}, ports"
            f" {' '.join(rule['properties']['destinationPortRanges'])}",
            partial(azure.network.add_rule, subnet.security_group_id, rule),
        )
        for rule in wanted
    ]
    return [*changes] or [
        _nothing_to_do(group, "The rules let through everything the service needs already.")
    ]


def _nothing_to_do(subject: str, why: str) -> Finding:
    return Finding("AlreadyAllowed", Severity.INFO, subject, why)
