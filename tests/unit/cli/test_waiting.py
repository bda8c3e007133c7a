"""wait: what ends it, and what it cannot wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.cli.core.mock import DummyCli

from azext_dms_pg.cli.waiting import Condition, wait
from azext_dms_pg.errors import ConflictError, InputError, NotFoundError, NotLoggedInError


class Command:
    cli_ctx = DummyCli()


def _wait(show: Callable[[], dict[str, Any]], condition: Condition, timeout: int = 0) -> None:
    wait(Command(), show, condition, interval=1, timeout=timeout)


def _gone() -> dict[str, Any]:
    raise NotFoundError("gone")


def test_needs_a_condition() -> None:
    with pytest.raises(InputError, match="nothing to wait for"):
        Condition()


@pytest.mark.parametrize(
    ("found", "condition"),
    [
        ({"provisioningState": "Succeeded"}, Condition(created=True)),
        ({"properties": {"state": "Running"}}, Condition(created=True)),
        ({"provisioningState": "Stopped"}, Condition(created=True)),
        ({"provisioningState": "Succeeded"}, Condition(updated=True)),
        ({}, Condition(exists=True)),
        ({"a": 1}, Condition(custom="a==`1`")),
        ({"properties": {"state": "Failed"}}, Condition(custom="properties.state=='Failed'")),
    ],
)
def test_met(found: dict[str, Any], condition: Condition) -> None:
    _wait(lambda: found, condition)


def test_deleted() -> None:
    _wait(_gone, Condition(deleted=True))


@pytest.mark.parametrize(
    ("found", "condition"),
    [
        ({"provisioningState": "Deploying"}, Condition(created=True)),
        ({"provisioningState": "Stopped"}, Condition(updated=True)),
        ({}, Condition(deleted=True)),
        ({"a": 1}, Condition(custom="b")),
    ],
)
def test_time_is_up(found: dict[str, Any], condition: Condition) -> None:
    with pytest.raises(ConflictError) as caught:
        _wait(lambda: found, condition)
    assert caught.value.code == "WaitTimedOut"


def test_a_failed_task_will_never_be_ready() -> None:
    found = {"name": "t", "properties": {"state": "FailedInputValidation"}}
    with pytest.raises(ConflictError, match="FailedInputValidation") as caught:
        _wait(lambda: found, Condition(custom="x"), timeout=60)
    assert caught.value.code == "WaitHopeless"


@pytest.mark.parametrize("state", ["FailedToStart", "FailedToStop"])
def test_a_service_that_failed_will_never_be_updated(state: str) -> None:
    found = {"name": "s", "provisioningState": state}
    with pytest.raises(ConflictError, match=state):
        _wait(lambda: found, Condition(updated=True), timeout=60)


@pytest.mark.parametrize("condition", [Condition(deleted=True), Condition(created=True)])
def test_who_is_not_logged_in_knows_nothing_of_it(condition: Condition) -> None:
    def show() -> dict[str, Any]:
        raise NotLoggedInError("nobody")

    with pytest.raises(NotLoggedInError):
        _wait(show, condition, timeout=60)


def test_not_there_yet() -> None:
    looks = iter([False, True])

    def show() -> dict[str, Any]:
        return {"provisioningState": "Succeeded"} if next(looks) else _gone()

    _wait(show, Condition(created=True), timeout=5)


def test_wrong_query() -> None:
    with pytest.raises(InputError, match="JMESPath"):
        _wait(dict, Condition(custom="[["))
