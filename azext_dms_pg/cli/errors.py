"""Errors on their way to the terminal: ours become ``azclierror`` classes with advice.

The one place that knows both vocabularies. ``handle`` is the ``exception_handler`` of every
command of this extension; ``az`` itself gives a ``ResourceNotFoundError`` exit code 3.
"""

from __future__ import annotations

from typing import NoReturn

from azext_dms_pg import errors
from azext_dms_pg.cli.visible import visible


def handle(error: Exception) -> NoReturn:
    """Raise ``error`` as ``az`` wants it; what is not ours passes through untouched."""
    if isinstance(error, errors.DmsPgError):
        raise translated(error) from error
    raise error


def translated(error: errors.DmsPgError) -> Exception:
    """The ``azclierror`` for one of our errors, with its ``action`` as the recommendation."""
    from azure.cli.core import azclierror

    by_code = {
        "BadRequest": azclierror.BadRequestError,
        "Forbidden": azclierror.ForbiddenError,
        "Unauthorized": azclierror.UnauthorizedError,
        "MissingArgument": azclierror.RequiredArgumentMissingError,
        "NoTerminal": azclierror.NoTTYError,
        "AzureInternal": azclierror.AzureInternalError,
        "AzureConnection": azclierror.AzureConnectionError,
    }
    by_class = (
        (errors.InputError, azclierror.InvalidArgumentValueError),
        (errors.NotFoundError, azclierror.ResourceNotFoundError),
        (errors.NotLoggedInError, azclierror.AuthenticationError),
        (errors.ConflictError, azclierror.ValidationError),
        (errors.StateError, azclierror.FileOperationError),
        (errors.ServerError, azclierror.AzureConnectionError),
    )
    wanted = by_code.get(getattr(error, "azure_class", error.code))
    if wanted is None:
        wanted = next(
            (azure for ours, azure in by_class if isinstance(error, ours)),
            azclierror.UnclassifiedUserFault,
        )
    # Both may repeat what a server said or a user typed.
    message, action = (visible(text, lines=True) for text in (error.message, error.action))
    result: Exception = wanted(message, recommendation=action or None)
    return result
