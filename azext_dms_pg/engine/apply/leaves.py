"""Which rows of a target table are those of one leaf of the source, asked of both catalogues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from azext_dms_pg.engine.apply.bounds import Level, UnclearBoundError, condition
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

    from azext_dms_pg.engine.values import Route
    from azext_dms_pg.postgres.relations import Relation

_PARTITIONS_SINCE = 100000


@dataclass(frozen=True)
class _Order:
    """By whose rules values are compared.

    :param deterministic: only equal bytes are equal.
    """

    rules: str
    deterministic: bool


_Orders: TypeAlias = "dict[str, _Order]"


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


def _check_order(levels: tuple[Level, ...], here: _Orders, there: _Orders) -> None:
    """:raises UnclearBoundError: what meets a bound here may not do so on the target."""
    for level in levels:
        for key, bytewise in zip(level.keys, level.bytewise, strict=True):
            if key is None or bytewise:
                continue  # the condition itself says how it is compared
            orders = here.get(key), there.get(key)
            if orders[0] == orders[1]:
                continue
            if level.strategy == "r":
                raise UnclearBoundError(f"source and target sort the values of {key!r} differently")
            # A list asks for equality alone, which is that of bytes whatever the order.
            if not all(order and order.deterministic for order in orders):
                raise UnclearBoundError(
                    f"source and target do not take the same values of {key!r} for equal"
                )


def _levels(source: psycopg.Connection[Any], route: Route) -> tuple[Level, ...]:
    """From the leaf to its root; nothing for a table that is no partition."""
    version = source.info.server_version
    rows: list[Any] = []
    if version >= _PARTITIONS_SINCE:
        query = statement("apply", "partition_levels", version)
        rows = source.execute(query, {"oid": route.source.oid}).fetchall()
    return tuple(
        Level(strategy, tuple(keys), tuple(bytewise), plain, bound, tuple(others))
        for strategy, keys, bytewise, plain, bound, others in rows
    )


def _orders(session: psycopg.Connection[Any], table: Relation) -> _Orders:
    """By column."""
    query = statement("apply", "orders", session.info.server_version)
    rows = session.execute(query, {"oid": table.oid}).fetchall()
    return {name: _Order(rules, deterministic) for name, rules, deterministic in rows}
