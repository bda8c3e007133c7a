"""Our errors as az shows them: the right class, the right exit code, the advice."""

from __future__ import annotations

import pytest
from azure.cli.core import azclierror

from azext_dms_pg import errors
from azext_dms_pg.backends.azure.errors import AzureError
from azext_dms_pg.cli.errors import handle, translated


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (errors.InputError("m", "a"), azclierror.InvalidArgumentValueError),
        (
            errors.InputError("m", "a", code="MissingArgument"),
            azclierror.RequiredArgumentMissingError,
        ),
        (errors.InputError("m", "a", code="NoTerminal"), azclierror.NoTTYError),
        (errors.NotFoundError("m", "a"), azclierror.ResourceNotFoundError),
        (errors.NotLoggedInError("m", "a"), azclierror.AuthenticationError),
        (errors.ConflictError("m", "a"), azclierror.ValidationError),
        (errors.StateError("m", "a"), azclierror.FileOperationError),
        (errors.ServerError("m", "a"), azclierror.AzureConnectionError),
        (errors.MigrationError("m", "a"), azclierror.UnclassifiedUserFault),
        (
            AzureError("m", "a", code="X", azure_class="Forbidden"),
            azclierror.ForbiddenError,
        ),
    ],
)
def test_classes(error: errors.DmsPgError, wanted: type[Exception]) -> None:
    found = translated(error)
    assert type(found) is wanted
    assert str(found) == "m"
    assert found.recommendations == ["a"]  # type: ignore[attr-defined]


def test_what_is_not_ours_passes() -> None:
    with pytest.raises(KeyError):
        handle(KeyError("x"))
