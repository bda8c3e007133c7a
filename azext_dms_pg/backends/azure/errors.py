"""What Azure's clients raise, turned into our errors with a next step.

The one boundary between azure-core's exceptions and ``DmsPgError``. Knows ARM's error codes;
knows nothing of which command ran. Secrets of the request are struck from every message,
because ARM may quote what it was sent.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from azext_dms_pg.errors import ConflictError, DmsPgError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ADVICE = {
    "AuthorizationFailed": "Ask the owner of the subscription for the Contributor role on the"
    " resource group (and, for the subnet, Network Contributor on the virtual network).",
    "LinkedAuthorizationFailed": "Ask for the right to join the subnet"
    " (Microsoft.Network/virtualNetworks/subnets/join/action) on its virtual network.",
    "MissingSubscriptionRegistration": "Run `az provider register --namespace"
    " Microsoft.DataMigration --wait`, then try again.",
    "ResourceGroupNotFound": "Check -g, and the subscription with `az account show`.",
    "SubscriptionNotFound": "Choose a subscription you can see: `az account list -o table`,"
    " `az account set -s NAME`.",
    "InvalidSubscriptionId": "Choose a subscription you can see: `az account list -o table`.",
    "QuotaExceeded": "Delete a service you no longer need (`az dms list -o table`), or ask for"
    " more quota in the portal.",
    "SubnetNotFound": "Check --subnet with `az network vnet subnet list -g GROUP --vnet-name"
    " VNET -o table`.",
    "SkuNotAvailable": "Choose another: `az dms list-skus -o table`.",
    "LocationNotAvailableForResourceType": "Choose a region that has the service: `az provider"
    " show -n Microsoft.DataMigration --query resourceTypes[?resourceType=='services'].locations`.",
    "ServiceNotRunning": "Start the service first: `az dms start -g GROUP -n SERVICE`.",
    "TooManyRequests": "Wait a minute and try again.",
}
#: Codes of a 404 that is about something else than what was asked for.
_ABOUT_OTHERS = {
    "InvalidSubscriptionId",
    "ParentResourceNotFound",
    "ResourceGroupNotFound",
    "SubnetNotFound",
    "SubscriptionNotFound",
}
_TOO_MANY, _INTERNAL = 429, 500
_BY_STATUS = {
    400: ("BadRequest", "Correct what the message names and run the command again."),
    401: ("Unauthorized", "Run `az login` again."),
    403: ("Forbidden", _ADVICE["AuthorizationFailed"]),
    _TOO_MANY: ("BadRequest", _ADVICE["TooManyRequests"]),
}
_HIDDEN = "***"


class AzureError(DmsPgError):
    """Azure refused or failed; ``azure_class`` says which kind of ``azclierror`` it is."""

    def __init__(
        self, message: str, action: str, *, code: str, azure_class: str, passing: bool = False
    ) -> None:
        super().__init__(message, action, code=code)
        self.azure_class = azure_class
        self.passing = passing


@contextmanager
def translated(what: object, *, secrets: Sequence[str] = (), missing: str = "") -> Iterator[None]:
    """Raise our error for what Azure raises while asking about ``what``.

    :param missing: added to the advice when ``what`` does not exist.
    """
    from azure.core import exceptions

    try:
        yield
    except exceptions.HttpResponseError as error:
        raise _from_response(error, what, secrets, missing) from None
    except exceptions.ServiceRequestError as error:
        raise AzureError(
            f"Azure could not be reached while asking for {what}: {_struck(str(error), secrets)}",
            "Check the network and a proxy (HTTPS_PROXY), then try again.",
            code="AzureUnreachable",
            azure_class="AzureConnection",
            passing=True,
        ) from None
    except exceptions.ServiceResponseError as error:
        raise AzureError(
            f"Azure's answer about {what} broke off: {_struck(str(error), secrets)}",
            "See with the show command what became of the request, then try again.",
            code="AzureAnswerLost",
            azure_class="AzureConnection",
            passing=True,
        ) from None


def _from_response(error: Any, what: object, secrets: Sequence[str], missing: str) -> DmsPgError:
    status = error.status_code or 0
    inner = getattr(error, "error", None)
    code = str(getattr(inner, "code", "") or "")
    text = _struck(_text(inner), secrets)
    action = _ADVICE.get(code, "")
    if status == 404:  # noqa: PLR2004 - HTTP
        # A missing task is answered with an empty body: say what is missing in our words.
        sentence = f"There is no {what}."
        if text:
            sentence = text if code in _ABOUT_OTHERS else f"{sentence} Azure says: {text}"
        return NotFoundError(
            sentence,
            " ".join(part for part in (action, missing) if part)
            or "List what there is with the list command, and check the spelling.",
            code=code or "ResourceNotFound",
        )
    message = f"Azure refused the request for {what}: {text or error.reason or status}"
    if code and code not in message:
        message += f" ({code})"
    if status in {409, 412}:
        return ConflictError(
            message,
            action or "See its state with the show command; try again when that allows it.",
            code=code,
        )
    azure_class, advice = _BY_STATUS.get(status, ("BadRequest", _BY_STATUS[400][1]))
    if status >= _INTERNAL:
        azure_class, advice = "AzureInternal", "Try again in a few minutes."
    return AzureError(
        message,
        action or advice,
        code=code or "AzureError",
        azure_class=azure_class,
        passing=status == _TOO_MANY or status >= _INTERNAL,
    )


def _text(inner: Any) -> str:
    """ARM's message and those of its details, each once."""
    if inner is None:
        return ""
    lines = [str(inner.message or "").strip()]
    for detail in getattr(inner, "details", None) or ():
        line = str(getattr(detail, "message", "") or "").strip()
        if line and line not in lines:
            lines.append(line)
    return " ".join(line for line in lines if line)


def _struck(text: str, secrets: Sequence[str]) -> str:
    """Without the secrets, also where ARM quotes the JSON it was sent.

    The longest first: else what one secret leaves of another would stay.
    """
    forms = {
        form
        for secret in secrets
        if secret
        for form in (
            secret,
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
        )
    }
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, _HIDDEN)
    return text
