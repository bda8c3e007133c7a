"""Counts the rows of both databases and says which tables differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from azext_dms_pg.engine.verify.pairs import Pair, from_clause, pairs
from azext_dms_pg.engine.verify.sides import Query, Reader, both

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.relations import Name, Relation

# Tables that together are smaller than this are counted by one statement.
_STATEMENT_BYTES = 64 << 20
_STATEMENT_TABLES = 100


@dataclass(frozen=True)
class CountDifference:
    """A table whose numbers of rows differ."""

    label: Name
    source_rows: int
    target_rows: int


def compare_counts(
    source: Connection,
    target: Connection,
    plan: Plan,
    stopping: Callable[[], bool] = lambda: False,
) -> tuple[CountDifference, ...]:
    """Count every table of the plan on both sides; those that differ, in plan order."""
    tables = pairs(source, target, plan)
    chunks = _chunks(sorted(tables, key=lambda pair: -pair.bytes))
    here, there = both(
        Reader(source, "source", stopping=stopping),
        Reader(target, "target", stopping=stopping),
        (_query(chunk, lambda pair: pair.source) for chunk in chunks),
        (_query(chunk, lambda pair: pair.target) for chunk in chunks),
    )
    source_rows, target_rows = _counts(here), _counts(there)
    return tuple(
        CountDifference(pair.label, source_rows[pair.label], target_rows[pair.label])
        for pair in tables
        if source_rows[pair.label] != target_rows[pair.label]
    )


def _query(
    chunk: list[Pair], side: Callable[[Pair], Iterable[Relation]]
) -> tuple[tuple[Name, ...], Query]:
    terms = [
        sql.SQL(" + ").join(
            sql.SQL("(SELECT count(*) FROM {})").format(from_clause(relation))
            for relation in side(pair)
        )
        for pair in chunk
    ]
    return (
        tuple(pair.label for pair in chunk),
        sql.SQL("SELECT {}").format(sql.SQL(", ").join(terms)),
    )


def _counts(answers: list[tuple[tuple[Name, ...], list[Any]]]) -> dict[Name, int]:
    return {
        label: count for labels, (row,) in answers for label, count in zip(labels, row, strict=True)
    }


def _chunks(tables: list[Pair]) -> list[list[Pair]]:
    chunks: list[list[Pair]] = []
    room = 0
    for pair in tables:
        if not chunks or pair.bytes > room or len(chunks[-1]) >= _STATEMENT_TABLES:
            chunks.append([])
            room = _STATEMENT_BYTES
        chunks[-1].append(pair)
        room -= pair.bytes
    return chunks
