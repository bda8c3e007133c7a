"""Network cards: the one a service names, or those of its group in its subnet."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError

from azext_dms_pg.backends.azure.firewall import Firewall
from azext_dms_pg.backends.azure.network import Network
from tests.support.arm.messages import Json

GROUP = "/subscriptions/s/resourceGroups/g/providers"
SUBNET = f"{GROUP}/Microsoft.Network/virtualNetworks/v/subnets/Mine"
SERVICE = {"id": f"{GROUP}/Microsoft.DataMigration/services/x", "virtualSubnetId": SUBNET}


class Model:
    """What both generations of SDK models have in common for us."""

    _is_model = True

    def __init__(self, content: Json) -> None:
        self._content = content

    def as_dict(self) -> Json:
        return self._content


def _card(name: str, subnet: str, address: str) -> Model:
    configuration = {"properties": {"privateIPAddress": address, "subnet": {"id": subnet}}}
    return Model({"name": name, "id": name, "properties": {"ipConfigurations": [configuration]}})


def _gone() -> Any:
    return SimpleNamespace(
        status_code=404, reason="Not Found", headers={}, body=bytes, text=str, request=None
    )


class Clients:
    """Answers as a NetworkManagementClient does."""

    def __init__(self, cards: dict[str, Model]) -> None:
        self._cards = cards

    def of(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(
            network_interfaces=SimpleNamespace(
                get=self._get, list=lambda _group: list(self._cards.values())
            )
        )

    def _get(self, _group: str, name: str) -> Model:
        if name not in self._cards:
            raise ResourceNotFoundError(response=_gone())
        return self._cards[name]


@pytest.fixture
def network() -> Network:
    cards = {
        "a": _card("a", SUBNET.lower(), "10.0.0.4"),
        "b": _card("b", "/other", "10.9.0.4"),
    }
    clients: Any = Clients(cards)
    return Network(clients)


def test_the_card_the_service_names(network: Network) -> None:
    service = {**SERVICE, "virtualNicId": f"{GROUP}/Microsoft.Network/networkInterfaces/b"}
    assert [row["privateIpAddress"] for row in network.cards(service)] == ["10.9.0.4"]


def test_otherwise_those_in_its_subnet(network: Network) -> None:
    found = network.cards({**SERVICE, "virtualNicId": None})
    assert [row["privateIpAddress"] for row in found] == ["10.0.0.4"]


def test_a_card_that_is_gone(network: Network) -> None:
    service = {**SERVICE, "virtualNicId": f"{GROUP}/Microsoft.Network/networkInterfaces/c"}
    assert network.cards(service) == []


@pytest.mark.parametrize(
    ("access", "public"), [("Enabled", True), ("Disabled", False), (None, True)]
)
def test_a_single_server_may_be_private(access: str | None, public: bool) -> None:
    model = Model({"properties": {"publicNetworkAccess": access}})

    def of(client: Any, **_: Any) -> Any:
        def get(*_: str) -> Model:
            if "flexible" in client.__module__:
                raise ResourceNotFoundError(response=_gone())
            return model

        return SimpleNamespace(servers=SimpleNamespace(get=get))

    clients: Any = SimpleNamespace(of=of)
    found = Firewall(clients).server("old.postgres.database.usgovcloudapi.net", "g")
    assert (found.name, found.flexible, found.public) == ("old", False, public)
