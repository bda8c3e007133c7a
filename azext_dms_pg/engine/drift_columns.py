"""The statements that bring one target table's columns in line with the source's. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from azext_dms_pg.postgres.quoting import identifier, literal, qualified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azext_dms_pg.engine.values import Begun
    from azext_dms_pg.postgres.relations import Column, Relation
    from azext_dms_pg.postgres.survey import Survey

# (relation, column) → default or generation expression, and the value older rows hold.
ColumnFacts: TypeAlias = "dict[tuple[int, str], tuple[str | None, str | None]]"

_GENERATED = {"s": " STORED", "v": " VIRTUAL"}
_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
_IDENTITY = {"a": "ALWAYS", "d": "BY DEFAULT"}


@dataclass(frozen=True)
class Step:
    """One statement.

    :param urgent: without it values of the stream have no place to go.
    """

    statement: str
    reason: str
    urgent: bool


def column_steps(
    relation: Relation,
    begun: Begun,
    goal: Relation,
    source: Survey,
    target: Survey,
    facts: ColumnFacts,
) -> Iterator[Step]:
    """What ``goal`` on the target lacks of ``relation`` as it is on the source now."""
    # A partition's columns can only be changed at its root.
    table = f"ALTER TABLE {qualified(goal.root)}"
    there = {column.name: column for column in goal.columns}
    here = {column.name for column in relation.columns}
    renamed = set()
    for column in relation.columns:
        former, former_type = begun.columns.get(column.number, (column.name, ""))
        match = there.get(column.name)
        if match is None and former in there and former not in here:
            renamed.add(former)
            match = there[former]
            yield Step(
                f"{table} RENAME COLUMN {identifier(former)} TO {identifier(column.name)};",
                f"column {former} is called {column.name} on the source now",
                urgent=True,
            )
        if match is None:
            yield from _add(table, relation, column, source, target, facts)
        else:
            yield from _change(table, column, former_type, match, goal.key)
    for number, (name, _) in begun.columns.items():
        gone = all(column.number != number for column in relation.columns)
        if gone and name in there and name not in here and name not in renamed:
            yield Step(
                f"{table} DROP COLUMN {identifier(name)};",
                f"the source has no column {name} any more",
                urgent=False,
            )


def _change(
    table: str, column: Column, former_type: str, match: Column, key: tuple[str, ...]
) -> Iterator[Step]:
    name = identifier(column.name)
    if former_type and column.type_name not in {former_type, match.type_name}:
        yield Step(
            f"{table} ALTER COLUMN {name} TYPE {column.type_name} USING {name}::{column.type_name};"
            if _needs_using(column, match)
            else f"{table} ALTER COLUMN {name} TYPE {column.type_name};",
            f"column {column.name} was {former_type} and is {column.type_name} on the source now",
            urgent=False,
        )
    if match.not_null and not column.not_null and match.name not in key:
        yield Step(
            f"{table} ALTER COLUMN {name} DROP NOT NULL;",
            f"column {column.name} may be NULL on the source",
            urgent=False,
        )


def _needs_using(column: Column, match: Column) -> bool:
    """Without USING only assignment casts are taken: surely those within one type."""
    return column.cast_type != match.cast_type and not (
        column.cast_type in _NUMBERS and match.cast_type in _NUMBERS
    )


def _add(
    table: str,
    relation: Relation,
    column: Column,
    source: Survey,
    target: Survey,
    facts: ColumnFacts,
) -> Iterator[Step]:
    expression, missing = facts.get((relation.oid, column.name), (None, None))
    name = identifier(column.name)
    parts = [f"{table} ADD COLUMN {name} {column.type_name}"]
    collation = source.collations.get((relation.name, column.name))
    if collation is not None:
        parts.append(f"COLLATE {qualified(collation)}")
    after = ""
    if column.generated:
        parts.append(f"GENERATED ALWAYS AS ({expression}){_GENERATED[column.generated]}")
    elif column.identity:
        parts.append(f"GENERATED {_IDENTITY[column.identity]} AS IDENTITY")
    elif missing is not None:
        # Older rows keep this value, whatever the default is by now.
        parts.append(f"DEFAULT {literal(missing)}")
        after = f" {table} ALTER COLUMN {name} "
        after += "DROP DEFAULT;" if expression is None else f"SET DEFAULT {expression};"
    elif expression is not None:
        yield from _sequences(relation, source, target)
        parts.append(f"DEFAULT {expression}")
    if column.not_null and (expression is not None or missing is not None or column.identity):
        parts.append("NOT NULL")
    yield Step(
        " ".join(parts) + ";" + after,
        f"column {column.name} is new on the source",
        urgent=not column.generated,
    )


def _sequences(relation: Relation, source: Survey, target: Survey) -> Iterator[Step]:
    """Sequences the table draws from that the target does not have."""
    for sequence in source.sequences:
        if relation.name in sequence.used_by and sequence.name not in target.sequence_by_name:
            yield Step(
                f"CREATE SEQUENCE {qualified(sequence.name)};",
                f"the default draws from sequence {sequence.name}",
                urgent=False,
            )
