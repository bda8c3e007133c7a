"""Counts the rows of both databases and says which tables differ.

Both sides count at once, a few tables at a time. Knows nothing of what a difference means.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.relations import Name, Relation, RelKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from azext_dms_pg.engine.values import Plan, Route
    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.connect import Side

# Sessions a side. Counting is bound by the servers' disks, and the source has other work too.
_SESSIONS = 2
# Tables together smaller than this are counted by one statement.
_STATEMENT_BYTES = 64 << 20
_STATEMENT_TABLES = 100


@dataclass(frozen=True)
class CountDifference:
    """A table whose numbers of rows differ."""

    label: Name
    source_rows: int
    target_rows: int


@dataclass(frozen=True)
class Counterpart:
    """What one table consists of on each side: a partitioned one of many relations."""

    label: Name
    source: tuple[Relation, ...]
    target: tuple[Relation, ...]


def compare_counts(
    source: Connection, target: Connection, plan: Plan
) -> tuple[CountDifference, ...]:
    """Count every table of the plan on both sides; those that differ, in plan order."""
    pairs = counterparts(plan)
    here: dict[Name, tuple[Relation, ...]] = {pair.label: pair.source for pair in pairs}
    there: dict[Name, tuple[Relation, ...]] = {pair.label: pair.target for pair in pairs}
    # The target's statistics may not know of the rows yet; the source's sizes serve for both.
    sizes = {pair.label: sum(relation.bytes for relation in pair.source) for pair in pairs}
    with ThreadPoolExecutor(2, thread_name_prefix="count") as pool:
        counted_here = pool.submit(_count, source, "source", here, sizes)
        counted_there = pool.submit(_count, target, "target", there, sizes)
        source_rows, target_rows = counted_here.result(), counted_there.result()
    return tuple(
        CountDifference(pair.label, source_rows[pair.label], target_rows[pair.label])
        for pair in pairs
        if source_rows[pair.label] != target_rows[pair.label]
    )


def counterparts(plan: Plan) -> tuple[Counterpart, ...]:
    """The plan's tables as the user sees them."""
    routes: dict[Name, list[Route]] = {}
    for route in plan.routes:
        routes.setdefault(route.label, []).append(route)
    return tuple(
        Counterpart(
            label,
            source=tuple(route.source for route in group),
            target=_whole({route.target.name: route.target for route in group}),
        )
        for label, group in routes.items()
    )


def _whole(targets: dict[Name, Relation]) -> tuple[Relation, ...]:
    """Without the partitions of a partitioned table that is counted as a whole."""
    whole = {name for name, relation in targets.items() if relation.kind is RelKind.PARTITIONED}
    return tuple(relation for relation in targets.values() if whole.isdisjoint(relation.ancestors))


def _count(
    connection: Connection,
    side: Side,
    tables: dict[Name, tuple[Relation, ...]],
    sizes: dict[Name, int],
) -> dict[Name, int]:
    chunks = _chunks(sorted(tables, key=lambda label: -sizes[label]), sizes)
    counts: dict[Name, int] = {}
    with ThreadPoolExecutor(_SESSIONS, thread_name_prefix=f"count {side}") as pool:
        # The largest come first, so that no session is left with one of them at the end.
        results = pool.map(
            lambda share: _count_share(connection, side, share, tables),
            [chunks[number::_SESSIONS] for number in range(_SESSIONS)],
        )
        for result in results:
            counts |= result
    return counts


def _count_share(
    connection: Connection,
    side: Side,
    chunks: list[list[Name]],
    tables: dict[Name, tuple[Relation, ...]],
) -> dict[Name, int]:
    counts: dict[Name, int] = {}
    if not chunks:
        return counts
    with connect(connection, side, "compare") as session, translated(side, "counting rows"):
        for chunk in chunks:
            row = session.execute(
                sql.SQL("SELECT {}").format(
                    sql.SQL(", ").join(_term(tables[label]) for label in chunk)
                )
            ).fetchone()
            counts |= dict(zip(chunk, row or (), strict=True))
    return counts


def _term(relations: Iterable[Relation]) -> sql.Composable:
    return sql.SQL(" + ").join(
        sql.SQL("(SELECT count(*) FROM {}{})").format(
            sql.SQL("ONLY " if relation.kind is RelKind.TABLE else ""),
            sql.Identifier(relation.name.schema, relation.name.name),
        )
        for relation in relations
    )


def _chunks(labels: list[Name], sizes: dict[Name, int]) -> list[list[Name]]:
    chunks: list[list[Name]] = []
    room = 0
    for label in labels:
        if not chunks or sizes[label] > room or len(chunks[-1]) >= _STATEMENT_TABLES:
            chunks.append([])
            room = _STATEMENT_BYTES
        chunks[-1].append(label)
        room -= sizes[label]
    return chunks
