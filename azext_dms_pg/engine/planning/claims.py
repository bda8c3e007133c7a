"""One table of the target is filled by one migration.

Two would mix their rows, each would see foreign keys away that the other has taken, and clearing
one of them away would empty what the other has filled. A claim stands from the moment a migration
is begun until it is complete or was cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres import checkpoint
from azext_dms_pg.postgres.catalog import claims
from azext_dms_pg.postgres.quoting import literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import psycopg

    from azext_dms_pg.engine.values import Plan, Route
    from azext_dms_pg.postgres.survey import Claim


def rivals(
    found: Iterable[Claim], routes: Iterable[Route], slots: Collection[str]
) -> tuple[Claim, ...]:
    """Claims of other migrations to tables of these routes, one for each table.

    :param slots: names of our own.
    """
    targets = [route.target for route in routes]
    ours = {target.name for target in targets}
    above = {name for target in targets for name in target.ancestors}
    return tuple(
        {
            claim.table: claim
            for claim in found
            if claim.slot not in slots
            and (claim.table in ours or (claim.itself and claim.table in above))
        }.values()
    )


def explain(claim: Claim) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    message = (
        f"Another migration fills the target's {claim.table}, or a partition of it; its slot on "
        f"its source is called {claim.slot}. Two would mix their rows, and clearing one away "
        "would empty what the other has filled."
    )
    # Statements for the user to run; the id is quoted.
    its = f"WHERE migration = {literal(claim.migration)}"
    remedy = (
        "Cancel or delete the task of that migration, then begin anew. If its task is gone for "  # noqa: S608
        "good, bring back on the target what it took away, as SELECT create_sql, validate_sql FROM "
        f"dms_pg.deferred {its} AND state = 'dropped' ORDER BY ordinal; shows, then release its "
        f"tables: DELETE FROM dms_pg.filled_table {its};"
    )
    return message, remedy


def claim(
    target: psycopg.Connection[Any], migration_id: str, slots: Collection[str], plan: Plan
) -> None:
    """Claim the plan's tables on the target. Needs a transaction.

    :param slots: names of our own.
    :raises MigrationError: another migration was faster.
    """
    # Of two that come at once the second sees what the first has committed.
    checkpoint.lock_bookkeeping(target)
    filled = {(route.target.name, route.only) for route in plan.routes}
    checkpoint.note_filled(target, migration_id, filled)
    others = rivals(claims(target), plan.routes, slots)
    if others:
        raise MigrationError(*explain(others[0]), code="TargetTableTaken")
