"""Types of the target that the source calls otherwise by now. Pure.

A type made anew under the new name would be another one: its columns would have to be written anew,
and no cast leads there. Of a type the stream knows a number that means nothing here, so that what
its columns were at the beginning has to tell, or that it is made of the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from azext_dms_pg.engine.drift.types import in_order
from azext_dms_pg.postgres.quoting import identifier, qualified
from azext_dms_pg.postgres.relations import Name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from azext_dms_pg.engine.drift.facts import Facts, UserType
    from azext_dms_pg.engine.values import Begun
    from azext_dms_pg.postgres.relations import Column, Relation
    from azext_dms_pg.postgres.survey import Survey

_RENAMED = frozenset("cder")


def renamed_types(
    pairs: Iterable[tuple[Begun, Relation, Relation | None]],
    source: Survey,
    target: Survey,
    here: Facts,
    there: Facts,
) -> dict[Name, Name]:
    """What the target calls them → what the source does."""
    ours = {qualified(each.name): each for each in here.types}
    theirs = {qualified(each.name): each for each in there.types}
    found: dict[Name, Name] = {}
    used, used_there = [], []
    for begun, relation, goal in pairs:
        used_there += [column.type_oid for column in goal.columns] if goal else []
        for column in relation.columns:
            used.append(column.type_oid)
            former = begun.columns.get(column.number, ("", ""))[1]
            new, old = ours.get(_element(column.type_name)), theirs.get(_element(former))
            if new and old and _may_be(new, old, here, there) and _alike(new, old, source, target):
                found.setdefault(old.name, new.name)
    candidates = in_order(there, used_there)
    for new in in_order(here, used):  # those that others are made of
        same = [
            old
            for old in candidates
            if old.name not in found
            and _may_be(new, old, here, there)
            and _shape(new, source) == _shape(old, target)
        ]
        if new.name not in found.values() and len(same) == 1:
            found[same[0].name] = new.name
    return found


def rename_steps(
    renames: Mapping[Name, Name], source: Survey, target: Survey, there: Facts
) -> Iterator[tuple[str, str]]:
    """Statements with their reasons."""
    schemas = set(target.schemas)
    with_tables = {relation.name.schema for relation in target.relations}
    for old, new in renames.items():
        word = "DOMAIN" if there.type_by_name[old].kind == "d" else "TYPE"
        schema, why = old.schema, f"type {old} is {new} on the source now"
        if schema not in source.schemas and new.schema not in target.schemas:
            # The schema has another name; where it has tables, theirs take the types along.
            if schema not in with_tables and new.schema not in schemas:
                schemas.add(new.schema)
                text = f"ALTER SCHEMA {identifier(schema)} RENAME TO {identifier(new.schema)};"
                yield text, f"schema {schema} is {new.schema} on the source now"
            schema = schema if schema in with_tables else new.schema
        elif schema != new.schema:
            if new.schema not in schemas:
                schemas.add(new.schema)
                text = f"CREATE SCHEMA {identifier(new.schema)};"
                yield text, f"schema {new.schema} is new on the source"
            yield f"ALTER {word} {qualified(old)} SET SCHEMA {identifier(new.schema)};", why
            schema = new.schema
        if old.name != new.name:
            place = qualified(Name(schema, old.name))
            yield f"ALTER {word} {place} RENAME TO {identifier(new.name)};", f"{why}, by name"


def as_renamed(target: Survey, there: Facts, renames: Mapping[Name, Name]) -> tuple[Survey, Facts]:
    """The target as it is once that was done."""
    texts = {qualified(old): qualified(new) for old, new in renames.items()}

    def named(text: str) -> str:
        element = _element(text)
        return texts.get(element, element) + text[len(element) :]

    def column(each: Column) -> Column:
        return replace(each, type_name=named(each.type_name), cast_type=named(each.cast_type))

    relations = tuple(
        replace(relation, columns=tuple(column(each) for each in relation.columns))
        for relation in target.relations
    )
    enums = {renames.get(name, name): enum for name, enum in target.enums.items()}
    types = tuple(
        replace(
            each,
            name=renames.get(each.name, each.name),
            base=named(each.base),
            fields=tuple((name, named(type_), collation) for name, type_, collation in each.fields),
        )
        for each in there.types
    )
    return replace(target, relations=relations, enums=enums), replace(there, types=types)


def _element(type_name: str) -> str:
    return type_name.removesuffix("[]")


def _may_be(new: UserType, old: UserType, here: Facts, there: Facts) -> bool:
    return (
        new.kind == old.kind
        and new.kind in _RENAMED
        and not new.extension
        and new.name not in there.type_by_name
        and old.name not in here.type_by_name
    )


def _alike(new: UserType, old: UserType, source: Survey, target: Survey) -> bool:
    """Whether more than the name may have been changed since, but not all."""
    if new.kind in "dr":
        return _shape(new, source) == _shape(old, target)
    if new.kind == "e":
        ours, theirs = source.enums[new.name].labels, target.enums[old.name].labels
        return not set(ours).isdisjoint(theirs)
    return not {each[0] for each in new.fields}.isdisjoint(each[0] for each in old.fields)


def _shape(made: UserType, survey: Survey) -> tuple[object, ...]:
    labels = survey.enums[made.name].labels if made.kind == "e" else ()
    return labels, made.fields, made.base, made.subtype
