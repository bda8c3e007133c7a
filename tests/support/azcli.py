"""A real ``az`` with a private configuration, the working tree as its extension, and a login.

Everything is below one directory; nothing of the user's own ``~/.azure`` is read or written.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import azext_dms_pg
from azext_dms_pg.model.version import VERSION
from tests.support.arm.server import CLIENT, SECRET, TENANT, Server

PACKAGE = Path(azext_dms_pg.__file__).parent
_METADATA = f"Metadata-Version: 2.1\nName: dms-pg\nVersion: {VERSION}\n"
_PRIVATE = ("AZEXT_", "AZURE_", "PG")


@dataclass(frozen=True)
class Result:
    """What one ``az`` command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out) if self.out.strip() else None


@dataclass
class Az:
    """One installation; ``with_extension`` False is plain core."""

    directory: Path
    with_extension: bool = True
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = self.directory / "config"
        self.extensions = self.directory / "extensions"
        self.config.mkdir(parents=True, exist_ok=True)
        (self.config / "config").write_text(
            "[core]\ncollect_telemetry = no\ninstance_discovery = no\n"
            "encrypt_token_cache = no\nsurvey_message = no\n[auto-upgrade]\nenable = no\n"
        )
        if self.with_extension:
            _install(self.extensions)

    def login(self, server: Server) -> None:
        """Make ``server`` the cloud of this installation and sign in to it."""
        self.environment["REQUESTS_CA_BUNDLE"] = str(server.ca)
        url = server.url
        (self.config / "clouds.config").write_text(
            "[StandIn]\n"
            f"endpoint_resource_manager = {url}\nendpoint_management = {url}\n"
            f"endpoint_active_directory = {url}\n"
            f"endpoint_active_directory_resource_id = {url}\n"
            f"endpoint_active_directory_graph_resource_id = {url}\n"
        )
        with (self.config / "config").open("a") as file:
            file.write("[cloud]\nname = StandIn\n")
        self.check("login", "--service-principal", "-u", CLIENT, "-p", SECRET, "--tenant", TENANT)

    def variables(self, **more: str) -> dict[str, str]:
        """The environment of a command: nothing of the user's own Azure or PostgreSQL."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
        return {
            **kept,
            "AZURE_CONFIG_DIR": str(self.config),
            "AZURE_EXTENSION_DIR": str(self.extensions),
            **self.environment,
            **more,
        }

    def run(self, *arguments: str, **environment: str) -> Result:
        """Run one command without a terminal."""
        done = subprocess.run(
            [sys.executable, "-m", "azure.cli", *arguments],
            env=self.variables(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def check(self, *arguments: str, **environment: str) -> Any:
        """Run one command that must succeed; answers its JSON."""
        done = self.run(*arguments, **environment)
        assert done.code == 0, f"az {' '.join(arguments)}\n{done.err}\n{done.out}"
        return done.json


def _install(extensions: Path) -> None:
    """Exactly what ``az extension add`` leaves behind, with a link to the working tree."""
    home = extensions / "dms-pg"
    info = home / f"dms_pg-{VERSION}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(_METADATA)
    (info / "WHEEL").write_text("Wheel-Version: 1.0\n")
    (info / "RECORD").write_text("")
    link = home / PACKAGE.name
    if not link.exists():
        link.symlink_to(PACKAGE, target_is_directory=True)
