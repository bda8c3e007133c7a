"""Which backend answers, and what is said when none can."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azure.cli.core.mock import DummyCli

from azext_dms_pg.backends.base import ServiceAddress
from azext_dms_pg.backends.shape import LOCAL_SUBSCRIPTION
from azext_dms_pg.cli import dispatch
from azext_dms_pg.errors import ConflictError, InputError, NotLoggedInError, StateError

WHERE = ServiceAddress("Group", "Name")


@pytest.fixture(autouse=True)
def _own_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))


@pytest.fixture
def made() -> None:
    dispatch.local().services.create(WHERE, location="local", sku=None, subnet=None, tags=None)


def _command(subscription: str | None = None) -> Any:
    cli: Any = DummyCli()
    if subscription is not None:
        cli.data["subscription_id"] = subscription
    return SimpleNamespace(cli_ctx=cli)


@pytest.mark.usefixtures("made")
def test_local_services_are_found_by_any_case() -> None:
    assert dispatch.is_local(_command(), ServiceAddress("gROUP", "nAME"))
    assert not dispatch.is_local(_command(), ServiceAddress("Group", "Other"))


@pytest.mark.usefixtures("made")
def test_another_subscription_means_azure() -> None:
    assert dispatch.is_local(_command(LOCAL_SUBSCRIPTION), WHERE)
    assert not dispatch.is_local(_command("97181df2-909d-420b-ab93-1bff15acb6b7"), WHERE)


@pytest.mark.parametrize("location", ["local", "Local", " LOCAL "])
def test_minus_l_local(location: str) -> None:
    assert dispatch.is_new_local(_command(), WHERE, location)


def test_anything_else_is_azure() -> None:
    assert not dispatch.is_new_local(_command(), WHERE, "eastus2")
    assert not dispatch.is_new_local(_command(), WHERE, None)


@pytest.mark.usefixtures("made")
def test_a_local_service_is_updated_and_never_hidden() -> None:
    assert dispatch.is_new_local(_command(), WHERE, None)
    with pytest.raises(ConflictError, match="local services are found first"):
        dispatch.is_new_local(_command(), WHERE, "eastus2")


def test_nobody_logged_in() -> None:
    with pytest.raises(NotLoggedInError) as caught:
        dispatch.for_service(_command(), WHERE)
    assert "There is no local service 'Name' in resource group 'Group'." in caught.value.message
    assert "az login" in caught.value.action
    assert "-l local" in caught.value.action


def test_an_id_of_a_local_service_is_never_asked_of_azure() -> None:
    with pytest.raises(NotLoggedInError):
        dispatch.for_service(_command(LOCAL_SUBSCRIPTION), WHERE)
    assert not dispatch.logged_in(_command(LOCAL_SUBSCRIPTION))


@pytest.fixture
def broken(tmp_path: Path) -> None:
    directory = tmp_path / "dms-pg"
    directory.mkdir(mode=0o700)
    (directory / "state.db").write_text("This is no database. " * 100)


@pytest.mark.usefixtures("broken")
def test_a_store_that_cannot_be_read_keeps_nobody_from_azure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(StateError):
        dispatch.is_local(_command(), WHERE)
    with pytest.raises(StateError):
        dispatch.local_services(_command(), None)
    monkeypatch.setattr(dispatch, "logged_in", lambda _: True)
    dispatch._warn_once.cache_clear()
    monkeypatch.setattr(logging.getLogger("cli"), "propagate", True)
    assert not dispatch.is_local(_command(), WHERE)
    assert dispatch.local_services(_command(), None) == []
    (said,) = caplog.messages
    assert "--subscription" in said


def test_windows_says_what_it_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_can_be_local", lambda: False)
    assert not dispatch.is_local(_command(), WHERE)
    with pytest.raises(InputError, match="need Linux or macOS"):
        dispatch.local()
    with pytest.raises(NotLoggedInError) as caught:
        dispatch.azure(_command())
    assert "-l local" not in caught.value.action
