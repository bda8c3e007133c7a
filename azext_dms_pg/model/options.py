"""What a task is asked beyond its input: wishes that Azure's wire type has no place for.

Kept as JSON in the local store; the Azure backend refuses them with words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TaskOptions:
    """How the local engine is to go about a task.

    :param validate_only: check everything, create nothing, end.
    :param migrate_schema: create the source's schema on the target before anything else.
    """

    validate_only: bool = False
    migrate_schema: bool = False

    def to_json(self) -> dict[str, Any]:
        """Only what differs from the default."""
        return {name: True for name in ("validate_only", "migrate_schema") if getattr(self, name)}

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> TaskOptions:
        return cls(
            validate_only=bool(stored.get("validate_only")),
            migrate_schema=bool(stored.get("migrate_schema")),
        )


DEFAULTS = TaskOptions()
