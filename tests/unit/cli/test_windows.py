"""On Windows commands load and work for Azure, and the local engine says that it does not run.

Nobody here has a Windows: the modules it lacks are taken away, and ``os.name`` is what it is there.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.azcli import Az

# Loaded by az itself before the extension is, where the system has them.
_WITHOUT = """
import os, pkgutil, sys, types
from importlib import import_module
from azure.cli.core import get_default_cli
cli = get_default_cli()
for name in ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty", "psycopg"):
    sys.modules[name] = None
"""
_IMPORT_ALL = (
    _WITHOUT
    + """
import azext_dms_pg
for package in ("cli", "cli.report", "backends.azure", "backends.local", "model", "state"):
    home = import_module(f"azext_dms_pg.{package}")
    for module in pkgutil.iter_modules(home.__path__, home.__name__ + "."):
        import_module(module.name)
print("all")
"""
)
_INVOKE = (
    _WITHOUT
    + """
from azext_dms_pg.cli import dispatch
dispatch.os = types.SimpleNamespace(name="nt", environ=os.environ)
sys.exit(cli.invoke(sys.argv[1:]))
"""
)


def _python(az: Az, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=az.variables(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def az(tmp_path: Path) -> Az:
    return Az(tmp_path)


def test_everything_that_a_command_loads_can_be_loaded(az: Az) -> None:
    done = _python(az, _IMPORT_ALL)
    assert done.stdout.strip() == "all", done.stderr


def test_a_local_service_is_refused_in_words(az: Az) -> None:
    done = _python(az, _INVOKE, "dms", "create", "-l", "local", "-g", "g", "-n", "s")
    assert done.returncode == 1
    assert "Services on this machine need Linux or macOS" in done.stderr
    assert "Windows Subsystem for Linux" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "dms show -g g -n s",
        "dms create -l eastus2 -g g -n s --sku-name Premium_4vCores --vnet-name v --subnet x",
        "dms list",
        "dms list-skus",
        "dms project show -g g --service-name s -n p",
        "dms project task show -g g --service-name s --project-name p -n t --expand output",
        "dms project task watch -g g --service-name s --project-name p -n t",
        "dms project task log -g g --service-name s --project-name p -n t",
        "dms network show -g g -n s",
    ],
)
def test_other_commands_ask_azure(az: Az, command: str) -> None:
    done = _python(az, _INVOKE, *command.split())
    assert done.returncode != 0
    assert "nobody is logged in" in done.stderr, done.stderr
    assert "-l local" not in done.stderr
    assert "Traceback" not in done.stderr
