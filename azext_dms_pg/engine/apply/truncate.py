"""TRUNCATE on the target: one statement for the whole set, as on the source (hazard 22).

RESTART IDENTITY is left out on purpose: sequences are set at the cutover, to what the source has
then. CASCADE too: the source names every table it truncated, and nothing else shall be emptied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from azext_dms_pg.engine.apply.bounds import UnclearBoundError
from azext_dms_pg.engine.apply.leaves import rows_of
from azext_dms_pg.engine.faults import ApplyError
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.relations import RelKind

if TYPE_CHECKING:
    from azext_dms_pg.engine.values import Plan, Route
    from azext_dms_pg.model.connection import Connection


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
        try:
            with connect(self._source, "source", "look") as asked, translated("source"):
                return rows_of(asked, session, route)
        except UnclearBoundError as why:
            raise ApplyError(
                f"{route.source.name} was truncated on the source; on the target its rows are in "
                f"{route.target.name} together with others ({why}), and cannot be told from them.",
                "Cancel the task and begin anew. (To delete these rows by hand would not do: "
                "later changes may have brought others like them.)",
                label=route.label,
            ) from None


def _named(route: Route) -> sql.Composed:
    only = route.only and route.target.kind is RelKind.TABLE
    return sql.SQL("ONLY {}" if only else "{}").format(
        sql.Identifier(route.target.name.schema, route.target.name.name)
    )
