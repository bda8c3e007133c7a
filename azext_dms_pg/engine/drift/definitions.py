"""What the source has declared since the load: constraints, indexes, defaults, triggers.

No row needs them to be applied, so nothing waits for them; but a target that is to take the
source's place would lack them. They are told, with the statement, and made by nobody but the user.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psycopg.rows import namedtuple_row

from azext_dms_pg.engine.deferral.ledger import CONSTRAINT, FOREIGN_KEY, INDEX, TRIGGER, pending
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.relations import Name
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from azext_dms_pg.engine.values import Membership, Plan
    from azext_dms_pg.postgres.connect import Side

_AWAY = (CONSTRAINT, FOREIGN_KEY, INDEX, TRIGGER)


@dataclass(frozen=True)
class Definition:
    """:param name: of the object, at its table.

    :param statement: makes it, with its semicolon.
    :param away: takes away another one of its name; empty where that need not be.
    """

    oid: int
    name: Name
    statement: str
    away: str = ""


def known(source: psycopg.Connection[Any], plan: Plan, membership: Membership) -> frozenset[int]:
    """OIDs of all there are."""
    relations = _relations(plan, membership)
    return frozenset(each.oid for each in _read(source, "source", relations))


def not_carried(
    source: psycopg.Connection[Any],
    target: psycopg.Connection[Any],
    plan: Plan,
    membership: Membership,
    migration_id: str,
) -> tuple[Definition, ...]:
    """What the source has declared since, and the target has not.

    Where that has another one of the name, now or once all is brought back, the statement takes it
    away first.
    """
    if membership.definitions is None:
        return ()
    made = [
        each
        for each in _read(source, "source", _relations(plan, membership))
        if each.oid not in membership.definitions
    ]
    if not made:
        return ()
    found = _read(target, "target", None)
    there, names = {each.statement for each in found}, {str(each.name) for each in found}
    with translated("target", "reading what is away"):
        names |= {each.subject for each in pending(target, migration_id, _AWAY)}
    return tuple(
        replace(each, statement=f"{each.away} {each.statement}")
        if each.away and str(each.name) in names
        else each
        for each in made
        if each.statement not in there
    )


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
    return tuple(
        Definition(row.oid, Name(row.schema, row.name), row.statement, row.away or "")
        for row in rows
    )
