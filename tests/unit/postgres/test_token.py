"""Entra ID tokens: where they come from, and what is said when there is none."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from azext_dms_pg.errors import ServerError
from azext_dms_pg.model.connection import Connection
from azext_dms_pg.postgres import token

CONNECTION = Connection("x.postgres.database.azure.com", user="me@example.com")
_AZ = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
cat <<'END'
{END}
END
"""


@pytest.fixture
def path_with_az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A PATH on which ``az`` is a script that answers as az account get-access-token does."""
    for name in list(os.environ):
        if name.startswith(("AZURE_", "IDENTITY_", "MSI_")):
            monkeypatch.delenv(name)
    az = tmp_path / "az"
    answer = (
        '{"accessToken": "the-token", "expiresOn": "2999-01-01 00:00:00.000000",'
        ' "expires_on": 32472144000, "tokenType": "Bearer"}'
    )
    az.write_text(_AZ.replace("{END}", answer))
    az.chmod(az.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    token._credential.cache_clear()
    yield tmp_path
    token._credential.cache_clear()


def test_the_login_of_az_is_used(path_with_az: Path) -> None:
    assert token.access_token(CONNECTION) == "the-token"
    assert "https://ossrdbms-aad.database.windows.net" in (path_with_az / "calls").read_text()


def test_what_was_issued_can_be_blotted_out(path_with_az: Path) -> None:
    for _ in range(3):
        token.access_token(CONNECTION)
    assert token.issued().count("the-token") == 1


def test_the_server_says_whose_token_it_wants(path_with_az: Path) -> None:
    """A worker of another cloud has no azure-cli to ask which one it is in."""
    server = Connection("X.postgres.database.usgovcloudapi.net", user="me")
    assert server.uses_entra_id
    assert token.access_token(server) == "the-token"
    assert "https://ossrdbms-aad.database.usgovcloudapi.net" in (path_with_az / "calls").read_text()


def test_nobody_signed_in(path_with_az: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path_with_az / "az").write_text("#!/bin/sh\necho 'Please run az login' >&2\nexit 1\n")
    # No metadata service to wait for.
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    with pytest.raises(ServerError) as caught:
        token.access_token(CONNECTION)
    assert caught.value.code == "NoEntraToken"
    assert "x.postgres.database.azure.com:5432" in caught.value.message
    assert "az login" in caught.value.action


def test_a_worker_needs_no_az() -> None:
    """The module is imported by workers, which never load azure-cli."""
    script = (
        "import sys, azext_dms_pg.postgres.token;"
        "print([name for name in sys.modules if name.startswith(('azure', 'knack'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
