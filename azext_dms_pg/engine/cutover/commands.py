"""The user's cutover command, from its second half on: answered, taken up again, looked back at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.model.states import CommandState

if TYPE_CHECKING:
    from azext_dms_pg.engine.requests import Requests


def close(requests: Requests) -> None:
    """It has succeeded; one that failed at first, after all."""
    _set(requests, CommandState.SUCCEEDED)


def reopen(requests: Requests) -> None:
    """The cutover goes on, also one that had failed."""
    _set(requests, CommandState.RUNNING)


def has_succeeded(requests: Requests) -> bool:
    command = requests.newest_cutover()
    return command is not None and command.state is CommandState.SUCCEEDED


def _set(requests: Requests, state: CommandState) -> None:
    command = requests.newest_cutover()
    if command is not None:
        requests.set_cutover(command, state)
