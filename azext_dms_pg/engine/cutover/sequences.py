"""Sets the target's sequences to where the source's stand. Run after the fence: see hazard 18.

Sequences are not part of the change stream; what they said when the writers stopped is what
counts, so they are read once, at the end. Which ones is told by OIDs: names may change until then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psycopg import sql

from azext_dms_pg.engine.faults import GoOnError
from azext_dms_pg.errors import MigrationError, ServerError
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.catalog import survey
from azext_dms_pg.postgres.quoting import alter_sequence

if TYPE_CHECKING:
    import psycopg

    from azext_dms_pg.engine.values import Plan, SequenceRoute
    from azext_dms_pg.postgres.survey import Survey

# Sequences read in one statement; each is opened like a table.
_CHUNK = 500
_NAMED_AT_MOST = 5
_UNDEFINED_TABLE = "42P01"

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
    :raises GoOnError: one was renamed, moved or dropped since the plan was made; none was set.
    """
    refused: list[tuple[SequenceRoute, int]] = []
    with target.transaction():
        for start in range(0, len(plan.sequences), _CHUNK):
            chunk = plan.sequences[start : start + _CHUNK]
            states = _read(source, chunk)
            with translated("target", "setting the sequences"):
                refused += _beyond_bounds(target, chunk, states)
                if not refused:
                    _write(target, chunk, states, margin)
    if refused:
        with translated("source", "reading the catalogue"):
            here = survey(source)
        with translated("target", "reading the catalogue"):
            there = survey(target)
        raise _out_of_range([_explained(route, last, here, there) for route, last in refused])


def _explained(route: SequenceRoute, last: int, here: Survey, there: Survey) -> tuple[str, str]:
    """What is wrong, and the statement that mends it."""
    ours, theirs = here.sequence_by_oid.get(route.oid), there.sequence_by_oid.get(route.goal)
    if ours is None or theirs is None:
        raise _changed()
    words = (
        f"{ours.name} stands at {last} on the source, {theirs.name} runs from {theirs.minimum} to "
        f"{theirs.maximum} on the target"
    )
    # With the source's own bounds: the next numbers need room too. Before version 10 they are not
    # known; there the sequence gets all there is.
    return words, alter_sequence(replace(ours, minimum=min(ours.minimum, last)), theirs)


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
        # With what it is in the same row: the name may be another's by now.
        sql.SQL("SELECT {}, tableoid::int8, last_value, is_called FROM {}").format(
            sql.Literal(number), sql.Identifier(route.source.schema, route.source.name)
        )
        for number, route in enumerate(chunk)
    ]
    try:
        with translated("source", "reading the sequences"):
            rows = sorted(source.execute(sql.SQL(" UNION ALL ").join(terms)).fetchall())
    except ServerError as error:
        if error.sqlstate != _UNDEFINED_TABLE:
            raise
        raise _changed() from error
    if [oid for _, oid, _, _ in rows] != [route.oid for route in chunk]:
        raise _changed()
    return [(last, called) for _, _, last, called in rows]


def _changed() -> GoOnError:
    return GoOnError("sequences were renamed or dropped; looking at them again")


def _wanted(chunk: tuple[SequenceRoute, ...], states: list[State]) -> sql.Composed:
    """``FROM``: the target's sequences with the values they are to have, and their bounds."""
    rows = sql.SQL(", ").join(
        sql.SQL("({}, {}::oid::regclass, ({})::int8, {}::bool)").format(
            sql.Literal(number),
            sql.Literal(route.goal),
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
) -> list[tuple[SequenceRoute, int]]:
    """Each that cannot take its value, which is that of the source."""
    rows = target.execute(
        sql.SQL("SELECT v.number, v.last")
        + _wanted(chunk, states)
        + sql.SQL(" WHERE v.last NOT BETWEEN s.seqmin AND s.seqmax ORDER BY v.number")
    ).fetchall()
    return [(chunk[number], last) for number, last in rows]


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
    done = target.execute(
        sql.SQL("SELECT setval(v.sequence, {}, v.called)").format(value) + _wanted(chunk, states)
    )
    if done.rowcount != len(chunk):
        raise _changed()
