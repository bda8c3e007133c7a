"""Carries out net effects on the target: one statement a kind, every row accounted for.

Order over all tables of a segment: rows that take values from others are put together first,
then deletes, updates, inserts. So no order of tables matters, and a row that moves from one
partition to another is gone before it comes. Runs inside the caller's transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from azext_dms_pg.engine.apply.account import account_for
from azext_dms_pg.engine.apply.stage import StageColumn, copy_into, only, table
from azext_dms_pg.engine.apply.whole import delete_whole, insert_whole
from azext_dms_pg.engine.changes.collapse import KeyedDelta, NetEffect, WholeDelta

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from azext_dms_pg.engine.apply.stage import Stages
    from azext_dms_pg.engine.changes.batch import Segment
    from azext_dms_pg.engine.changes.layout import Equality, Layout

_OVERRIDING_SINCE = 100000


class Writer:
    """Writes segments in one session."""

    def __init__(self, session: psycopg.Connection[Any], stages: Stages) -> None:
        self._session = session
        self._stages = stages
        self.writing: Layout | None = None
        """The table of the statement that runs, for error messages."""
        self._progress = 0

    def write(self, segment: Segment, progress: int, *, careful: bool) -> None:
        """Apply a segment.

        :param progress: where the target stands; tells which tables may lack rows still.
        :param careful: delete and write anew instead of UPDATE.
        :raises ApplyError: a statement hit more or fewer rows than the source's did.
        """
        self._progress = progress
        nets = {
            layout: delta.net(careful=careful or layout.rewrites)
            for layout, delta in segment.deltas.items()
            if isinstance(delta, KeyedDelta)
        }
        wholes = {
            layout: delta
            for layout, delta in segment.deltas.items()
            if isinstance(delta, WholeDelta)
        }
        moved = [
            (layout, *self._fetch(layout, number, known, rows))
            for number, (layout, known, rows) in enumerate(_moves(nets))
        ]
        self._take_away(nets, wholes)
        self._change(nets)
        self._add(nets, wholes)
        for layout, stage, count in moved:
            self._insert_moved(layout, stage, count)
        self.writing = None

    def _take_away(self, nets: dict[Layout, NetEffect], wholes: dict[Layout, WholeDelta]) -> None:
        for layout, net in nets.items():
            if net.deletes:
                self._delete(layout, net.deletes)
        for layout, whole in wholes.items():
            self.writing = layout
            delete_whole(self._session, self._stages, layout, whole, self._progress)

    def _change(self, nets: dict[Layout, NetEffect]) -> None:
        for layout, net in nets.items():
            if net.updates:
                self._update(layout, tuple(range(len(layout.columns))), net.updates)
            for known, partial in net.partial.items():
                self._update(layout, known, [layout.codec.row(values) for values in partial])

    def _add(self, nets: dict[Layout, NetEffect], wholes: dict[Layout, WholeDelta]) -> None:
        for layout, net in nets.items():
            if net.inserts:
                self._insert(layout, net.inserts)
        for layout, whole in wholes.items():
            self.writing = layout
            insert_whole(self._session, layout, whole)

    def _delete(self, layout: Layout, keys: list[bytes]) -> None:
        self.writing = layout
        columns = [layout.columns[at] for at in layout.key]
        stage = self._stages.empty(
            layout, "delete", [StageColumn(column.name, column) for column in columns]
        )
        codec = layout.codec
        names = [column.name for column in columns]
        rows = (codec.key_row(key, len(columns)) for key in keys)
        copy_into(self._session, stage, names, codec, rows)
        done = self._run(
            layout,
            sql.SQL("DELETE FROM {} AS t USING {} AS s WHERE {}").format(
                only(layout), stage, _same_key(layout)
            ),
        )
        self._expect(layout, "DELETE", len(keys), done)

    def _update(self, layout: Layout, known: tuple[int, ...], rows: list[bytes]) -> None:
        """Set the columns at the known positions, the key's excepted."""
        self.writing = layout
        columns = [layout.columns[at] for at in known]
        changed = [layout.columns[at].name for at in known if at not in layout.key]
        if not changed:
            return
        stage = self._stages.empty(
            layout, "update", [StageColumn(column.name, column) for column in columns]
        )
        names = [column.name for column in columns]
        copy_into(self._session, stage, names, layout.codec, rows)
        assignments = sql.SQL(", ").join(
            sql.SQL("{} = s.{}").format(sql.Identifier(name), sql.Identifier(name))
            for name in changed
        )
        done = self._run(
            layout,
            sql.SQL("UPDATE {} AS t SET {} FROM {} AS s WHERE {}").format(
                only(layout), assignments, stage, _same_key(layout)
            ),
        )
        self._expect(layout, "UPDATE", len(rows), done)

    def _insert(self, layout: Layout, rows: list[bytes]) -> None:
        self.writing = layout
        names = [column.name for column in layout.columns]
        done = copy_into(self._session, table(layout), names, layout.codec, rows)
        self._expect(layout, "INSERT", len(rows), done)

    def _fetch(
        self,
        layout: Layout,
        number: int,
        known: tuple[int, ...],
        moves: list[tuple[bytes, list[bytes]]],
    ) -> tuple[sql.Identifier, int]:
        """Put rows together from new values and the target's: a stage of so many complete rows."""
        self.writing = layout
        codec = layout.codec
        keys = [StageColumn(f"k{at}", layout.columns[at]) for at in layout.key]
        new = [StageColumn(f"n{at}", layout.columns[at]) for at in known]
        stage = self._stages.empty(layout, "move", [*keys, *new])
        separator = b"" if layout.binary else b"\t"
        rows = (_moved_row(codec, key, len(keys), values, separator) for key, values in moves)
        copy_into(self._session, stage, [each.name for each in [*keys, *new]], codec, rows)
        everything = [*layout.columns, *layout.rest]
        complete = self._stages.empty(
            layout, f"moved {number}", [StageColumn(column.name, column) for column in everything]
        )
        picked = [
            sql.SQL("s.{}" if at in known else "t.{}").format(
                sql.Identifier(f"n{at}" if at in known else column.name)
            )
            for at, column in enumerate(everything)
        ]
        done = self._run(
            layout,
            sql.SQL("INSERT INTO {} SELECT {} FROM {} AS t, {} AS s WHERE {}").format(
                complete,
                sql.SQL(", ").join(picked),
                only(layout),
                stage,
                _same_key(layout, [each.name for each in keys]),
            ),
        )
        self._expect(layout, "UPDATE", len(moves), done)
        return complete, done

    def _insert_moved(self, layout: Layout, stage: sql.Identifier, count: int) -> None:
        self.writing = layout
        names = sql.SQL(", ").join(
            sql.Identifier(column.name) for column in [*layout.columns, *layout.rest]
        )
        overriding = self._session.info.server_version >= _OVERRIDING_SINCE
        done = self._run(
            layout,
            sql.SQL("INSERT INTO {} ({}) {} SELECT {} FROM {}").format(
                table(layout),
                names,
                sql.SQL("OVERRIDING SYSTEM VALUE" if overriding else ""),
                names,
                stage,
            ),
        )
        self._expect(layout, "UPDATE", count, done)

    def _expect(self, layout: Layout, operation: str, expected: int, done: int) -> None:
        account_for(layout, operation, expected, done, self._progress)

    def _run(self, layout: Layout, statement: sql.Composed) -> int:
        """Run a statement that joins a stage to the target; how many rows it hit.

        With an index the session's nested loops are right whatever the planner believes of a
        table without statistics; without one, a hash is the only way not to go through the
        target once a row.
        """
        if layout.indexed:
            return self._session.execute(statement).rowcount
        self._session.execute("SET LOCAL enable_hashjoin = on")
        done = self._session.execute(statement).rowcount
        self._session.execute("SET LOCAL enable_hashjoin = off")
        return done


