"""The statements that give the target's tables and sequences their sources' names of now. Pure.

Which one is meant is told by OIDs on both sides: names may have been exchanged on either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.postgres.quoting import identifier, qualified, rename_sequence, rename_table
from azext_dms_pg.postgres.relations import Name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from azext_dms_pg.engine.values import Begun
    from azext_dms_pg.postgres.relations import Relation
    from azext_dms_pg.postgres.survey import Sequence, Survey

_LONGEST = 63
_ASIDE = "_dms_pg"


def renamings(
    pairs: Iterable[tuple[Begun, Relation, Relation]],
    source: Survey,
    target: Survey,
    orphans: Collection[int],
) -> Iterator[tuple[Name | None, str, str]]:
    """The name on the source, a statement, its reason; each name is free when it is given.

    :param pairs: a table of the beginning, what it is on the source now, and its target's.
    :param orphans: OIDs of the target's tables whose source was dropped.
    """
    names = _Names(target.relations)
    wanted: dict[int, Name] = {}
    for begun, relation, goal in pairs:
        wanted.update(_wanted(begun, relation, goal, names))
    schemas = set(target.schemas)
    # With a schema goes all that is in it: one by one, tables would meet each other's indexes.
    moved = _moved_schemas(wanted, names, schemas, source.schemas)
    for before, after in _in_order(moved, schemas):
        text = f"ALTER SCHEMA {identifier(before)} RENAME TO {identifier(after)};"
        names.call_schema(before, after)
        schemas.discard(before)
        schemas.add(after)
        yield None, text, f"schemas have other names on the source: {before} is {after} now"
    yield from _one_by_one(wanted, names, schemas, orphans)


def sequence_renamings(
    wanted: Mapping[int, Name], target: Survey
) -> tuple[list[tuple[str, str]], dict[int, Name]]:
    """Statements with their reasons, and what the target's sequences are called after them.

    :param wanted: by OID on the target.
    """
    names = _Names(target.sequences, "sequence")
    steps = [(text, why) for _, text, why in _one_by_one(wanted, names, set(target.schemas), ())]
    return steps, names.by_oid


def _one_by_one(
    wanted: Mapping[int, Name], names: _Names, schemas: set[str], orphans: Collection[int]
) -> Iterator[tuple[Name, str, str]]:
    left = {oid: name for oid, name in wanted.items() if names.by_oid[oid] != name}
    while left:
        free = [oid for oid, name in left.items() if name not in names.taken]
        if not free:
            yield _make_room(left, names, orphans)
            continue
        oid = free[0]
        name, old = left.pop(oid), names.by_oid[oid]
        why = f"the source's {names.kind} has another name now: {old} is {name} there"
        if name.schema not in schemas:
            schemas.add(name.schema)
            text = f"CREATE SCHEMA {identifier(name.schema)};"
            yield name, text, f"schema {name.schema} is new on the source"
        crosses = old.schema != name.schema and old.name != name.name
        if crosses and Name(name.schema, old.name) in names.taken:
            # On its way from schema to schema it would meet another of its old name.
            yield name, names.aside(oid), why
        yield name, names.call(oid, name), why


class _Names:
    """What the target's tables, or its sequences, are called while they are being renamed."""

    def __init__(self, there: Iterable[Relation | Sequence], kind: str = "table") -> None:
        self.kind = kind
        self.by_oid = {each.oid: each.name for each in there}
        self.taken = {name: oid for oid, name in self.by_oid.items()}

    def call(self, oid: int, name: Name) -> str:
        old = self.by_oid[oid]
        self.drop(oid)
        self.taken[name], self.by_oid[oid] = oid, name
        rename = rename_sequence if self.kind == "sequence" else rename_table
        return rename(old, name)

    def call_schema(self, old: str, new: str) -> None:
        for oid, name in self.by_oid.items():
            if name.schema == old:
                self.by_oid[oid] = Name(new, name.name)
        self.taken = {name: oid for oid, name in self.by_oid.items()}

    def drop(self, oid: int) -> None:
        del self.taken[self.by_oid.pop(oid)]

    def aside(self, oid: int) -> str:
        """Give it a name nobody has."""
        old, number = self.by_oid[oid], 0
        while True:
            ending = f"{_ASIDE}{number or ''}"
            short = old.name.encode()[: _LONGEST - len(ending)].decode(errors="ignore")
            free = Name(old.schema, short + ending)
            if free not in self.taken:
                return self.call(oid, free)
            number += 1


def _wanted(
    begun: Begun, relation: Relation, goal: Relation, names: _Names
) -> Iterator[tuple[int, Name]]:
    """The target's tables that have a counterpart on the source, and what that is called."""
    if begun.label == begun.name or goal.ancestors or goal.name == relation.name:
        yield goal.oid, relation.name
        if len(goal.ancestors) == len(relation.ancestors):
            for there, here in zip(goal.ancestors, relation.ancestors, strict=True):
                yield names.taken[there], here
    else:
        # The rows of a partition are kept in a table that stands for all of them.
        yield names.taken.get(goal.root, goal.oid), relation.root


def _moved_schemas(
    wanted: Mapping[int, Name], names: _Names, there: Collection[str], here: Collection[str]
) -> dict[str, str]:
    """Schemas of the target all of whose tables belong into one other, which takes their place."""
    moves: dict[str, set[str]] = {}
    for oid, name in wanted.items():
        moves.setdefault(names.by_oid[oid].schema, set()).add(name.schema)
    moved = {old: new for old, (new, *more) in moves.items() if not more and old != new}
    while True:
        kept = {
            old: new
            for old, new in moved.items()
            # What is there already must go elsewhere; what is left behind must be gone or filled.
            if (new not in there or new in moved) and (old not in here or old in moved.values())
        }
        if kept == moved:
            return kept if len(set(kept.values())) == len(kept) else {}
        moved = kept


def _in_order(moved: Mapping[str, str], taken: Collection[str]) -> Iterator[tuple[str, str]]:
    """Each renaming when its new name is free; names that change places go by way of a third."""
    left, used = dict(moved), set(taken)
    while left:
        old = next((old for old, new in left.items() if new not in used), None)
        if old is None:
            old = next(iter(left))
            new = f"{old[:50]}{_ASIDE}"
            left[new] = left.pop(old)
        else:
            new = left.pop(old)
        used.discard(old)
        used.add(new)
        yield old, new


def _make_room(
    left: dict[int, Name], names: _Names, orphans: Collection[int]
) -> tuple[Name, str, str]:
    """Free one of the names wanted, when every one is taken."""
    for name in left.values():
        holder = names.taken[name]
        if holder in left:
            continue
        if holder in orphans:
            names.drop(holder)
            why = f"the source dropped {name}, and another table has its name now"
            return name, f"DROP TABLE {qualified(name)};", why
        why = f"the target's own {name} has the name of a {names.kind} of the source"
        return name, names.aside(holder), why
    oid, name = next(iter(left.items()))
    return name, names.aside(oid), f"{names.kind}s have exchanged their names on the source: {name}"
