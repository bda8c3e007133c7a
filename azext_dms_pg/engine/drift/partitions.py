"""The statements that make on the target the partitions it lacks of the source's. Pure.

Rows of a partition the target lacks go to what stands for its root there, which may have no place
for them; and the application has none for its next row, whether the stream brought one or not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from azext_dms_pg.engine.drift.statements import MissingStatement
from azext_dms_pg.engine.planning.resuming import partitions_now, roots_now
from azext_dms_pg.postgres.quoting import identifier, qualified
from azext_dms_pg.postgres.relations import Relation, RelKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azext_dms_pg.engine.planning.memory import Memory
    from azext_dms_pg.engine.values import Begun
    from azext_dms_pg.postgres.relations import Name
    from azext_dms_pg.postgres.survey import Survey

_DEFAULT = "DEFAULT"


def missing_partitions(
    source: Survey, target: Survey, memory: Memory, *, refused: bool = False
) -> list[MissingStatement]:
    """What the target has no place for, or still has in another place.

    :param refused: a row had none. Then a partition is also missed that was lacking from the
        beginning, and where the target is cut otherwise, so that the statement may not fit.
    """
    return _searched(source, target, memory, refused=refused).found


def elsewhere(
    source: Survey, target: Survey, memory: Memory
) -> tuple[dict[Name, Name], tuple[Apart, ...]]:
    """What the target has in another place, where nothing has to be done about it.

    :returns: new partitions it does without → its default partition, which takes their rows; and
        tables that became partitions of another one, which no statement makes them there.
    """
    search = _searched(source, target, memory)
    return search.in_default, tuple(search.apart)


@dataclass(frozen=True)
class Apart:
    """:param former: the partitioned table it was part of at the beginning; None for none."""

    name: Name
    parent: Name
    former: Name | None


def _searched(source: Survey, target: Survey, memory: Memory, *, refused: bool = False) -> _Search:
    there = {relation.oid: relation for relation in source.relations}
    begun: dict[Name, list[Begun]] = {}
    for table in memory.tables:
        if table.oid in there:
            relation = there[table.oid]
            for name in (relation.name, *relation.ancestors):
                begun.setdefault(name, []).append(table)
    search = _Search(source, target, memory, refused, roots_now(source, memory), begun)
    for part in partitions_now(source, memory):
        search.found.extend(search.look(part))
    return search


@dataclass(frozen=True)
class _Search:
    """Goes from the roots down.

    :param begun: tables of the beginning by their names of today and those of all above them.
    """

    source: Survey
    target: Survey
    memory: Memory
    refused: bool
    roots: dict[Name, Name]
    begun: dict[Name, list[Begun]]
    there: dict[Name, Relation] = field(default_factory=dict)
    """The target's partition of the same rows, where it is called otherwise."""
    made: set[Name] = field(default_factory=set)
    found: list[MissingStatement] = field(default_factory=list)
    in_default: dict[Name, Name] = field(default_factory=dict)
    apart: list[Apart] = field(default_factory=list)

    def look(self, part: Relation) -> Iterator[MissingStatement]:
        above = part.ancestors[0]
        if above in self.made:
            yield from self._make(part, above)
            return
        parent = self.there.get(above) or self.target.by_name.get(above)
        if parent is None:
            return
        if self._has_come(part):
            yield from self._bring(part, parent)
        elif self._is_cut_alike(above, parent):
            yield from self._place(part, parent)

    def _place(self, part: Relation, parent: Relation) -> Iterator[MissingStatement]:
        """A partition that was one from the beginning, or is new with all its rows."""
        bound = self.source.detail(part).bound
        children = self._children(self.target, parent.name)
        if bound in children:
            self.there[part.name] = children[bound]
        elif _DEFAULT in children:
            if self._is_new(part):
                self.in_default[part.name] = children[_DEFAULT].name
        elif self.refused or (self._is_new(part) and self._is_free(part, parent, children)):
            yield from self._make(part, parent.name)

    def _bring(self, part: Relation, parent: Relation) -> Iterator[MissingStatement]:
        """A table of the beginning that stood elsewhere: its rows on the target still do."""
        goals = self._goals(part)
        places = [each for each in self.target.relations if each.oid in goals]
        if all(parent.name in (each.name, *each.ancestors) for each in places):
            if self._is_cut_alike(part.ancestors[0], parent):
                yield from self._place(part, parent)
            return
        children = self._children(self.target, parent.name)
        # Its default partition holds none of these rows: they were never sent there.
        ranges = {bound: each for bound, each in children.items() if bound != _DEFAULT}
        found = []
        if (
            self._is_cut_alike(part.ancestors[0], parent)
            and self.source.detail(part).bound not in children
            and self._is_free(part, parent, ranges)
            and part.name in self.target.by_name
        ):
            found = list(self._make(part, parent.name))
        yield from found
        if not found:
            labels = {table.label for table in self.begun[part.name]} & self.roots.keys()
            self.apart.append(Apart(part.name, parent.name, min(labels, default=None)))

    def _is_cut_alike(self, above: Name, parent: Relation) -> bool:
        if parent.kind is not RelKind.PARTITIONED:
            return False
        here = self.source.detail(self.source.by_name[above])
        there = self.target.detail(parent)
        return (here.strategy, here.partition_key) == (there.strategy, there.partition_key)

    def _is_new(self, part: Relation) -> bool:
        return part.name not in self.begun

    def _has_come(self, part: Relation) -> bool:
        """Whether it was a table at the beginning, and below another root or none."""
        tables = self.begun.get(part.name, ())
        return bool(tables) and all(
            self.roots.get(table.label) not in part.ancestors for table in tables
        )

    def _goals(self, part: Relation) -> set[int]:
        """The target's tables that have its rows, as far as it is known from before."""
        goals = {table.goal for table in self.begun.get(part.name, ())}
        place = self.memory.membership.places.get(part.oid)
        return goals if place is None else goals | {place.goal}

    def _holds(self, namesake: Relation, part: Relation) -> bool:
        """Whether the target's table of that name has the rows of the partition and no others."""
        leaves = {
            each.oid
            for each in self.target.relations
            if each.kind is RelKind.TABLE and namesake.name in each.ancestors
        }
        goals = self._goals(part)
        return namesake.oid in goals or (bool(leaves) and leaves <= goals)

    def _is_free(self, part: Relation, parent: Relation, children: dict[str, Relation]) -> bool:
        """Whether it surely does not overlap what the target has in its place."""
        if any(other.parent == parent.name for other in self.target.others):
            return False  # nobody has asked for the bounds of a foreign table
        bounds = self._children(self.source, part.ancestors[0])
        # The source has dropped it; it was beside the others.
        left = {table.goal for table in self.memory.tables}
        left |= {place.goal for place in self.memory.membership.places.values()}
        return all(bound in bounds or each.oid in left for bound, each in children.items())

    def _make(self, part: Relation, parent: Name) -> Iterator[MissingStatement]:
        detail = self.source.detail(part)
        namesake = self.target.by_name.get(part.name)
        name = qualified(part.name)
        reason = f"{part.name} is a new partition of {part.ancestors[0]} on the source"
        if namesake is None:
            text = f"CREATE TABLE {name} PARTITION OF {qualified(parent)} {detail.bound}"
            if detail.partition_key:
                text += f" PARTITION BY {detail.partition_key}"
        elif namesake.kind is not part.kind:
            return
        elif not namesake.ancestors:
            text = f"ALTER TABLE {qualified(parent)} ATTACH PARTITION {name} {detail.bound}"
        elif self._holds(namesake, part):
            former = qualified(namesake.ancestors[0])
            text = (
                f"ALTER TABLE {former} DETACH PARTITION {name}; "
                f"ALTER TABLE {qualified(parent)} ATTACH PARTITION {name} {detail.bound}"
            )
        else:
            return
        if part.name.schema not in self.target.schemas:
            schema = f"CREATE SCHEMA {identifier(part.name.schema)};"
            yield MissingStatement(part.name, schema, reason, urgent=True)
        if namesake is None and part.kind is RelKind.PARTITIONED:
            self.made.add(part.name)
        yield MissingStatement(part.name, f"{text};", reason, urgent=True)

    @staticmethod
    def _children(side: Survey, parent: Name) -> dict[str, Relation]:
        """By their bounds."""
        return {
            side.detail(relation).bound: relation
            for relation in side.relations
            if relation.ancestors[:1] == (parent,)
        }
