"""Microsoft.Network and Microsoft.DBforPostgreSQL, as far as ``az dms network`` reads them."""

from __future__ import annotations

from tests.support.arm.messages import Json, Request, Response, error
from tests.support.arm.server import SUBSCRIPTION

_BASE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
SUBNET = f"{_BASE}/ERNetwork/providers/Microsoft.Network/virtualNetworks/CorpVnet/subnets"


class Providers:
    """A tiny world: one virtual network with subnets for every case, and two servers."""

    def __init__(self) -> None:
        self.resources: dict[str, Json] = {}
        self._put(
            "ERNetwork/providers/Microsoft.Network/virtualNetworks/CorpVnet",
            location="eastus2",
            properties={
                "addressSpace": {"addressPrefixes": ["172.16.0.0/16"]},
                "subnets": [
                    self._subnet("Good", "172.16.136.0/24"),
                    self._subnet("Full", "172.16.1.0/29", used=3),
                    self._subnet("Delegated", "172.16.2.0/24", delegation="Microsoft.Web/x"),
                    self._subnet("Closed", "172.16.3.0/24", group="closed"),
                    self._subnet("Routed", "172.16.4.0/24", table="appliance"),
                ],
            },
        )
        self._put(
            "ERNetwork/providers/Microsoft.Network/networkSecurityGroups/closed",
            location="eastus2",
            properties={
                "securityRules": [
                    _rule("DenyOut", 200, "Outbound", "Deny", ("443", "445")),
                    _rule("DenyPart", 300, "Inbound", "Deny", ("443",), peer="172.16.9.0/24"),
                ],
                "defaultSecurityRules": [
                    _rule("AllowVnetIn", 65000, "Inbound", "Allow", ("*",), peer="VirtualNetwork"),
                    _rule("DenyAllIn", 65500, "Inbound", "Deny", ("*",)),
                    _rule(
                        "AllowVnetOut", 65000, "Outbound", "Allow", ("*",), peer="VirtualNetwork"
                    ),
                    _rule("AllowInternetOut", 65001, "Outbound", "Allow", ("*",), peer="Internet"),
                    _rule("DenyAllOut", 65500, "Outbound", "Deny", ("*",)),
                ],
            },
        )
        self._put(
            "ERNetwork/providers/Microsoft.Network/routeTables/appliance",
            location="eastus2",
            properties={
                "routes": [
                    {
                        "name": "default",
                        "properties": {
                            "addressPrefix": "0.0.0.0/0",
                            "nextHopType": "VirtualAppliance",
                        },
                    }
                ]
            },
        )
        self._put(
            "PostgresDemo/providers/Microsoft.Network/networkInterfaces/NIC-PostgresCLI",
            location="eastus2",
            properties={
                "ipConfigurations": [
                    {
                        "name": "ipconfig",
                        "properties": {
                            "privateIPAddress": "172.16.136.18",
                            "primary": True,
                            "subnet": {"id": f"{SUBNET}/Good"},
                        },
                    }
                ]
            },
        )
        for kind, name in (("flexibleServers", "builddemotarget"), ("servers", "oldtarget")):
            self._put(
                f"PostgresDemo/providers/Microsoft.DBforPostgreSQL/{kind}/{name}",
                location="eastus2",
                properties={"network": {"publicNetworkAccess": "Enabled"}},
            )
        self._put(
            "PostgresDemo/providers/Microsoft.DBforPostgreSQL/flexibleServers/privatetarget",
            location="eastus2",
            properties={"network": {"publicNetworkAccess": "Disabled"}},
        )

    def __call__(self, request: Request) -> Response:
        path = request.path
        if request.method == "PUT":
            self._write(request)
            new = self.resources[path.lower()]
            if "/flexibleservers/" not in path.lower():
                return Response(200, new)
            # Flexible servers take their time: ask at Location until it is there.
            headers = {"Location": "{origin}" + request.target, "Retry-After": "1"}
            return Response(202, None, headers)
        if "/subnets/" in path.lower():
            return self._one_subnet(path)
        found = self.resources.get(path.lower())
        if found is not None:
            return Response(200, found)
        below = [
            item
            for key, item in self.resources.items()
            if key.startswith(f"{path.lower()}/") and "/" not in key[len(path) + 1 :]
        ]
        last = path.rsplit("/", 1)[-1].lower()
        if last in {"firewallrules", "networkinterfaces"}:
            return Response(200, {"value": below})
        name = path.rsplit("/", 1)[-1]
        return error(404, "ResourceNotFound", f"The Resource '{name}' was not found.")

    def _one_subnet(self, path: str) -> Response:
        vnet, _, name = path.lower().partition("/subnets/")
        for item in self.resources.get(vnet, {"properties": {}})["properties"].get("subnets", ()):
            if item["name"].lower() == name:
                return Response(200, item)
        return error(404, "NotFound", f"Resource {name} not found.")

    def _write(self, request: Request) -> None:
        path = request.path
        name = path.rsplit("/", 1)[-1]
        new = {"id": path, "name": name, **request.json}
        self.resources[path.lower()] = new
        if "/securityrules/" in path.lower():
            group = self.resources[path.lower().rsplit("/", 2)[0]]
            group["properties"]["securityRules"].append(new)

    def _put(self, path: str, **values: object) -> None:
        full = f"{_BASE}/{path}"
        self.resources[full.lower()] = {"id": full, "name": path.rsplit("/", 1)[-1], **values}

    def _subnet(
        self,
        name: str,
        prefix: str,
        *,
        used: int = 0,
        delegation: str | None = None,
        group: str | None = None,
        table: str | None = None,
    ) -> Json:
        properties: Json = {
            "addressPrefix": prefix,
            "ipConfigurations": [{"id": f"/x/{number}"} for number in range(used)],
            "delegations": [
                {"name": "x", "properties": {"serviceName": delegation}},
            ]
            if delegation
            else [],
        }
        base = f"{_BASE}/ERNetwork/providers/Microsoft.Network"
        if group:
            properties["networkSecurityGroup"] = {"id": f"{base}/networkSecurityGroups/{group}"}
        if table:
            properties["routeTable"] = {"id": f"{base}/routeTables/{table}"}
        return {"id": f"{SUBNET}/{name}", "name": name, "properties": properties}


def _rule(
    name: str,
    priority: int,
    direction: str,
    access: str,
    ports: tuple[str, ...],
    *,
    peer: str = "*",
) -> Json:
    inbound = direction == "Inbound"
    return {
        "name": name,
        "properties": {
            "priority": priority,
            "direction": direction,
            "access": access,
            "protocol": "*",
            "sourcePortRange": "*",
            "destinationPortRanges": list(ports) if len(ports) > 1 else [],
            **({"destinationPortRange": ports[0]} if len(ports) == 1 else {}),
            "sourceAddressPrefix": peer if inbound else "*",
            "destinationAddressPrefix": "*" if inbound else peer,
        },
    }
