"""Tables without a key: rows are removed by all their values, exactly as many as on the source.

Whole rows are compared as text under the session's fixed settings, because json, xml and point
have no equality, 1.0 equals 1.00, and NULL equals nothing (hazard 17). Of equal rows any will do.
"""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from psycopg import sql

from azext_dms_pg.engine.apply.account import account_for
from azext_dms_pg.engine.apply.stage import StageColumn, copy_into, only, table

if TYPE_CHECKING:
    import psycopg

    from azext_dms_pg.engine.apply.stage import Stages
    from azext_dms_pg.engine.changes.collapse import WholeDelta
    from azext_dms_pg.engine.changes.layout import Layout

_DELETE = """
DELETE FROM {target} AS t
 USING (SELECT found.part, found.place
          FROM (SELECT x.tableoid AS part, x.ctid AS place, wanted.count,
                       pg_catalog.row_number() OVER (PARTITION BY wanted.image) AS number
                  FROM {target} AS x
                  JOIN (SELECT CAST(ROW({staged}) AS pg_catalog.text) AS image,
                               pg_catalog.count(*) AS count
                          FROM {stage} AS s
                         GROUP BY 1) AS wanted
                    ON CAST(ROW({columns}) AS pg_catalog.text) OPERATOR(pg_catalog.=) wanted.image
               ) AS found
         WHERE found.number OPERATOR(pg_catalog.<=) found.count) AS doomed
 WHERE t.tableoid OPERATOR(pg_catalog.=) doomed.part
   AND t.ctid OPERATOR(pg_catalog.=) doomed.place
"""


# What is not printed is NULL, or its column came after the row had gone. In that case every row of
# the target has in it what it was filled with; in the other one there is a row with NULL.
# Values are looked at as the text of a record, never cast by themselves: a user's type may have a
# cast that calls a function of the user's. "()" is a record of NULL, and of nothing else.
_FILL = """
UPDATE {stage} AS s
   SET {staged} = filled.value
  FROM (SELECT x.{column} AS value FROM {target} AS x LIMIT 1) AS filled
 WHERE CAST(ROW(s.{staged}) AS pg_catalog.text) OPERATOR(pg_catalog.=) '()'
   AND NOT EXISTS (SELECT FROM {target} AS y
                    WHERE CAST(ROW(y.{column}) AS pg_catalog.text) OPERATOR(pg_catalog.<>)
                          CAST(ROW(filled.value) AS pg_catalog.text))
"""


def delete_whole(
    session: psycopg.Connection[Any],
    stages: Stages,
    layout: Layout,
    delta: WholeDelta,
    progress: int,
) -> None:
    """Remove the rows that went.

    :param progress: where the target stands.
    :raises ApplyError: there are not as many of them on the target.
    """
    going = {row: -count for row, count in delta.rows.items() if count < 0}
    if not going:
        return
    stage = stages.empty(
        layout, "whole", [StageColumn(f"c{at}", each) for at, each in enumerate(layout.columns)]
    )
    names = [f"c{at}" for at in range(len(layout.columns))]
    rows = chain.from_iterable(repeat(row, count) for row, count in going.items())
    expected = copy_into(session, stage, names, layout.codec, rows)
    # One pass over the table for the whole batch; a nested loop would be one a row.
    session.execute("SET LOCAL enable_hashjoin = on")
    for at in layout.recent:
        session.execute(
            sql.SQL(_FILL).format(
                target=only(layout),
                stage=stage,
                staged=sql.Identifier(names[at]),
                column=sql.Identifier(layout.columns[at].name),
            )
        )
    statement = sql.SQL(_DELETE).format(
        target=only(layout),
        stage=stage,
        staged=_list("s", names),
        columns=_list("x", [column.name for column in layout.columns]),
    )
    done = session.execute(statement).rowcount
    session.execute("SET LOCAL enable_hashjoin = off")
    account_for(layout, "DELETE", expected, done, progress)


def insert_whole(session: psycopg.Connection[Any], layout: Layout, delta: WholeDelta) -> None:
    """Add the rows that came."""
    rows = [row for row, count in delta.rows.items() if count > 0]
    for row, count in delta.rows.items():
        if count > 1:
            rows += [row] * (count - 1)
    if not rows:
        return
    if not layout.columns:
        session.execute(
            # No parameter: a name may have a percent sign in it.
            sql.SQL("INSERT INTO {} SELECT FROM pg_catalog.generate_series(1, {})").format(
                table(layout), sql.Literal(len(rows))
            )
        )
        return
    names = [column.name for column in layout.columns]
    copy_into(session, table(layout), names, layout.codec, rows)


def _list(alias: str, names: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in names)
