"""How a command ends when it has a result and yet did not succeed."""

from __future__ import annotations

from typing import Any

from azext_dms_pg.cli.errors import translated
from azext_dms_pg.errors import DmsPgError


def fail_after_output(cmd: Any, error: Exception) -> None:
    """End with that error and exit code 1, but only after the result went to standard output."""
    from knack.events import EVENT_CLI_SUCCESSFUL_EXECUTE

    def fail(*_: object, **__: object) -> None:
        raise translated(error) if isinstance(error, DmsPgError) else error

    cmd.cli_ctx.register_event(EVENT_CLI_SUCCESSFUL_EXECUTE, fail)
