"""The statements that bring the target's types in line with the source's. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.engine.drift.creating import create_type, field
from azext_dms_pg.postgres.quoting import identifier, literal, qualified

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from azext_dms_pg.engine.drift.facts import Facts, UserType
    from azext_dms_pg.postgres.relations import Name
    from azext_dms_pg.postgres.survey import Survey


def type_steps(
    source: Survey, target: Survey, here: Facts, there: Facts, used: Iterable[int]
) -> Iterator[tuple[str, str]]:
    """Statements with their reasons.

    :param used: types of the columns concerned, by OID on the source. Types are only missed when
        they or what they are made of is among them; labels are compared for every enum both have.
    """
    for name, enum in source.enums.items():
        labels = target.enums.get(name)
        if labels is not None:
            yield from label_steps(name, enum.labels, labels.labels)
    for made in in_order(here, used):
        match = there.type_by_name.get(made.name)
        if match is None:
            yield from _create(made, source, target)
        elif made.kind == match.kind == "c":
            yield from attribute_steps(made.name, made.fields, match.fields)


def in_order(facts: Facts, used: Iterable[int]) -> list[UserType]:
    """The types and all they are made of, parts first."""
    found: dict[int, UserType] = {}

    def add(oid: int, above: frozenset[int]) -> None:
        made = facts.type_by_oid.get(oid)
        if made is None or oid in found or oid in above:
            return
        for part in made.parts:
            add(part, above | {oid})
        found[oid] = made

    for oid in used:
        add(oid, frozenset())
    return list(found.values())


def _create(made: UserType, source: Survey, target: Survey) -> Iterator[tuple[str, str]]:
    text = create_type(made, source.enums)
    if not text or made.extension in target.extensions:
        return
    if made.name.schema not in target.schemas:
        schema = made.name.schema
        yield f"CREATE SCHEMA {identifier(schema)};", f"schema {schema} is new on the source"
    yield text, f"type {made.name} is new on the source"


def attribute_steps(
    name: Name,
    here: tuple[tuple[str, str, str | None], ...],
    there: tuple[tuple[str, str, str | None], ...],
) -> Iterator[tuple[str, str]]:
    """ADD, DROP and RENAME ATTRIBUTE: the text form of a value has them by position.

    An attribute that stands in the place of another, with its type, is taken for the same one:
    that keeps the values that are there.
    """
    table = f"ALTER TYPE {qualified(name)}"
    names, kept = {each[0] for each in here}, {each[0]: each[1] for each in there}
    for new, old in zip(here, there):  # noqa: B905 - as far as both go
        if new[0] not in kept and old[0] not in names and new[1] == old[1]:
            yield (
                f"{table} RENAME ATTRIBUTE {identifier(old[0])} TO {identifier(new[0])};",
                f"attribute {old[0]} of {name} is called {new[0]} on the source now",
            )
            kept = {new[0] if each == old[0] else each: kept[each] for each in kept}
    remade = _out_of_order([each[0] for each in here], list(kept))
    for old_name in list(kept):
        if old_name not in names or old_name in remade:
            why = "was made anew" if old_name in remade else "is no more"
            yield (
                f"{table} DROP ATTRIBUTE {identifier(old_name)};",
                f"attribute {old_name} of {name} {why} on the source",
            )
            del kept[old_name]
    for each in here:
        if each[0] not in kept:
            yield (
                f"{table} ADD ATTRIBUTE {field(*each)};",
                f"type {name} has the new attribute {each[0]} on the source",
            )
        elif kept[each[0]] != each[1]:
            yield (
                f"{table} ALTER ATTRIBUTE {identifier(each[0])} TYPE {each[1]};",
                f"attribute {each[0]} of {name} is {each[1]} on the source now",
            )


def _out_of_order(here: list[str], there: list[str]) -> set[str]:
    """New attributes come last: one that has moved behind another was dropped and made anew."""
    found, last = set(), -1
    for name in here:
        if name in there:
            place = there.index(name)
            if place < last:
                found.add(name)
            last = max(last, place)
    return found


def label_steps(
    name: Name, here: tuple[str, ...], there: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """ADD VALUE, or RENAME VALUE where one label stands in the place of another."""
    if len(here) == len(there):
        pairs = [(old, new) for new, old in zip(here, there, strict=True) if new != old]
        if all(old not in here and new not in there for old, new in pairs):
            for old, new in pairs:
                yield (
                    f"ALTER TYPE {qualified(name)} RENAME VALUE {literal(old)} TO {literal(new)};",
                    f"label {old} of {name} is {new} on the source now",
                )
            return
    present = set(there)
    for position, label in enumerate(here):
        if label in present:
            continue
        place = _place(here, position, present)
        yield (
            f"ALTER TYPE {qualified(name)} ADD VALUE {literal(label)}{place};",
            f"type {name} has the new label {label} on the source",
        )
        present.add(label)


def _place(here: tuple[str, ...], position: int, present: set[str]) -> str:
    after = next((other for other in here[position + 1 :] if other in present), None)
    if after is not None:
        return f" BEFORE {literal(after)}"
    if position > 0:
        # All labels before this one are there by now: the statements run in order.
        return f" AFTER {literal(here[position - 1])}"
    return ""
