"""Which rows of a target table are those of one leaf of the source, asked of both catalogues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.engine.apply.bounds import Level, UnclearBoundError, condition
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

    from azext_dms_pg.engine.values import Route
    from azext_dms_pg.postgres.relations import Relation

_PARTITIONS_SINCE = 100000


def rows_of(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], route: Route
) -> sql.Composable:
    """The rows of a leaf, as the target can tell them.

    :raises UnclearBoundError: it cannot.
    """
    levels = _levels(source, route)
    found = condition(levels)
    _check_order(levels, _orders(source, route.source), _orders(target, route.target))
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
