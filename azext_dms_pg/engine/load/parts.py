"""Cutting a load into units of work: ranges of large tables, batches of small ones.

A *part* is what one COPY carries: a table or a range of it. A *unit* is what one target
transaction commits: one part of a large table, or many small tables together, whose round trips
would otherwise cost more than their rows. Pure; knows no connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from psycopg import sql

from azext_dms_pg.engine.values import Plan, Route
from azext_dms_pg.postgres.transfer import Copy

# Tables below this many bytes travel together; a unit takes up to so many bytes and tables.
_SMALL = 1 << 20
_BATCH_BYTES = 8 << 20
_BATCH_TABLES = 64
# Ranges smaller than this cost more in round trips than they gain in balance.
_LEAST_RANGE = 32 << 20
# With this many ranges for each stream, streams that finish early find something left to do.
_RANGES_A_STREAM = 3
# Source versions whose executor can scan a range of blocks without reading the others.
TID_RANGE_SINCE = 140000


@dataclass(frozen=True)
class Size:
    """How large a source table is now.

    :param bytes: main fork and TOAST.
    :param pages: blocks of the main fork.
    :param keys: lowest and highest value of the integer that leads the primary key, where the
        table has one and it was asked for; else None.
    """

    bytes: int
    pages: int
    keys: tuple[int, int] | None = None


@dataclass(frozen=True)
class Part:
    """One table, or the rows of it from ``low`` up to but not including ``high``.

    :param column: what the bounds speak of: ``ctid`` (block numbers) or a key column; empty for
        the whole table. An open end has None.
    :param weight: bytes expected, for order and progress.
    """

    route: Route
    id: str
    weight: int
    column: str = ""
    low: int | None = None
    high: int | None = None

    def copy(self) -> Copy:
        """The statements that move it."""
        return Copy(out=self._out(), into=self._into())

    def _out(self) -> bytes:
        name = sql.Identifier(self.route.source.name.schema, self.route.source.name.name)
        if not self.column:
            what: sql.Composable = sql.SQL("{} {}").format(name, self._columns())
        else:
            what = sql.SQL("(SELECT {} FROM ONLY {} WHERE {})").format(
                sql.SQL(", ").join(map(sql.Identifier, self.route.columns)),
                name,
                sql.SQL(" AND ").join(self._bounds()),
            )
        return sql.SQL("COPY {} TO STDOUT{}").format(what, self._format()).as_bytes()

    def _into(self) -> bytes:
        name = sql.Identifier(self.route.target.name.schema, self.route.target.name.name)
        return (
            sql.SQL("COPY {} {} FROM STDIN{}")
            .format(name, self._columns(), self._format())
            .as_bytes()
        )

    def _columns(self) -> sql.Composable:
        if not self.route.columns:  # "()" is no SQL; without a list it means the same
            return sql.SQL("")
        return sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Identifier, self.route.columns)))

    def _format(self) -> sql.SQL:
        return sql.SQL(" (FORMAT binary)" if self.route.binary else "")

    def _bounds(self) -> list[sql.Composable]:
        bounds: list[sql.Composable] = []
        for sign, value in ((">=", self.low), ("<", self.high)):
            if value is None:
                continue
            if self.column == "ctid":
                literal: sql.Composable = sql.SQL("'({},0)'::pg_catalog.tid").format(value)
            else:
                literal = sql.SQL("'{}'::pg_catalog.int8").format(value)
            bounds.append(
                sql.SQL("{} OPERATOR(pg_catalog.{}) {}").format(
                    sql.Identifier(self.column), sql.SQL(sign), literal
                )
            )
        return bounds


@dataclass(frozen=True)
class Unit:
    """What one target transaction commits."""

    parts: tuple[Part, ...]

    @property
    def weight(self) -> int:
        return sum(part.weight for part in self.parts)


def cut(plan: Plan, sizes: Mapping[int, Size], *, part_bytes: int, streams: int) -> list[Unit]:
    """All rows of all routes, biggest table first.

    :param sizes: by OID of the source table; a table that is missing counts as empty.
    :param part_bytes: no range is to be much larger.
    :param streams: COPYs that will run at a time.
    """
    measured = [(route, sizes.get(route.source.oid, Size(0, 0))) for route in plan.routes]
    measured.sort(key=lambda item: -item[1].bytes)
    total = sum(size.bytes for _, size in measured)
    span = min(part_bytes, max(_LEAST_RANGE, total // (streams * _RANGES_A_STREAM)))
    units: list[Unit] = []
    small: list[Part] = []
    for route, size in measured:
        if size.bytes < _SMALL:
            small.append(Part(route, _id(route), max(size.bytes, 1)))
        elif plan.source_version >= TID_RANGE_SINCE:
            units += [Unit((part,)) for part in _by_block(route, size, span)]
        else:
            units += [Unit((part,)) for part in _by_key(route, size, span, streams)]
    return units + _batches(small, streams)


def _by_block(route: Route, size: Size, span: int) -> list[Part]:
    """Ranges of blocks; the last is open, for the table may have grown since it was measured."""
    count = max(1, min(round(size.bytes / span), size.pages))
    edges: list[int | None] = [None, *(size.pages * i // count for i in range(1, count)), None]
    return _ranges(route, size, edges, "ctid")


def _by_key(route: Route, size: Size, span: int, streams: int) -> list[Part]:
    """Ranges of an integer key.

    Not more than there are streams: should the planner read the whole table for each, that many
    scans run side by side and share their reads.
    """
    count = min(round(size.bytes / span), streams)
    if size.keys is None or count < 2:  # noqa: PLR2004 - one range is the whole table
        return _ranges(route, size, [None, None], "")
    low, high = size.keys
    inner = sorted({low + (high - low) * i // count for i in range(1, count)})
    return _ranges(route, size, [None, *inner, None], route.source.key[0])


def _ranges(route: Route, size: Size, edges: Sequence[int | None], column: str) -> list[Part]:
    count = len(edges) - 1
    if count == 1:
        return [Part(route, _id(route), size.bytes)]
    return [
        Part(
            route,
            f"{_id(route)} [{'' if low is None else low}:{'' if high is None else high})",
            size.bytes // count,
            column,
            low,
            high,
        )
        for low, high in pairwise(edges)
    ]


def _id(route: Route) -> str:
    """Unique by the OID; the name is for people (``a.b.c`` could be two tables)."""
    return f"{route.source.oid} {route.source.name}"


def source_oid(part: str) -> int:
    """The source table a part's id speaks of."""
    return int(part.split(" ", 1)[0])


def _batches(small: list[Part], streams: int) -> list[Unit]:
    """Share small tables out so that every stream gets some, in units that stay small."""
    most = min(_BATCH_TABLES, max(1, -(-len(small) // streams)))
    units: list[Unit] = []
    batch: list[Part] = []
    weight = 0
    for part in small:
        if batch and (len(batch) >= most or weight + part.weight > _BATCH_BYTES):
            units.append(Unit(tuple(batch)))
            batch, weight = [], 0
        batch.append(part)
        weight += part.weight
    if batch:
        units.append(Unit(tuple(batch)))
    return units
