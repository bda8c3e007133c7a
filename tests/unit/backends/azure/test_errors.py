"""What Azure's clients raise becomes an error that helps, and never holds a secret."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from azext_dms_pg.backends.azure.errors import AzureError, translated
from azext_dms_pg.backends.base import ProjectAddress
from azext_dms_pg.errors import ConflictError, DmsPgError, NotFoundError

TASK = ProjectAddress("g", "s", "p").task("t")


def _raised(status: int, body: Any, **more: Any) -> DmsPgError:
    text = "" if body is None else json.dumps(body)
    response: Any = SimpleNamespace(
        status_code=status,
        reason="Reason",
        headers={"Content-Type": "application/json"},
        text=lambda: text,
        body=text.encode,
        content_type="application/json",
        internal_response=None,
        request=None,
    )
    with pytest.raises(DmsPgError) as caught, translated(TASK, **more):
        raise HttpResponseError(response=response)
    return caught.value


def _arm(code: str, message: str, *details: str) -> Any:
    return {
        "error": {
            "code": code,
            "message": message,
            "details": [{"code": "x", "message": text} for text in details],
        }
    }


def test_an_empty_404_names_everything() -> None:
    error = _raised(404, None, missing="Looked everywhere.")
    assert isinstance(error, NotFoundError)
    assert error.message == (
        "There is no task 't' of project 'p' of service 's' in resource group 'g'."
    )
    assert error.action == "Looked everywhere."


def test_a_404_with_a_reason_keeps_it() -> None:
    error = _raised(404, _arm("ResourceNotFound", "No such thing."))
    assert error.message.startswith("There is no task 't'")
    assert error.message.endswith("Azure says: No such thing.")


def test_a_404_about_something_else_does_not_blame_what_was_asked_for() -> None:
    error = _raised(404, _arm("ResourceGroupNotFound", "No group."))
    assert error.message == "No group."
    assert error.code == "ResourceGroupNotFound"
    assert "az account show" in error.action


@pytest.mark.parametrize(
    ("status", "azure_class"),
    [
        (400, "BadRequest"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (418, "BadRequest"),
        (429, "BadRequest"),
        (500, "AzureInternal"),
        (503, "AzureInternal"),
    ],
)
def test_classes(status: int, azure_class: str) -> None:
    error = _raised(status, _arm("Code", "Message."))
    assert isinstance(error, AzureError)
    assert error.azure_class == azure_class
    assert "Message. (Code)" in error.message
    assert error.action
    assert error.passing == (status == 429 or status >= 500)


@pytest.mark.parametrize("status", [409, 412])
def test_conflicts(status: int) -> None:
    assert isinstance(_raised(status, _arm("ServiceIsBusy", "Busy.")), ConflictError)


def test_known_codes_have_their_own_advice() -> None:
    error = _raised(409, _arm("MissingSubscriptionRegistration", "Not registered."))
    assert "az provider register" in error.action


def test_details_are_told_once() -> None:
    error = _raised(400, _arm("Code", "Message.", "Message.", "More."))
    assert error.message.count("Message.") == 1
    assert "More." in error.message


def test_secrets_are_struck() -> None:
    error = _raised(400, _arm("Code", "Bad: canary.", "canary!"), secrets=["canary", ""])
    assert "canary" not in error.message
    assert "Bad: ***." in error.message


@pytest.mark.parametrize("secret", ['can"ary', "can\\ary", "canäry", 'c"a\\nä\try'])
@pytest.mark.parametrize("as_ascii", [True, False])
def test_secrets_are_struck_from_quoted_json(secret: str, as_ascii: bool) -> None:
    quoted = json.dumps({"password": secret}, ensure_ascii=as_ascii)
    error = _raised(400, _arm("Code", f"Bad: {quoted}; {secret}."), secrets=[secret])
    assert 'Bad: {"password": "***"}; ***.' in error.message


def test_of_a_secret_in_another_nothing_stays() -> None:
    error = _raised(400, _arm("Code", "Bad: canary-tail."), secrets=["canary", "canary-tail"])
    assert "Bad: ***." in error.message


def test_not_json() -> None:
    assert "Reason" in _raised(502, None).message


@pytest.mark.parametrize("kind", [ServiceRequestError, ServiceResponseError])
def test_network(kind: type[Exception]) -> None:
    with pytest.raises(AzureError) as caught, translated(TASK, secrets=["canary"]):
        raise kind("no route, canary")
    assert caught.value.azure_class == "AzureConnection"
    assert caught.value.passing
    assert "canary" not in caught.value.message
