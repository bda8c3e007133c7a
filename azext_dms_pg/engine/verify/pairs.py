"""Which relations of the target stand for which of the source, as they are called now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psycopg import sql

from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.relations import Name, Relation, RelKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from azext_dms_pg.engine.values import Plan, Route
    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.connect import Side


@dataclass(frozen=True)
class Pair:
    """One table as the user knows it: on each side of one or, partitioned, of many relations.

    :param route: one of its routes; all of them have the same columns and key.
    """

    label: Name
    source: tuple[Relation, ...]
    target: tuple[Relation, ...]
    route: Route

    @property
    def bytes(self) -> int:
        """Size on the source; the target's statistics may not know of the rows yet."""
        return sum(relation.bytes for relation in self.source)


def pairs(source: Connection, target: Connection, plan: Plan) -> tuple[Pair, ...]:
    """The plan's tables with their present names.

    A table that was dropped on the source since cannot be compared and is left out.
    """
    found = _planned(plan)
    here = _names(source, "source", (one for pair in found for one in pair.source))
    there = _names(target, "target", (one for pair in found for one in pair.target))
    return tuple(
        replace(
            pair,
            source=tuple(replace(one, name=here[one.oid]) for one in pair.source),
            target=tuple(replace(one, name=there.get(one.oid, one.name)) for one in pair.target),
        )
        for pair in found
        if all(one.oid in here for one in pair.source)
    )


def from_clause(relation: Relation) -> sql.Composed:
    """``ONLY`` the table itself, or a partitioned table with its partitions."""
    return sql.SQL("{}{}").format(
        sql.SQL("ONLY " if relation.kind is RelKind.TABLE else ""),
        sql.Identifier(relation.name.schema, relation.name.name),
    )


def _planned(plan: Plan) -> tuple[Pair, ...]:
    routes: dict[Name, list[Route]] = {}
    for route in plan.routes:
        routes.setdefault(route.label, []).append(route)
    return tuple(
        Pair(
            label,
            source=tuple(route.source for route in group),
            target=_whole({route.target.oid: route.target for route in group}),
            route=group[0],
        )
        for label, group in routes.items()
    )


def _whole(targets: dict[int, Relation]) -> tuple[Relation, ...]:
    """Without the partitions of a partitioned table that is read as a whole."""
    whole = {one.name for one in targets.values() if one.kind is RelKind.PARTITIONED}
    return tuple(one for one in targets.values() if whole.isdisjoint(one.ancestors))


def _names(connection: Connection, side: Side, relations: Iterable[Relation]) -> dict[int, Name]:
    with connect(connection, side, "compare") as session, translated(side, "finding the tables"):
        return _present(session, [relation.oid for relation in relations])


def _present(session: psycopg.Connection[Any], oids: list[int]) -> dict[int, Name]:
    rows = session.execute(
        "SELECT c.oid, n.nspname::text, c.relname::text FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY(%s)",
        (oids,),
    ).fetchall()
    return {oid: Name(schema, name) for oid, schema, name in rows}
