"""``az dms network`` and the look at a subnet before a service is made in it. Thin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends.base import ServiceAddress
from azext_dms_pg.cli import dispatch, pg_hba
from azext_dms_pg.errors import ConflictError, DmsPgError, InputError
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
    nics: Rows = [{**card, "pgHba": pg_hba.lines(card["privateIpAddress"], user)} for card in cards]
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

    azure, where, subnet, service = _on_azure(cmd, service_name, resource_group_name)
    found = looking.findings(subnet, service["location"], source_port)
    if target_server is not None:
        server = azure.firewall.server(target_server, target_resource_group or where.group)
        rules = azure.firewall.ranges(server) if server.public else {}
        found += firewall.findings(server, list(subnet.prefixes), rules)
    blocking = sum(item.severity is Severity.BLOCKER for item in found)
    if blocking:
        _fail_after_output(cmd, blocking)
    return [item.to_wire() for item in found] or [
        Finding(
            "NothingInTheWay", Severity.INFO, subnet.name, "Nothing was found in the way."
        ).to_wire()
    ]


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
    azure, where, subnet, _ = _on_azure(cmd, service_name, resource_group_name)
    done: list[Finding] = []
    if target_server is not None:
        done += _open_firewall(
            azure, where, subnet, target_server, target_resource_group, dry_run=dry_run
        )
    if security_rules:
        done += _open_rules(azure, subnet, dry_run=dry_run)
    return [item.to_wire() for item in done]


def checked_subnet(
    azure: AzureBackend,
    where: ServiceAddress,
    subnet: str,
    *,
    subscription: str,
    vnet_name: str | None,
    vnet_group: str | None,
    location: str,
    skip: bool,
) -> str:
    """The resource id of the subnet for a new service, after a look at it.

    :raises ConflictError: a service could not be made there, or could not work.
    """
    from azext_dms_pg.backends.azure.network import SubnetAddress

    address = (
        SubnetAddress(subscription, vnet_group or where.group, vnet_name, subnet)
        if vnet_name is not None and not subnet.startswith("/")
        else SubnetAddress.parse(subnet)
    )
    if skip:
        return address.id if vnet_name is not None else subnet
    found = _look(azure, address, location)
    blocking = [item for item in found if item.severity is Severity.BLOCKER]
    if blocking:
        raise ConflictError(
            "A service could not be created or could not work in this subnet: "
            + " ".join(item.message for item in blocking),
            "\n".join(item.remedy for item in blocking)
            + "\nTo go on regardless: --skip-network-check.",
            code=blocking[0].code,
        )
    for item in found:
        _warn(f"{item.subject}: {item.message} {item.remedy}")
    return address.id if vnet_name is not None else subnet


def _look(azure: AzureBackend, address: Any, location: str) -> list[Finding]:
    from azext_dms_pg.backends.azure import subnet as looking
    from azext_dms_pg.errors import NotFoundError

    try:
        return looking.findings(azure.network.subnet(address), location)
    except NotFoundError as error:
        return [Finding(error.code, Severity.BLOCKER, str(address), error.message, error.action)]
    except Exception as error:  # noqa: BLE001 - see below
        # Whoever may join a subnet need not be allowed to read its rules, and the look is a
        # courtesy: not being able to look must not keep anybody from creating a service.
        text = error.message if isinstance(error, DmsPgError) else type(error).__name__
        return [
            Finding(
                "SubnetNotChecked",
                Severity.WARNING,
                str(address),
                f"The subnet could not be looked at before the creation. {text}",
            )
        ]


def _on_azure(
    cmd: Any, service_name: str, group: str
) -> tuple[AzureBackend, ServiceAddress, Subnet, Json]:
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
    address = SubnetAddress.parse(str(service["virtualSubnetId"]))
    return azure, where, azure.network.subnet(address), service


def _open_firewall(
    azure: AzureBackend,
    where: ServiceAddress,
    subnet: Subnet,
    target: str,
    group: str | None,
    *,
    dry_run: bool,
) -> list[Finding]:
    from azext_dms_pg.backends.azure import firewall

    server = azure.firewall.server(target, group or where.group)
    if not server.public:
        return firewall.findings(server, list(subnet.prefixes), {})
    rules = azure.firewall.ranges(server)
    closed = firewall.missing(subnet.prefixes, rules)
    done = []
    for number, item in enumerate(closed, start=1):
        name = f"dms-{where.service}" + (f"-{number}" if len(closed) > 1 else "")
        if not dry_run:
            azure.firewall.allow(server, name, item)
        done.append(_change(server.name, f"firewall rule {name} for {item}", dry_run=dry_run))
    return done or [
        Finding(
            "AlreadyAllowed",
            Severity.INFO,
            server.name,
            f"The firewall lets in {', '.join(subnet.prefixes)} already.",
        )
    ]


def _open_rules(azure: AzureBackend, subnet: Subnet, *, dry_run: bool) -> list[Finding]:
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
            " run the command again.",
        ) from None
    done = []
    for rule in wanted:
        if not dry_run:
            azure.network.add_rule(subnet.security_group_id, rule)
        values = rule["properties"]
        text = (
            f"{values['direction']} rule {rule['name']}, priority {values['priority']}, ports"
            f" {' '.join(values['destinationPortRanges'])}"
        )
        done.append(_change(str(subnet.security_group), text, dry_run=dry_run))
    return done or [
        Finding(
            "AlreadyAllowed",
            Severity.INFO,
            str(subnet.security_group),
            "The rules let through everything the service needs already.",
        )
    ]


def _change(subject: str, what: str, *, dry_run: bool) -> Finding:
    if dry_run:
        return Finding("WouldBeAdded", Severity.INFO, subject, f"Would add: {what}.")
    return Finding("Added", Severity.INFO, subject, f"Added: {what}.")


def _prefixes(azure: AzureBackend, service: Json) -> list[str]:
    from azext_dms_pg.backends.azure.network import SubnetAddress

    if not service["virtualSubnetId"]:
        return []
    return azure.network.prefixes(SubnetAddress.parse(service["virtualSubnetId"]))


def _fail_after_output(cmd: Any, blocking: int) -> None:
    """Exit code 1, but only after the findings were printed: results go to stdout in any case."""
    from azure.cli.core.azclierror import ValidationError
    from knack.events import EVENT_CLI_SUCCESSFUL_EXECUTE

    def fail(*_: object, **__: object) -> None:
        raise ValidationError(
            f"{blocking} finding{'s block' if blocking > 1 else ' blocks'} a migration.",
            recommendation="Each finding names its remedy; then run the check again.",
        )

    cmd.cli_ctx.register_event(EVENT_CLI_SUCCESSFUL_EXECUTE, fail)


def _warn(text: str) -> None:
    from knack.log import get_logger

    get_logger(__name__).warning("%s", text)
