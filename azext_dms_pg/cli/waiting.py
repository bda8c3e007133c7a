"""``wait`` commands: ask again and again until something is so, or time is up.

Core's own wait knows ``provisioningState`` only; tasks have a ``state``, and a task that has
failed will never become ready, so waiting for it must end.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azext_dms_pg.errors import ConflictError, InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.backends.base import Json

_FAILED = {"failed", "failedinputvalidation", "failedtostart", "failedtostop", "faulted"}


@dataclass(frozen=True)
class Condition:
    """What is waited for; exactly as core's wait options."""

    created: bool = False
    updated: bool = False
    deleted: bool = False
    exists: bool = False
    custom: str | None = None

    def __post_init__(self) -> None:
        if not (self.deleted or self.needs_it):
            raise InputError(
                "There is nothing to wait for.",
                "Give --created, --updated, --deleted, --exists or --custom JMESPATH.",
                code="MissingArgument",
            )

    @property
    def needs_it(self) -> bool:
        """Whether what is waited for may come to be there yet."""
        return bool(self.created or self.updated or self.exists or self.custom)

    def met_by(self, found: Json) -> bool:
        if self.exists or (self.custom and self._custom_is_met(found)):
            return True
        if _state(found) in _FAILED:
            return False
        provisioning = str(found.get("provisioningState") or "Succeeded").lower()
        # Whoever stops a service has made it before; but an update is not over in that state.
        return (self.created and provisioning in {"succeeded", "stopped"}) or (
            self.updated and provisioning == "succeeded"
        )

    def _custom_is_met(self, found: Json) -> bool:
        import jmespath

        try:
            return bool(jmespath.search(self.custom, found))
        except jmespath.exceptions.JMESPathError as error:
            raise InputError(
                f"--custom is not a valid JMESPath expression: {error}",
                "Write for example --custom \"properties.state=='Succeeded'\".",
            ) from None


def wait(
    cmd: Any, show: Callable[[], Json], condition: Condition, *, interval: int, timeout: int
) -> None:
    """Return when the condition is met.

    :raises ConflictError: it failed, or time is up.
    :raises NotFoundError: waiting for a state of something that is not there.
    """
    from azure.cli.core.commands.progress import IndeterminateProgressBar

    until = time.monotonic() + timeout
    progress = IndeterminateProgressBar(cmd.cli_ctx, message="Waiting")
    progress.begin()
    try:
        while not _is_over(show, condition):
            left = until - time.monotonic()
            if left <= 0:
                raise ConflictError(
                    f"What was waited for did not come about within {timeout} seconds.",
                    "Look at it with the show command; wait longer with --timeout SECONDS.",
                    code="WaitTimedOut",
                )
            progress.update_progress()
            time.sleep(min(max(interval, 1), left))
    finally:
        progress.stop()


def _is_over(show: Callable[[], Json], condition: Condition) -> bool:
    try:
        found = show()
    except NotFoundError:
        if condition.deleted:
            return True
        if condition.needs_it:
            return False
        raise
    if condition.met_by(found):
        return True
    if _state(found) in _FAILED and not condition.deleted:
        raise ConflictError(
            f"{found.get('name')} is in state {_state(found, fold=False)!r}; what is waited for"
            " cannot come about.",
            "See why with the show command (for a task: --expand output).",
            code="WaitHopeless",
        )
    return False


def _state(found: Json, *, fold: bool = True) -> str:
    properties = found.get("properties")
    state = (properties or {}).get("state") or found.get("provisioningState") or ""
    return str(state).lower() if fold else str(state)
