"""What the conductor may ask of the outside world; ``worker.control`` answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from azext_dms_pg.model.states import CommandState, MigrationState
    from azext_dms_pg.state.records import CommandRecord


class Requests(Protocol):
    """The user's wishes, polled."""

    def wanted(self) -> str:
        """``run``, ``pause`` or ``cancel``."""
        ...

    def stopping(self) -> bool:
        """Whether running work should end soon."""
        ...

    def check(self) -> None:
        """:raises Interrupted: a pause or cancel is wanted; its ``code`` says which."""
        ...

    def sleep(self, seconds: float) -> None:
        """:raises Interrupted: as ``check``."""
        ...

    def cutover(self) -> CommandRecord | None:
        """The cutover that was asked for and is not finished."""
        ...

    def set_cutover(self, command: CommandRecord, state: CommandState, error: str = "") -> None: ...

    def comparison(self) -> CommandRecord | None:
        """The comparison that was asked for and is not finished."""
        ...

    def newest_cutover(self) -> CommandRecord | None:
        """The last cutover asked for, however it went."""
        ...

    def note(self, command: CommandRecord, **options: Any) -> None:
        """Remember with a command what was done for it."""
        ...

    def siblings(self) -> set[MigrationState]:
        """States of the task's other databases."""
        ...
