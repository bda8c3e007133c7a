"""Compares the contents of both databases by checksums, and finds the rows that differ.

A table's checksum is the sum of its rows' hashes: the order of rows does not matter, and a table
can be read in pieces. One pass over each table when all is well. Where sums differ, a second pass
splits the rows into buckets by their key, and a third one fetches hashes by key from a bucket that
differs. Reading is bounded to a few sessions a side.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psycopg import sql

from azext_dms_pg.engine.verify.images import Images
from azext_dms_pg.engine.verify.pairs import Pair, from_clause, pairs
from azext_dms_pg.engine.verify.sides import Reader, both
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.relations import RelKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.engine.verify.sides import Query
    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.relations import Name, Relation

# Blocks read by one statement: 1 GB, so that no snapshot is held for hours. Ranges of ctid are
# found without reading the rest since version 14.
_BLOCKS = 131_072
_TID_RANGES = 140000
# Digits of the key's hash that choose the bucket, and rows fetched from differing buckets.
_BUCKET_DIGITS = 3
_FETCHED_ROWS = 200_000


@dataclass(frozen=True)
class RowDifference:
    """One row that is not the same on both sides.

    :param key: the key's values (the whole row's where there is no key) as PostgreSQL writes a
        record.
    :param kind: ``missing`` on the target, ``extra`` there, or ``different``.
    """

    key: str
    kind: str


@dataclass(frozen=True)
class TableComparison:
    """One table on both sides.

    :param differences: some of the rows that differ, up to the limit asked for.
    """

    label: Name
    source_rows: int
    target_rows: int
    source_checksum: str
    target_checksum: str
    differences: tuple[RowDifference, ...] = ()

    @property
    def equal(self) -> bool:
        return (self.source_rows, self.source_checksum) == (
            self.target_rows,
            self.target_checksum,
        )


def compare(
    source: Connection,
    target: Connection,
    plan: Plan,
    *,
    limit: int = 20,
    sessions: int = 2,
    snapshots: tuple[str | None, str | None] = (None, None),
    stopping: Callable[[], bool] = lambda: False,
) -> tuple[TableComparison, ...]:
    """Compare every table of the plan, in plan order.

    While rows change the answer means something only for a pair of snapshots of the same moment:
    one exported on each side.

    :param limit: rows named per table that differs.
    :param sessions: at a time and on each side.
    :raises Interrupted: ``stopping()`` became true.
    """
    comparer = _Comparer(
        Reader(source, "source", sessions, snapshots[0], stopping),
        Reader(target, "target", sessions, snapshots[1], stopping),
        _images(source, target, plan),
        plan,
    )
    tables = pairs(source, target, plan)
    compared = comparer.sums(tables)
    return tuple(
        compared[pair.label]
        if compared[pair.label].equal
        else replace(compared[pair.label], differences=comparer.differences(pair, limit))
        for pair in tables
    )


def _images(source: Connection, target: Connection, plan: Plan) -> Images:
    encodings = []
    for connection, side in ((source, "source"), (target, "target")):
        with translated(side), connect(connection, side, "compare") as session:  # type: ignore[arg-type]
            encodings.append(session.info.parameter_status("server_encoding") or "")
    return Images.between((plan.source_version, plan.target_version), (encodings[0], encodings[1]))


class _Comparer:
    def __init__(self, source: Reader, target: Reader, images: Images, plan: Plan) -> None:
        self._source = source
        self._target = target
        self._images = images
        self._plan = plan

    def sums(self, tables: Iterable[Pair]) -> dict[Name, TableComparison]:
        tables = sorted(tables, key=lambda pair: -pair.bytes)
        here, there = both(
            self._source,
            self._target,
            self._parts((pair, pair.source, self._plan.source_version) for pair in tables),
            self._parts((pair, pair.target, self._plan.target_version) for pair in tables),
        )
        rows_here, sums_here = _totals(here)
        rows_there, sums_there = _totals(there)
        return {
            pair.label: TableComparison(
                label=pair.label,
                source_rows=rows_here[pair.label],
                target_rows=rows_there[pair.label],
                source_checksum=_hex(sums_here[pair.label]),
                target_checksum=_hex(sums_there[pair.label]),
            )
            for pair in tables
        }

    def differences(self, pair: Pair, limit: int) -> tuple[RowDifference, ...]:
        """Rows that differ, from as many buckets as are worth fetching."""
        here, there = both(
            self._source,
            self._target,
            [(pair.label, self._buckets(pair, pair.source))],
            [(pair.label, self._buckets(pair, pair.target))],
        )
        mine = {bucket: tuple(rest) for bucket, *rest in here[0][1]}
        theirs = {bucket: tuple(rest) for bucket, *rest in there[0][1]}
        suspects = _suspects(mine, theirs, limit)
        rows_here, rows_there = both(
            self._source,
            self._target,
            [(pair.label, self._rows(pair, pair.source, suspects))],
            [(pair.label, self._rows(pair, pair.target, suspects))],
        )
        found = _differ(Counter(rows_here[0][1]), Counter(rows_there[0][1]))
        return tuple(sorted(found, key=lambda one: (one.key, one.kind)))[:limit]

    def _parts(
        self, tables: Iterable[tuple[Pair, tuple[Relation, ...], int]]
    ) -> Iterator[tuple[Name, Query]]:
        for pair, relations, version in tables:
            digest = _number(self._images.hash(self._images.row(pair.route)))
            for relation in relations:
                for condition in _ranges(relation, version):
                    yield (
                        pair.label,
                        sql.SQL("SELECT count(*), coalesce(sum({}), 0) FROM {}{}").format(
                            digest, from_clause(relation), condition
                        ),
                    )

    def _buckets(self, pair: Pair, relations: tuple[Relation, ...]) -> Query:
        bucket = sql.SQL("substr({}, 1, {})").format(
            self._images.hash(self._images.key(pair.route)), sql.Literal(_BUCKET_DIGITS)
        )
        digest = _number(self._images.hash(self._images.row(pair.route)))
        return sql.SQL(
            "SELECT bucket, count(*), sum(digest) FROM ({}) AS hashed (bucket, digest) GROUP BY 1"
        ).format(_union(relations, (bucket, digest)))

    def _rows(self, pair: Pair, relations: tuple[Relation, ...], buckets: list[str]) -> Query:
        key = self._images.key(pair.route)
        fields = (key, self._images.hash(self._images.row(pair.route)))
        condition = sql.SQL(" WHERE substr({}, 1, {}) = ANY({})").format(
            self._images.hash(key), sql.Literal(_BUCKET_DIGITS), sql.Literal(buckets)
        )
        return _union(relations, fields, condition)


def _ranges(relation: Relation, version: int) -> Iterator[sql.Composable]:
    """Conditions that cut a large table into pieces; one that cuts nothing for others."""
    if version < _TID_RANGES or relation.kind is not RelKind.TABLE or relation.pages < _BLOCKS:
        yield sql.SQL("")
        return
    starts = range(0, relation.pages, _BLOCKS)
    for start in starts:
        low = sql.SQL(" WHERE ctid >= {}::tid").format(sql.Literal(f"({start},0)"))
        if start == starts[-1]:
            # The table may have grown: the last piece is open at the end.
            yield low
        else:
            yield low + sql.SQL(" AND ctid < {}::tid").format(sql.Literal(f"({start + _BLOCKS},0)"))


def _number(digest: sql.Composable) -> sql.Composed:
    """Half of an MD5 as a bigint; bigints are summed as numeric, which never overflows."""
    return sql.SQL("('x' || substr({}, 1, 16))::bit(64)::int8").format(digest)


def _union(
    relations: tuple[Relation, ...],
    fields: tuple[sql.Composable, ...],
    condition: sql.Composable = sql.SQL(""),  # noqa: B008 - immutable
) -> sql.Composed:
    return sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} FROM {}{}").format(
            sql.SQL(", ").join(fields), from_clause(relation), condition
        )
        for relation in relations
    )


def _totals(answers: list[tuple[Name, list[Any]]]) -> tuple[Counter[Name], Counter[Name]]:
    rows: Counter[Name] = Counter()
    sums: Counter[Name] = Counter()
    for label, ((count, total),) in answers:
        rows[label] += count
        sums[label] += int(total)
    return rows, sums


def _hex(total: int) -> str:
    return f"{total % (1 << 128):032x}"


def _suspects(
    here: dict[str, tuple[Any, ...]], there: dict[str, tuple[Any, ...]], limit: int
) -> list[str]:
    """Differing buckets, the smallest first, until they hold as many rows as may be fetched."""
    nothing = (0, 0)
    differing = [
        (max(here.get(bucket, nothing)[0], there.get(bucket, nothing)[0]), bucket)
        for bucket in here.keys() | there.keys()
        if here.get(bucket) != there.get(bucket)
    ]
    chosen: list[str] = []
    fetched = 0
    for rows, bucket in sorted(differing):
        if chosen and (fetched + rows > _FETCHED_ROWS or len(chosen) >= limit):
            break
        chosen.append(bucket)
        fetched += rows
    return chosen


def _differ(here: Counter[Any], there: Counter[Any]) -> Iterator[RowDifference]:
    """Rows (key, hash) of one side that the other does not have as often."""
    lost, found = here - there, there - here
    lost_keys = Counter(key for key, _ in lost.elements())
    found_keys = Counter(key for key, _ in found.elements())
    for key in lost_keys.keys() | found_keys.keys():
        changed = min(lost_keys[key], found_keys[key])
        for count, kind in (
            (changed, "different"),
            (lost_keys[key] - changed, "missing"),
            (found_keys[key] - changed, "extra"),
        ):
            for _ in range(count):
                yield RowDifference(key, kind)
