"""Microsoft Entra ID tokens in the place of passwords.

Used by whoever opens a connection, also by a worker, so it knows nothing of ``az``. A token
lives about an hour: ask for one whenever a connection is opened (azure-identity keeps and renews
them). Those that were had are remembered for one purpose only: to be blotted out of texts.
"""

from __future__ import annotations

import os
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from azext_dms_pg.errors import DmsPgError, ServerError

if TYPE_CHECKING:
    from azext_dms_pg.model.connection import Connection

# Two servers, an hour each: what a server repeats is never older than these.
_issued: deque[str] = deque(maxlen=8)


def issued() -> tuple[str, ...]:
    """The newest tokens of this process."""
    return tuple(_issued)


def access_token(connection: Connection) -> str:
    """A fresh enough token to send as the password of ``connection``.

    :raises ServerError: nobody is signed in, or Entra ID refused.
    """
    credential = _credential()
    from azure.core.exceptions import AzureError

    try:
        token = str(credential.get_token(f"{connection.token_resource}/.default").token)
    except AzureError as error:
        raise ServerError(
            f"{connection.address}: no Microsoft Entra ID token could be had for"
            f" {connection.user or 'the user'}. {_first_line(error)}",
            "Sign in on this machine with `az login` (or give the machine a managed identity),"
            " or use a password instead.",
            code="NoEntraToken",
        ) from None
    if token not in _issued:
        _issued.append(token)
    return token


@lru_cache(maxsize=1)
def _credential() -> Any:
    """One credential a process: it holds the tokens it got and renews them in time."""
    try:
        from azure.identity import (
            AzureCliCredential,
            ChainedTokenCredential,
            DefaultAzureCredential,
            EnvironmentCredential,
        )
    except ImportError as error:
        raise DmsPgError(
            "Signing in with Microsoft Entra ID needs the package azure-identity, which is not"
            " installed.",
            "Install the extension again: az extension remove -n dms-pg, then az extension add.",
            code="AzureIdentityMissing",
        ) from error
    if os.environ.get("AZURE_TOKEN_CREDENTIALS"):
        return DefaultAzureCredential()  # the user has chosen
    # What the environment names, then the user's own `az login`; the other defaults try a
    # metadata service that is not there on most machines, which costs seconds.
    return ChainedTokenCredential(
        EnvironmentCredential(),
        AzureCliCredential(process_timeout=30),
        DefaultAzureCredential(),
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
