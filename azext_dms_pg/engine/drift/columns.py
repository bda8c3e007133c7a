"""The statements that bring one target table's columns in line with the source's. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from azext_dms_pg.engine.drift.creating import create_sequence, sequence_options
from azext_dms_pg.postgres.expressions import alike
from azext_dms_pg.postgres.quoting import identifier, literal, qualified
from azext_dms_pg.postgres.relations import SET_EXPRESSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azext_dms_pg.engine.drift.facts import Facts
    from azext_dms_pg.engine.values import Begun
    from azext_dms_pg.postgres.relations import Column, Relation
    from azext_dms_pg.postgres.survey import Survey

_GENERATED = {"s": " STORED", "v": " VIRTUAL"}
_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
_TEXTS = frozenset({"text", "character varying"})
_IDENTITY = {"a": "ALWAYS", "d": "BY DEFAULT"}


@dataclass(frozen=True)
class Step:
    """One statement.

    :param urgent: without it values of the stream have no place to go.
    :param loosens: it takes away what refuses rows.
    """

    statement: str
    reason: str
    urgent: bool
    loosens: bool = False


@dataclass(frozen=True)
class Sides:
    """Both catalogues as they are now."""

    source: Survey
    target: Survey
    facts: Facts
    """Of the source."""
    there: Facts
    """Of the target."""


def column_steps(
    relation: Relation,
    begun: Begun,
    goal: Relation,
    sides: Sides,
    generated: frozenset[int] = frozenset(),
) -> Iterator[Step]:
    """What ``goal`` on the target lacks of ``relation`` as it is on the source now.

    :param generated: numbers of the source's columns that were generated when it was loaded.
    """
    # A partition's columns can only be changed at its root.
    table = f"ALTER TABLE {qualified(goal.root)}"
    there = {column.name: column for column in goal.columns}
    here = {column.name for column in relation.columns}
    places = columns_now(relation, begun, goal)
    remade = [name for name in _dropped(relation, begun) if name in here and name in there]
    remade = [
        name
        for name in remade
        if name not in places.values() and _is_original(begun, goal, there[name])
    ]
    for name in remade:
        yield Step(
            f"{table} DROP COLUMN {identifier(name)};",
            f"column {name} was dropped on the source and made anew",
            urgent=True,
        )
        del there[name]
    renames = {place: name for name, place in places.items() if place != name}
    yield from _renaming(table, renames, set(there))
    for column in relation.columns:
        former, former_type = begun.columns.get(column.number, (column.name, ""))
        match = there.get(places.get(column.name, column.name))
        if match is None or (column.name not in places and match.name in renames):
            yield from _add(goal, relation, column, sides)
            continue
        if match.generated and not column.generated and column.number in generated:
            yield Step(
                f"{table} ALTER COLUMN {identifier(column.name)} DROP EXPRESSION;",
                f"column {former} is not generated on the source any more",
                urgent=True,
            )
        yield from _change(table, relation, column, former_type, match, goal, sides)
        if match.generated and column.generated:
            yield from _recompute(relation, begun, column, match, goal, sides)
    for name in _dropped(relation, begun):
        if name in there and name not in here and name not in renames:
            yield Step(
                f"{table} DROP COLUMN {identifier(name)};",
                f"the source has no column {name} any more",
                urgent=False,
            )


def columns_now(relation: Relation, begun: Begun, goal: Relation) -> dict[str, str]:
    """What the target calls each source column that was there at the beginning.

    Names may have changed places on either side, so that a name alone does not tell; numbers stay.
    """
    there = {column.name: column for column in goal.columns}
    by_number = {column.number: column.name for column in goal.columns}
    here = {column.name for column in relation.columns}
    places = {}
    for column in relation.columns:
        former = begun.columns.get(column.number)
        if former is None:
            continue
        number = begun.goal_columns.get(former[0], 0) if goal.oid == begun.goal else 0
        if number in by_number:
            places[column.name] = by_number[number]
        elif column.name in there:
            places[column.name] = column.name
        elif former[0] in there and former[0] not in here:
            places[column.name] = former[0]
    for name, place in places.items():
        other = there.get(name)
        if (
            place != name
            and other is not None
            and name not in places.values()
            and not _is_original(begun, goal, other)
        ):
            # A column of this name was made on the target since: it is meant to be this one.
            places[name] = name
    return places


def _is_original(begun: Begun, goal: Relation, column: Column) -> bool:
    """Whether this is the target's column of that name from the beginning."""
    return goal.oid == begun.goal and begun.goal_columns.get(column.name) == column.number


