"""The extension as users get it: the wheel, put into an az by ``az extension add``.

Owns: building outside the checkout (so that test processes do not meet in ``build/``) and
installing once for all processes of a test run.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.packages import ROOT

_SOURCES = ("setup.py", "pyproject.toml", "LICENSE", "azext_dms_pg")


def build(directory: Path) -> Path:
    """``make wheel`` in ``directory``; the wheel's path."""
    checkout = directory / "checkout"
    checkout.mkdir()
    for name in _SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("*.pyc"))
        else:
            shutil.copy(ROOT / name, checkout)
    _run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory)],
        checkout,
    )
    return next(directory.glob("*.whl"))


def installed(directory: Path) -> Path:
    """The extensions directory under ``directory`` with the wheel in it, made when first asked."""
    directory.mkdir(exist_ok=True)
    extensions = directory / "extensions"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not extensions.exists():
            wheel = build(directory)
            scratch = directory / "scratch"
            _run(
                [
                    sys.executable,
                    "-m",
                    "azure.cli",
                    "extension",
                    "add",
                    "--source",
                    str(wheel),
                    "-y",
                ],
                directory,
                AZURE_CONFIG_DIR=str(directory / "config"),
                AZURE_EXTENSION_DIR=str(scratch),
                AZURE_CORE_COLLECT_TELEMETRY="no",
            )
            scratch.rename(extensions)
    return extensions


def _run(command: list[str], directory: Path, **environment: str) -> None:
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
