"""What the source has declared since the load: constraints, indexes, defaults, triggers.

No row needs them to be applied, so nothing waits for them; but a target that is to take the
source's place would lack them. They are told, with the statement, and made by nobody but the user.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import namedtuple_row

from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.relations import Name
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from azext_dms_pg.engine.values import Membership, Plan
    from azext_dms_pg.postgres.connect import Side


@dataclass(frozen=True)
class Definition:
    """:param name: of the object, at its table.

    :param statement: makes it, with its semicolon.
    """

    oid: int
    name: Name
    statement: str


def known(source: psycopg.Connection[Any], plan: Plan, membership: Membership) -> frozenset[int]:
    """OIDs of all there are."""
    relations = _relations(plan, membership)
    return frozenset(each.oid for each in _read(source, "source", relations))


def not_carried(
    source: psycopg.Connection[Any],
    target: psycopg.Connection[Any],
    plan: Plan,
    membership: Membership,
) -> tuple[Definition, ...]:
    """What the source has declared since, and the target has not."""
    if membership.definitions is None:
        return ()
    made = [
        each
        for each in _read(source, "source", _relations(plan, membership))
        if each.oid not in membership.definitions
    ]
    if not made:
        return ()
    there = {each.statement for each in _read(target, "target", None)}
    return tuple(each for each in made if each.statement not in there)


def _relations(plan: Plan, membership: Membership) -> set[int]:
    """The tables of the plan that are no newcomers, and the partitioned tables above them."""
    tables = {table.oid for table in plan.begun}
    return tables | {oid for place in membership.places.values() for oid, _ in place.above}


def _read(
    session: psycopg.Connection[Any], side: Side, relations: Iterable[int] | None
) -> tuple[Definition, ...]:
    query = statement("drift", "definitions", session.info.server_version)
    parameters = {"relations": None if relations is None else list(relations)}
    with translated(side, "reading definitions"):
        rows: list[Any] = (
            session.cursor(row_factory=namedtuple_row).execute(query, parameters).fetchall()
        )
    return tuple(Definition(row.oid, Name(row.schema, row.name), row.statement) for row in rows)
