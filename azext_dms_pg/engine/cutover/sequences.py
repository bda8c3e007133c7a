"""Sets the target's sequences to where the source's stand. Run after the fence: see hazard 18.

Sequences are not part of the change stream; what they said when the writers stopped is what
counts, so they are read once, at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from azext_dms_pg.postgres.boundary import translated

if TYPE_CHECKING:
    import psycopg

    from azext_dms_pg.engine.values import Plan, SequenceRoute

# Sequences read in one statement; each is opened like a table.
_CHUNK = 500


def copy_sequences(
    source: psycopg.Connection[Any],
    target: psycopg.Connection[Any],
    plan: Plan,
    margin: int = 0,
) -> None:
    """Read every sequence of the plan on the source and set it on the target.

    :param margin: how many numbers to leave free, in the sequence's direction.
    """
    with target.transaction():
        for start in range(0, len(plan.sequences), _CHUNK):
            chunk = plan.sequences[start : start + _CHUNK]
            with translated("source", "reading the sequences"):
                states = _read(source, chunk)
            with translated("target", "setting the sequences"):
                _write(target, chunk, states, margin)


def _read(
    source: psycopg.Connection[Any], chunk: tuple[SequenceRoute, ...]
) -> list[tuple[int, bool]]:
    # The relation itself, not pg_sequences: that hides is_called and came with version 10.
    terms = [
        sql.SQL("SELECT {}, last_value, is_called FROM {}").format(
            sql.Literal(number), sql.Identifier(route.source.schema, route.source.name)
        )
        for number, route in enumerate(chunk)
    ]
    rows = source.execute(sql.SQL(" UNION ALL ").join(terms)).fetchall()
    return [(last, called) for _, last, called in sorted(rows)]


def _write(
    target: psycopg.Connection[Any],
    chunk: tuple[SequenceRoute, ...],
    states: list[tuple[int, bool]],
    margin: int,
) -> None:
    """Set them all in one statement, each within the target sequence's own bounds."""
    rows = sql.SQL(", ").join(
        sql.SQL("({}::text::regclass, {}::int8, {}::bool)").format(
            sql.Literal(sql.Identifier(route.target.schema, route.target.name).as_string(target)),
            sql.Literal(last),
            sql.Literal(called),
        )
        for route, (last, called) in zip(chunk, states, strict=True)
    )
    # numeric: at the end of its range a bigint must stop instead of failing.
    ahead = sql.SQL(
        "greatest(s.seqmin, least(s.seqmax, v.last + {} * sign(s.seqincrement::numeric)))::int8"
    ).format(sql.Literal(margin))
    value = ahead if margin else sql.SQL("v.last")
    target.execute(
        sql.SQL(
            "SELECT setval(v.sequence, {}, v.called) FROM (VALUES {}) AS v (sequence, last, called)"
            " JOIN pg_sequence s ON s.seqrelid = v.sequence"
        ).format(value, rows)
    )
