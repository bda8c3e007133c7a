"""Which rows a leaf of the source holds, as a condition for the target. Pure.

The source's words are never run on the target: a bound is read down to its values, and what is
not plainly a value is refused. The condition is made here, of quoted names, quoted values that
take the type of the target's column, and operators of ``pg_catalog``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from psycopg import sql

_RANGE = re.compile(r"FOR VALUES FROM \((.*)\) TO \((.*)\)", re.DOTALL)
_LIST = re.compile(r"FOR VALUES IN \((.*)\)", re.DOTALL)
_DEFAULT = "DEFAULT"
# What ruleutils.c prints for a constant: a plain number, a word, or a quoted text.
_VALUE = re.compile(
    r"(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)"
    r"|(?P<word>NULL|MINVALUE|MAXVALUE|true|false)"
    r"|(?P<escaped>E)?'(?P<text>(?:[^']|'')*)'"
)
_DOUBLED = re.compile(r"\\\\|\\")

_TRUE, _FALSE = sql.SQL("true"), sql.SQL("false")


class UnclearBoundError(ValueError):
    """The bound cannot be made a condition; the text says why."""


@dataclass(frozen=True)
class End:
    """An end of a range that no value reaches."""

    above: bool


LOWEST, HIGHEST = End(above=False), End(above=True)
# A constant as its type prints it, None for NULL.
Value: TypeAlias = "str | End | None"


@dataclass(frozen=True)
class Level:
    """One step from a leaf up to its root.

    :param strategy: of the parent: ``r``, ``l`` or ``h``.
    :param keys: columns of the parent's partition key; None is an expression.
    :param bytewise: for each of them: it is compared byte by byte, unlike its column.
    :param plain: the key is compared by the default operators of built-in types, and but for the
        above by the collations of its columns.
    :param bound: ``pg_get_expr(relpartbound)`` of the child.
    :param others: the bounds of its siblings.
    """

    strategy: str
    keys: tuple[str | None, ...]
    bytewise: tuple[bool, ...]
    plain: bool
    bound: str
    others: tuple[str, ...]


def condition(levels: tuple[Level, ...]) -> sql.Composable:
    """What is true of exactly the rows of the leaf.

    :raises UnclearBoundError: that cannot be told of these bounds.
    """
    if not levels:
        raise UnclearBoundError("it is no partition any more")
    return _all([_level(level) for level in levels])


def _level(level: Level) -> sql.Composable:
    if level.strategy == "h":
        raise UnclearBoundError("hash partitions hold what only the source's server can tell")
    if not level.plain or None in level.keys:
        raise UnclearBoundError(
            "the partition key is an expression, or compared in another way than is usual"
        )
    columns = tuple(
        sql.SQL('{} COLLATE pg_catalog."C"' if bytewise else "{}").format(sql.Identifier(key))
        for key, bytewise in zip(level.keys, level.bytewise, strict=True)
        if key is not None
    )
    if level.bound != _DEFAULT:
        return _bound(level, columns, level.bound)
    others = [_bound(level, columns, other) for other in level.others]
    return sql.SQL("NOT ({})").format(_any(others))


def _bound(level: Level, columns: tuple[sql.Composed, ...], text: str) -> sql.Composable:
    """Never NULL, so that it can be negated."""
    if level.strategy == "l" and len(columns) == 1 and (found := _LIST.fullmatch(text)):
        return _any([_is(columns[0], value) for value in values(found[1])])
    if level.strategy == "r" and (found := _RANGE.fullmatch(text)):
        lower, upper = values(found[1]), values(found[2])
        if len(lower) == len(upper) == len(columns):
            known = [sql.SQL("{} IS NOT NULL").format(column) for column in columns]
            above = _beyond(columns, lower, ">", _TRUE)
            below = _beyond(columns, upper, "<", _FALSE)
            return _all([*known, above, below])
    raise UnclearBoundError(f"the bound {text!r} is none that is known")


def _is(column: sql.Composed, value: Value) -> sql.Composable:
    if isinstance(value, End):
        raise UnclearBoundError("a list of values has an end of a range in it")
    if value is None:
        return sql.SQL("{} IS NULL").format(column)
    return sql.SQL("{0} IS NOT NULL AND {0} OPERATOR(pg_catalog.=) {1}").format(
        column, sql.Literal(value)
    )


def _beyond(
    columns: tuple[sql.Composed, ...],
    edge: tuple[Value, ...],
    operator: str,
    equal: sql.Composable,
) -> sql.Composable:
    """Rows whose key is beyond the edge, compared column by column as the server does.

    :param equal: whether a row that is exactly at the edge is meant too.
    """
    if not columns:
        return equal
    first, value = columns[0], edge[0]
    if value is None:
        raise UnclearBoundError("a range ends at NULL")
    if isinstance(value, End):
        return _TRUE if value.above == (operator == "<") else _FALSE
    return sql.SQL(
        "({0} {1} {2} OR ({0} OPERATOR(pg_catalog.=) {2} AND {3}))"
    ).format(
        first,
        sql.SQL(f"OPERATOR(pg_catalog.{operator})"),  # one of two, ours
        sql.Literal(value),
        _beyond(columns[1:], edge[1:], operator, equal),
    )


def values(text: str) -> tuple[Value, ...]:
    """The constants in a list that are separated by commas.

    :raises UnclearBoundError: something in it is not a constant.
    """
    found: list[Value] = []
    at = 0
    while True:
        match = _VALUE.match(text, at)
        if match is None:
            raise UnclearBoundError(f"{text[at:]!r} is not a value")
        found.append(_value(match))
        at = match.end()
        if at == len(text):
            return tuple(found)
        if not text.startswith(", ", at):
            raise UnclearBoundError(f"{text[at:]!r} follows a value")
        at += 2


def _value(match: re.Match[str]) -> Value:
    if match["number"] is not None:
        return match["number"]
    words: dict[str, Value] = {"NULL": None, "MINVALUE": LOWEST, "MAXVALUE": HIGHEST}
    if match["word"] is not None:
        return words.get(match["word"], match["word"])
    text = match["text"].replace("''", "'")
    if match["escaped"]:
        if any(pair == "\\" for pair in _DOUBLED.findall(text)):
            raise UnclearBoundError(f"{text!r} has an escape that is not a doubled backslash")
        text = text.replace("\\\\", "\\")
    return text


def _all(terms: list[sql.Composable]) -> sql.Composable:
    return sql.SQL(" AND ").join([sql.SQL("({})").format(term) for term in terms or [_TRUE]])


def _any(terms: list[sql.Composable]) -> sql.Composable:
    return sql.SQL(" OR ").join([sql.SQL("({})").format(term) for term in terms or [_FALSE]])
