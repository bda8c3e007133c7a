"""Sets the target's sequences to where the source's stand. Run after the fence: see hazard 18.

Sequences are not part of the change stream; what they said when the writers stopped is what
counts, so they are read once, at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.quoting import qualified

if TYPE_CHECKING:
    import psycopg

    from azext_dms_pg.engine.values import Plan, SequenceRoute

# Sequences read in one statement; each is opened like a table.
_CHUNK = 500
_NAMED_AT_MOST = 5

# Last value, and whether it was given out.
State = tuple[int, bool]


def copy_sequences(
    source: psycopg.Connection[Any],
    target: psycopg.Connection[Any],
    plan: Plan,
    margin: int = 0,
) -> None:
    """Read every sequence of the plan on the source and set it on the target.

    :param margin: how many numbers to leave free, in the sequence's direction.
    :raises MigrationError: code ``SequenceOutOfRange``: some cannot stand where the source's do;
        none was set.
    """
    refused: list[tuple[str, str]] = []
    with target.transaction():
        for start in range(0, len(plan.sequences), _CHUNK):
            chunk = plan.sequences[start : start + _CHUNK]
            with translated("source", "reading the sequences"):
                states = _read(source, chunk)
            with translated("target", "setting the sequences"):
                refused += _beyond_bounds(target, chunk, states)
                if not refused:
                    _write(target, chunk, states, margin)
        if refused:
            raise _out_of_range(refused)


def _out_of_range(refused: list[tuple[str, str]]) -> MigrationError:
    more = len(refused) - _NAMED_AT_MOST
    told = "; ".join(words for words, _ in refused[:_NAMED_AT_MOST])
    return MigrationError(
        f"Sequences of the target cannot be set to where the source's stand. {told}"
        f"{f'; and {more} more' if more > 0 else ''}.",
        f"Run on the target: {' '.join(statement for _, statement in refused)} Then run az dms "
        "project task restart: the cutover goes on from here.",
        code="SequenceOutOfRange",
    )


def _read(source: psycopg.Connection[Any], chunk: tuple[SequenceRoute, ...]) -> list[State]:
    # The relation itself, not pg_sequences: that hides is_called and came with version 10.
    terms = [
        sql.SQL("SELECT {}, last_value, is_called FROM {}").format(
            sql.Literal(number), sql.Identifier(route.source.schema, route.source.name)
        )
        for number, route in enumerate(chunk)
    ]
    rows = source.execute(sql.SQL(" UNION ALL ").join(terms)).fetchall()
    return [(last, called) for _, last, called in sorted(rows)]


def _wanted(chunk: tuple[SequenceRoute, ...], states: list[State]) -> sql.Composed:
    """``FROM``: the target's sequences with the values they are to have, and their bounds."""
    rows = sql.SQL(", ").join(
        sql.SQL("({}, {}::text::regclass, {}::int8, {}::bool)").format(
            sql.Literal(number),
            sql.Literal(qualified(route.target)),
            sql.Literal(last),
            sql.Literal(called),
        )
        for number, (route, (last, called)) in enumerate(zip(chunk, states, strict=True))
    )
    return sql.SQL(
        " FROM (VALUES {}) AS v (number, sequence, last, called)"
        " JOIN pg_sequence s ON s.seqrelid = v.sequence"
    ).format(rows)


def _beyond_bounds(
    target: psycopg.Connection[Any], chunk: tuple[SequenceRoute, ...], states: list[State]
) -> list[tuple[str, str]]:
    """Each that cannot take its value: what is wrong, and the statement that mends it."""
    rows = target.execute(
        sql.SQL("SELECT v.number, v.last, s.seqmin, s.seqmax")
        + _wanted(chunk, states)
        + sql.SQL(" WHERE v.last NOT BETWEEN s.seqmin AND s.seqmax ORDER BY v.number")
    ).fetchall()
    found = []
    for number, last, lowest, highest in rows:
        here, there = chunk[number].source, chunk[number].target
        words = (
            f"{here} stands at {last} on the source, {there} runs from {lowest} to {highest} on "
            "the target"
        )
        # bigint: wider bounds may not fit the sequence's present type.
        room = f"AS bigint MINVALUE {min(last, lowest)} MAXVALUE {max(last, highest)}"
        found.append((words, f"ALTER SEQUENCE {qualified(there)} {room};"))
    return found


def _write(
    target: psycopg.Connection[Any],
    chunk: tuple[SequenceRoute, ...],
    states: list[State],
    margin: int,
) -> None:
    """Set them all in one statement, each within the target sequence's own bounds."""
    # numeric: at the end of its range a bigint must stop instead of failing.
    ahead = sql.SQL(
        "greatest(s.seqmin, least(s.seqmax, v.last + {} * sign(s.seqincrement::numeric)))::int8"
    ).format(sql.Literal(margin))
    value = ahead if margin else sql.SQL("v.last")
    target.execute(
        sql.SQL("SELECT setval(v.sequence, {}, v.called)").format(value) + _wanted(chunk, states)
    )
