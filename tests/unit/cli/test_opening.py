"""``network allow``: planned before the first change; a failure says what was changed before it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from azext_dms_pg.backends.base import ServiceAddress
from azext_dms_pg.cli import dispatch, network, subnet_check
from azext_dms_pg.cli.opening import Change, carried_out
from azext_dms_pg.errors import ConflictError, InputError
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import Severity

NOTE = Finding("AlreadyAllowed", Severity.INFO, "x", "Open already.")


def _refused() -> None:
    raise ConflictError("Azure refused.", "Ask.")


def test_a_dry_run_changes_nothing() -> None:
    found = carried_out([NOTE, Change("server", "rule a", _refused)], dry_run=True)
    assert [(item.code, item.message) for item in found] == [
        ("AlreadyAllowed", "Open already."),
        ("WouldBeAdded", "Would add: rule a."),
    ]


def test_what_was_changed_before_a_failure_is_said() -> None:
    made: list[str] = []
    first = Change("server", "rule a", lambda: made.append("a"))
    with pytest.raises(ConflictError) as caught:
        carried_out([NOTE, first, Change("group", "rule b", _refused)], dry_run=False)
    assert made == ["a"]
    assert caught.value.message == (
        "Azure refused. Before that this was changed, and stays so: Added: rule a. (server)"
    )
    with pytest.raises(ConflictError, match=r"^Azure refused\.$"):
        carried_out([NOTE, Change("group", "rule b", _refused)], dry_run=False)


def test_a_card_without_an_address_has_no_lines() -> None:
    assert network._lines(None, "all") == []
    assert "10.0.0.4/32" in network._lines("10.0.0.4", "all")[0]


def test_a_service_without_a_subnet_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    services = SimpleNamespace(show=lambda _: {"virtualSubnetId": None})
    monkeypatch.setattr(dispatch, "is_local", lambda *_: False)
    monkeypatch.setattr(dispatch, "azure", lambda *_: SimpleNamespace(services=services))
    with pytest.raises(ConflictError, match="Azure names no subnet for service 'S'"):
        network.on_azure(None, "S", "g")


SUBNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n"
WHERE = ServiceAddress("Mine", "S")


def test_a_subnet_by_id_or_by_names() -> None:
    assert subnet_check.address(WHERE, SUBNET, "x", None, None).id == SUBNET
    assert subnet_check.address(WHERE, "n", "s", "v", "g").id == SUBNET
    assert subnet_check.address(WHERE, "n", "s", "v", None).group == "Mine"


@pytest.mark.parametrize(
    ("subnet", "vnet", "group", "message"),
    [
        ("n", None, None, "not the resource id"),
        (SUBNET, "v", None, "--vnet-name was given, too"),
        (SUBNET, None, "g", "--vnet-resource-group was given, too"),
    ],
)
def test_contradictions(subnet: str, vnet: str | None, group: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        subnet_check.address(WHERE, subnet, "s", vnet, group)
