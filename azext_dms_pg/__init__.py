"""The ``dms-pg`` Azure CLI extension.

Owns: nothing but the door. ``az`` looks up ``COMMAND_LOADER_CLS`` here; a migration worker
imports subpackages of this package too and must never pull in azure-cli, so the loader is
resolved only when it is asked for (PEP 562).
"""

from __future__ import annotations


def __getattr__(name: str) -> object:
    if name == "COMMAND_LOADER_CLS":
        from azext_dms_pg.cli.loader import DmsPgCommandsLoader

        return DmsPgCommandsLoader
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