def _moves(
    nets: dict[Layout, NetEffect],
) -> Iterable[tuple[Layout, tuple[int, ...], list[tuple[bytes, list[bytes]]]]]:
    for layout, net in nets.items():
        for known, rows in net.moves.items():
            yield layout, known, rows


def _moved_row(codec: Any, key: bytes, keys: int, values: list[bytes], separator: bytes) -> bytes:
    """A row of the old key and the new values, in the codec's form."""
    if separator:
        return bytes(codec.row([key, *values]))
    count = (keys + len(values)).to_bytes(2, "big")
    return count + key + b"".join(values)


def _same_key(layout: Layout, names: list[str] | None = None) -> sql.Composed:
    columns = [layout.columns[at].name for at in layout.key]
    return sql.SQL(" AND ").join(
        _same(column, name, equality)
        for column, name, equalities in zip(columns, names or columns, layout.equals, strict=True)
        for equality in equalities
    )


def _same(column: str, staged: str, equality: Equality) -> sql.Composed:
    here, there = sql.Identifier(column), sql.Identifier(staged)
    operator = sql.SQL(equality.operator)
    same = sql.SQL("t.{} {} s.{}").format(here, operator, there)
    if equality.collation:
        same += sql.SQL(" ") + sql.SQL(equality.collation)
    if equality.printed:
        # As part of a row: a user's type may have a cast that calls a function of the user's.
        same += sql.SQL(
            " AND CAST(ROW(t.{}) AS pg_catalog.text) OPERATOR(pg_catalog.=)"
            " CAST(ROW(s.{}) AS pg_catalog.text)"
        ).format(here, there)
    return same