def _dropped(relation: Relation, begun: Begun) -> list[str]:
    """Columns of the beginning that the source does not have any more."""
    live = {column.number for column in relation.columns}
    return [name for number, (name, _) in begun.columns.items() if number not in live]


def _renaming(table: str, renames: dict[str, str], taken: set[str]) -> Iterator[Step]:
    """Each rename when its new name is free; names that change places go by way of a third."""
    left = dict(renames)

    def step(old: str, new: str) -> Step:
        taken.discard(old)
        taken.add(new)
        return Step(
            f"{table} RENAME COLUMN {identifier(old)} TO {identifier(new)};",
            f"column {old} is called {new} on the source now",
            urgent=True,
        )

    while left:
        old = next((old for old, new in left.items() if new not in taken), None)
        if old is None:
            old = next(iter(left))
            aside = f"{old[:50]}_dms_pg"
            yield step(old, aside)
            left[aside] = left.pop(old)
        else:
            yield step(old, left.pop(old))


def _change(
    table: str,
    relation: Relation,
    column: Column,
    former_type: str,
    match: Column,
    goal: Relation,
    sides: Sides,
) -> Iterator[Step]:
    name = identifier(column.name)
    # A type that was another one at the beginning has been accepted; one that came since has not.
    if column.type_name not in {former_type, match.type_name}:
        was = f"was {former_type} and" if former_type else "has come since and"
        yield Step(
            _retype(f"{table} ALTER COLUMN {name}", relation, column, match, sides),
            f"column {column.name} {was} is {column.type_name} on the source now",
            urgent=False,
        )
    if match.not_null and not column.not_null and match.name not in goal.key:
        yield Step(
            f"{table} ALTER COLUMN {name} DROP NOT NULL;",
            f"column {column.name} may be NULL on the source",
            urgent=False,
            loosens=True,
        )


def _recompute(
    relation: Relation, begun: Begun, column: Column, match: Column, goal: Relation, sides: Sides
) -> Iterator[Step]:
    """What computes a generated column on the target as it is computed on the source now."""
    if not _is_computed_otherwise(begun, column, match, goal, sides):
        return
    table, name = f"ALTER TABLE {qualified(goal.root)}", identifier(column.name)
    reason = f"column {column.name} is generated as {column.expression} on the source now"
    # Virtual columns of a table with checks cannot be given another one.
    checked = match.generated == "v" and any(
        each.kind == "c" for each in sides.there.constraints.get(goal.oid, ())
    )
    if sides.target.server.version >= SET_EXPRESSION and not checked:
        root = sides.source.by_name.get(relation.root, relation)
        if column.expression not in {
            each.expression for each in root.columns if each.name == column.name
        }:
            # It was changed for this partition alone.
            table = f"ALTER TABLE {qualified(goal.name)}"
        yield Step(
            f"{table} ALTER COLUMN {name} SET EXPRESSION AS ({column.expression});",
            reason,
            urgent=False,
        )
        return
    yield Step(
        f"{table} DROP COLUMN {name}; /* what is made of it goes with it: make that again */",
        reason,
        urgent=False,
    )
    yield from _add(goal, relation, replace(column, generated=match.generated), sides)


def _is_computed_otherwise(
    begun: Begun, column: Column, match: Column, goal: Relation, sides: Sides
) -> bool:
    """Whether the source's expression has changed and the target's is not the same by now.

    What was different at the beginning has been accepted.
    """
    former = begun.formulas.get(column.number)
    if former == column.formula or (former is None and column.number in begun.columns):
        return False
    if match.expression == column.expression:
        return False
    acted = goal.oid == begun.goal and begun.goal_formulas.get(match.number) != match.formula
    if not acted:
        return True
    # It has been changed on the target too, and prints what it was given in words of its own; those
    # of another version may be any.
    return _major(sides.target) == _major(sides.source) and not alike(
        match.expression, column.expression
    )


