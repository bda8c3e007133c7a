"""TRUNCATE on the target: one statement for the whole set, as on the source (hazard 22).

RESTART IDENTITY is left out on purpose: sequences are set at the cutover, to what the source has
then. CASCADE too: the source names every table it truncated, and nothing else shall be emptied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from azext_dms_pg.engine.apply.bounds import Level, UnclearBoundError, condition
from azext_dms_pg.engine.faults import ApplyError
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.relations import RelKind
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from azext_dms_pg.engine.values import Plan, Route
    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.relations import Relation

_PARTITIONS_SINCE = 100000


class Truncater:
    """Empties target tables.

    :param source: asked for the bounds of a leaf that shares its target table with others.
    """

    def __init__(self, plan: Plan, source: Connection) -> None:
        self._plan = plan
        self._source = source

    def truncate(self, session: psycopg.Connection[Any], routes: tuple[Route, ...]) -> None:
        """Inside the caller's transaction.

        :raises ApplyError: which rows of a shared target table went cannot be told.
        """
        whole, parts = self._sort(routes)
        if whole:
            names = [_named(route) for route in whole]
            session.execute("SAVEPOINT dms_pg_truncate")
            try:
                session.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(names)))
            except psycopg.errors.FeatureNotSupported:
                # A table that references one of these is not among them; the source had no such
                # key, or has dropped it.
                session.execute("ROLLBACK TO SAVEPOINT dms_pg_truncate")
                for name in names:
                    session.execute(sql.SQL("DELETE FROM {}").format(name))
            session.execute("RELEASE SAVEPOINT dms_pg_truncate")
        for route in parts:
            session.execute(
                sql.SQL("DELETE FROM {} WHERE {}").format(
                    _named(route), self._rows_of(route, session)
                )
            )

    def _sort(self, routes: tuple[Route, ...]) -> tuple[list[Route], list[Route]]:
        """Routes whose target is emptied altogether (one a target), and leaves that share one."""
        gone = {route.source.oid for route in routes}
        whole: dict[object, Route] = {}
        parts = []
        for route in routes:
            sharing = {
                other.source.oid
                for other in self._plan.routes
                if other.target.name == route.target.name
            }
            if sharing <= gone:
                whole[route.target.name] = route
            else:
                parts.append(route)
        return list(whole.values()), parts

    def _rows_of(self, route: Route, session: psycopg.Connection[Any]) -> sql.Composable:
        """The rows of a leaf, as the target can tell them."""
        with connect(self._source, "source", "look") as asked, translated("source"):
            levels = _levels(asked, route)
            here = _orders(asked, route.source)
        try:
            found = condition(levels)
            _check_order(levels, here, _orders(session, route.target))
        except UnclearBoundError as why:
            raise ApplyError(
                f"{route.source.name} was truncated on the source; on the target its rows are in "
                f"{route.target.name} together with others ({why}), and cannot be told from them.",
                "Cancel the task and begin anew. (To delete these rows by hand would not do: "
                "later changes may have brought others like them.)",
                label=route.label,
            ) from None
        return found


def _check_order(levels: tuple[Level, ...], here: dict[str, str], there: dict[str, str]) -> None:
    """:raises UnclearBoundError: a value between two bounds here may not be so on the target."""
    for level in levels:
        for key in level.keys if level.strategy == "r" else ():
            if key is not None and here.get(key) != there.get(key):
                raise UnclearBoundError(f"source and target sort the values of {key!r} differently")


def _levels(source: psycopg.Connection[Any], route: Route) -> tuple[Level, ...]:
    """From the leaf to its root; nothing for a table that is no partition."""
    version = source.info.server_version
    rows: list[Any] = []
    if version >= _PARTITIONS_SINCE:
        query = statement("apply", "partition_levels", version)
        rows = source.execute(query, {"oid": route.source.oid}).fetchall()
    return tuple(Level(row[0], tuple(row[1]), row[2], row[3], tuple(row[4])) for row in rows)


def _orders(session: psycopg.Connection[Any], table: Relation) -> dict[str, str]:
    """By column: by whose rules its values are ordered."""
    query = statement("apply", "orders", session.info.server_version)
    return dict(session.execute(query, {"oid": table.oid}).fetchall())


def _named(route: Route) -> sql.Composed:
    only = route.only and route.target.kind is RelKind.TABLE
    return sql.SQL("ONLY {}" if only else "{}").format(
        sql.Identifier(route.target.name.schema, route.target.name.name)
    )
