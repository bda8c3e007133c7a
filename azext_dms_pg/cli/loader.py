"""The door ``az`` comes in by: which commands there are and how their options look.

Imports nothing heavy: this runs for every ``az dms`` command, also for ``-h``.
"""

from __future__ import annotations

from typing import Any

from azure.cli.core import AzCommandsLoader
from azure.cli.core.commands import CliCommandType

from azext_dms_pg.cli import help as _help  # noqa: F401 - fills knack's table of help texts


class DmsPgCommandsLoader(AzCommandsLoader):
    """Commands ``az dms …`` of this extension; those core has too replace core's."""

    # az writes a loader's module into its command index and, the next time, loads extensions by
    # comparing that with the extension's top package. With any other name here every command
    # after the first would be core's.
    __module__ = "azext_dms_pg"

    def __init__(self, cli_ctx: Any = None) -> None:
        handlers = CliCommandType(operations_tmpl="azext_dms_pg.cli#{}")
        super().__init__(cli_ctx=cli_ctx, custom_command_type=handlers)

    def load_command_table(self, args: Any) -> Any:
        from azext_dms_pg.cli import rival
        from azext_dms_pg.cli.commands import load_command_table

        if args and args[0] == "dms":
            rival.warn_if_installed()
        load_command_table(self)
        return self.command_table

    def load_arguments(self, command: str) -> None:  # noqa: ARG002 - az's signature
        from azext_dms_pg.cli.params import load_arguments

        load_arguments(self)
