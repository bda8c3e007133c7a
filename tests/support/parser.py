"""az's real parser of ``az dms``, for scripts that run in a process of their own.

Loading azure-cli changes its process for good, so nobody imports this: it is put before a script,
which then has ``cli``, ``loader`` (with the commands of ``dms`` alone) and ``parser``.
"""

LOADED = """
import contextlib, io, json, sys
from azure.cli.core import get_default_cli
from knack.events import EVENT_INVOKER_POST_CMD_TBL_CREATE
cli = get_default_cli()
cli.invocation = cli.invocation_cls(
    cli_ctx=cli, commands_loader_cls=cli.commands_loader_cls, parser_cls=cli.parser_cls,
    help_cls=cli.help_cls)
loader = cli.invocation.commands_loader
loader.load_command_table(["dms"])
names = [name for name in loader.command_table if name.startswith("dms ")]
for name in names:
    loader.command_name = cli.invocation.data["command_string"] = name
    cli.raise_event("CommandLoader.OnLoadArguments", commands_loader=loader)
    loader.load_arguments(name)
loader.command_table = {name: loader.command_table[name] for name in names}
cli.raise_event(EVENT_INVOKER_POST_CMD_TBL_CREATE, commands_loader=loader)
parser = cli.invocation.parser
parser.cli_ctx = cli
parser.load_command_table(loader)
"""
