"""Which relations of the target stand for which of the source, as they are called now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psycopg import sql

from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.relations import Name, Relation, RelKind
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from azext_dms_pg.engine.values import Begun, Plan, Route
    from azext_dms_pg.model.connection import Connection


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
    """The plan's tables with their present names and partitions.

    A table that was dropped on the source since cannot be compared and is left out.
    """
    found = _planned(plan)
    families = _Families(plan)
    with connect(source, "source", "compare") as session, translated("source"):
        here = _names(session, (one for pair in found for one in pair.source))
        sources = {pair.label: _present(session, families, pair, here) for pair in found}
    with connect(target, "target", "compare") as session, translated("target"):
        there = _names(session, (one for pair in found for one in pair.target))
        targets = {pair.label: _filled(session, families, pair, there) for pair in found}
    return tuple(
        replace(pair, source=sources[pair.label], target=targets[pair.label])
        for pair in found
        if sources[pair.label]
    )


def _present(
    session: psycopg.Connection[Any], families: _Families, pair: Pair, names: dict[int, Name]
) -> tuple[Relation, ...]:
    """The pair's source relations of today; none when one of them is gone.

    Of a partitioned table that is migrated whole these are its partitions now: one made since the
    plan counts, so that rows that went astray are noticed. One that was detached counts for as long
    as its changes are followed.
    """
    root = families.root(pair)
    if root is None:
        if any(one.oid not in names for one in pair.source):
            return ()
        return tuple(replace(one, name=names[one.oid]) for one in pair.source)
    others = {table.oid for table in families.others(pair)}
    return _with_leaves(session, root, pair.source, names, others)


def _filled(
    session: psycopg.Connection[Any], families: _Families, pair: Pair, names: dict[int, Name]
) -> tuple[Relation, ...]:
    """The pair's target relations of today; of a partitioned table all of its partitions.

    What a partition that was dropped on the source has left there is seen that way.
    """
    root = families.root(pair)
    if root is not None and any(root in one.ancestors for one in pair.target):
        others = {table.goal for table in families.others(pair)}
        return _with_leaves(session, root, pair.target, names, others)
    planned = tuple(replace(one, name=names.get(one.oid, one.name)) for one in pair.target)
    if len(planned) == 1 and planned[0].kind is RelKind.PARTITIONED:
        # Read as a whole, unless a table that is compared by itself was attached to it.
        others = {table.goal for table in families.others(pair)}
        leaves = _with_leaves(session, planned[0].name, planned[:1], {}, set())
        if any(one.oid in others for one in leaves):
            return tuple(one for one in leaves if one.oid not in others)
    return planned


class _Families:
    """Which relations of either side belong to one table, and which are compared by themselves."""

    def __init__(self, plan: Plan) -> None:
        self._begun = {table.oid: table for table in plan.begun}
        self._published = {table.oid: table.name for table in plan.published}
        self._roots: dict[Name, int] = {
            place.label: place.above[-1][0] for place in plan.membership.places.values()
        }

    def root(self, pair: Pair) -> Name | None:
        """What the partitioned table is called now; None when the pair is no such table."""
        tables = [self._begun[one.oid] for one in pair.source if one.oid in self._begun]
        if all(table.name == pair.label for table in tables):
            return None  # a table by itself, which may have become a partition since
        kept = self._published.get(self._roots.get(pair.label, 0))
        if kept is not None:
            return kept
        # One of its partitions may have been moved to another table that is published.
        roots = (
            {pair.label} if pair.label in self._roots else {pair.label, *self._published.values()}
        )
        above = [name for one in pair.source for name in one.ancestors if name in roots]
        return above[-1] if above else None

    def others(self, pair: Pair) -> list[Begun]:
        """Tables of the beginning that are compared by themselves, wherever they stand now."""
        ours = {one.oid for one in pair.source}
        return [
            table
            for oid, table in self._begun.items()
            if table.label != pair.label and oid not in ours
        ]


def _with_leaves(
    session: psycopg.Connection[Any],
    root: Name,
    planned: tuple[Relation, ...],
    names: dict[int, Name],
    others: set[int],
) -> tuple[Relation, ...]:
    known = {one.oid: replace(one, name=names[one.oid]) for one in planned if one.oid in names}
    rows = session.execute(
        statement("drift", "leaves", session.info.server_version),
        {"schema": root.schema, "name": root.name},
    ).fetchall()
    fresh = replace(planned[0], kind=RelKind.TABLE, pages=0, bytes=0)
    for oid, schema, name in rows:
        if oid in others:
            continue
        known.setdefault(oid, replace(fresh, oid=oid, name=Name(schema, name)))
    return tuple(known.values())


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


def _names(session: psycopg.Connection[Any], relations: Iterable[Relation]) -> dict[int, Name]:
    rows = session.execute(
        "SELECT c.oid, n.nspname::text, c.relname::text FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY(%s)",
        ([relation.oid for relation in relations],),
    ).fetchall()
    return {oid: Name(schema, name) for oid, schema, name in rows}
