"""Temporary tables of the apply session that rows are COPYed into before one statement uses them.

A stage has the target's own column types (below domains, whose constraints must not see half a
row), so values pass COPY unconverted. It is made once a session and kind, empties itself at
commit, and is found again by what it is for. Owns nothing but these tables.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

    from azext_dms_pg.engine.changes.codec import Codec
    from azext_dms_pg.engine.changes.layout import Layout, TargetColumn

# Every commit empties every stage that exists, so those least used go.
_MOST_STAGES = 200
_ROWS_A_WRITE = 512
_BYTES_A_WRITE = 1 << 18


@dataclass(frozen=True)
class StageColumn:
    """A column of a stage, made like a column of the target."""

    name: str
    like: TargetColumn


class Stages:
    """The stages of one session."""

    def __init__(self, session: psycopg.Connection[Any]) -> None:
        self._session = session
        self._names: OrderedDict[tuple[object, ...], str] = OrderedDict()
        self._filled: set[str] = set()
        self._made: list[tuple[object, ...]] = []
        self._count = 0

    def empty(self, layout: Layout, purpose: str, columns: Sequence[StageColumn]) -> sql.Identifier:
        """An empty stage with these columns."""
        what = (layout.target, purpose, tuple(columns))
        name = self._names.get(what)
        if name is None:
            name = self._make(layout, columns)
            self._names[what] = name
            self._made.append(what)
        elif name in self._filled:
            self._session.execute(sql.SQL("TRUNCATE {}").format(_qualified(name)))
        self._names.move_to_end(what)
        self._filled.add(name)
        return _qualified(name)

    def committed(self) -> None:
        """All stages are empty now; drop those that were not used for long."""
        self._filled.clear()
        self._made.clear()
        while len(self._names) > _MOST_STAGES:
            _, name = self._names.popitem(last=False)
            self._session.execute(sql.SQL("DROP TABLE {}").format(_qualified(name)))

    def savepoint(self) -> None:
        """What is made from here on goes with ``rolled_back``."""
        self._made.clear()

    def rolled_back(self) -> None:
        for what in self._made:
            self._names.pop(what, None)
        self._made.clear()

    def _make(self, layout: Layout, columns: Sequence[StageColumn]) -> str:
        self._count += 1
        name = f"dms_pg_stage_{self._count}"
        # Collations and modifiers come along; the base type of a domain brings its own.
        picked = [
            (
                sql.SQL("t.{} AS {}").format(sql.Identifier(each.like.name), _id(each.name))
                if each.like.base_type is None
                else sql.SQL("CAST(t.{} AS {}) AS {}").format(
                    sql.Identifier(each.like.name), sql.SQL(each.like.base_type), _id(each.name)
                )
            )
            for each in columns
        ]
        self._session.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} AS t"
                    " WITH NO DATA").format(
                sql.Identifier(name), sql.SQL(", ").join(picked), table(layout)
            )
        )  # fmt: skip
        return name


def copy_into(
    session: psycopg.Connection[Any],
    into: sql.Composable,
    columns: Sequence[str],
    codec: Codec,
    rows: Iterable[bytes],
) -> int:
    """COPY rows in one of the two forms; how many the server says it got."""
    listed = (
        sql.SQL(" ({})").format(sql.SQL(", ").join(_id(name) for name in columns))
        if columns
        else sql.SQL("")
    )
    command = sql.SQL("COPY {}{} FROM STDIN ({})").format(into, listed, sql.SQL(codec.options))
    with session.cursor() as cursor:
        with cursor.copy(command) as copy:
            if codec.head:
                copy.write(codec.head)
            for chunk in _chunks(rows):
                copy.write(chunk)
            if codec.tail:
                copy.write(codec.tail)
        return cursor.rowcount


def table(layout: Layout) -> sql.Composed:
    """The target table as FROM and COPY name it."""
    return sql.SQL("{}").format(sql.Identifier(layout.target.schema, layout.target.name))


def only(layout: Layout) -> sql.Composed:
    """The target table itself, without tables that inherit from it."""
    return sql.SQL("ONLY {}" if layout.route.only else "{}").format(table(layout))


def _chunks(rows: Iterable[bytes]) -> Iterator[bytes]:
    """Rows joined into writes that are neither many nor huge."""
    iterator = iter(rows)
    while group := list(islice(iterator, _ROWS_A_WRITE)):
        if sum(map(len, group)) > 4 * _BYTES_A_WRITE:
            yield from group
        else:
            yield b"".join(group)


def _qualified(name: str) -> sql.Identifier:
    return sql.Identifier("pg_temp", name)


def _id(name: str) -> sql.Identifier:
    return sql.Identifier(name)