def _major(survey: Survey) -> int:
    return survey.server.version // 10000


def _retype(start: str, relation: Relation, column: Column, match: Column, sides: Sides) -> str:
    text = f"{start} TYPE {column.type_name}"
    if not _needs_using(column, match):
        return f"{text};"
    if not _has_no_cast(column, match, sides):
        return f"{text} USING {identifier(column.name)}::{column.type_name};"
    text += f" USING {identifier(column.name)}::text::{column.type_name};"
    if not match.has_default:
        return text
    # Nobody casts the default either.
    expression, _ = sides.facts.columns.get((relation.oid, column.name), (None, None))
    after = "" if expression is None else f" {start} SET DEFAULT {expression};"
    return f"{start} DROP DEFAULT; {text}{after}"


def _has_no_cast(column: Column, match: Column, sides: Sides) -> bool:
    """Between enums, composites and ranges there is none, but each can be read as text."""
    if not _TEXTS.isdisjoint({column.cast_type, match.cast_type}):
        return False
    made = {
        qualified(each.name)
        for each in (*sides.facts.types, *sides.there.types)
        if each.kind in "cer" and not each.extension
    }
    return not made.isdisjoint(each.cast_type.removesuffix("[]") for each in (column, match))


def _needs_using(column: Column, match: Column) -> bool:
    """Without USING only assignment casts are taken: surely those within one type."""
    return column.cast_type != match.cast_type and not (
        column.cast_type in _NUMBERS and match.cast_type in _NUMBERS
    )


def _add(goal: Relation, relation: Relation, column: Column, sides: Sides) -> Iterator[Step]:
    table = f"ALTER TABLE {qualified(goal.root)}"
    expression, missing = sides.facts.columns.get((relation.oid, column.name), (None, None))
    name = identifier(column.name)
    parts = [f"{table} ADD COLUMN {name} {column.type_name}"]
    collation = sides.source.collations.get((relation.name, column.name))
    if collation is not None:
        parts.append(f"COLLATE {qualified(collation)}")
    after = ""
    if column.generated:
        parts.append(f"GENERATED ALWAYS AS ({expression}){_GENERATED[column.generated]}")
    elif column.identity:
        parts.append(f"GENERATED {_IDENTITY[column.identity]} AS IDENTITY")
        drawn = sides.source.sequence_by_owner.get((relation.root, column.name))
        options = sequence_options(sides.facts.sequences.get(drawn.name)) if drawn else ""
        if options:
            parts.append(f"({options.strip()})")
    elif missing is not None:
        # Older rows keep this value, whatever the default is by now.
        parts.append(f"DEFAULT {literal(missing)}")
        after = f" {table} ALTER COLUMN {name} "
        after += "DROP DEFAULT;" if expression is None else f"SET DEFAULT {expression};"
    elif expression is not None:
        yield from _sequences(relation, sides)
        parts.append(f"DEFAULT {expression}")
        owned = sides.source.sequence_by_owner.get((relation.root, column.name))
        if owned is not None:
            place = f"{qualified(goal.root)}.{name}"
            after = f" ALTER SEQUENCE {qualified(owned.name)} OWNED BY {place};"
    if column.not_null and (expression is not None or missing is not None or column.identity):
        parts.append("NOT NULL")
    yield Step(
        " ".join(parts) + ";" + after,
        f"column {column.name} is new on the source",
        urgent=not column.generated,
    )


def _sequences(relation: Relation, sides: Sides) -> Iterator[Step]:
    """Sequences the table draws from that the target does not have."""
    for sequence in sides.source.sequences:
        if relation.name in sequence.used_by and sequence.name not in sides.target.sequence_by_name:
            yield Step(
                create_sequence(sequence.name, sides.facts.sequences.get(sequence.name)),
                f"the default draws from sequence {sequence.name}",
                urgent=False,
            )
