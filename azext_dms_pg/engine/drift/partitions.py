"""The statements that make on the target the partitions it lacks of the source's. Pure.

Rows of a partition the target lacks go to what stands for its root there, which may have no place
for them; and the application has none for its next row, whether the stream brought one or not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from azext_dms_pg.engine.drift.statements import MissingStatement
from azext_dms_pg.engine.planning.resuming import partitions_now
from azext_dms_pg.postgres.quoting import identifier, qualified
from azext_dms_pg.postgres.relations import Relation, RelKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azext_dms_pg.engine.planning.memory import Memory
    from azext_dms_pg.postgres.relations import Name
    from azext_dms_pg.postgres.survey import Survey

_DEFAULT = "DEFAULT"


def missing_partitions(
    source: Survey, target: Survey, memory: Memory, *, refused: bool = False
) -> list[MissingStatement]:
    """What the target has no place for.

    :param refused: a row had none. Then a partition is also missed that was lacking from the
        beginning, and where the target is cut otherwise, so that the statement may not fit.
    """
    search = _Search(source, target, memory, refused)
    return [item for part in partitions_now(source, memory) for item in search.look(part)]


def into_defaults(source: Survey, target: Survey, memory: Memory) -> dict[Name, Name]:
    """New partitions the target does without → its default partition, which takes their rows."""
    search = _Search(source, target, memory, refused=False)
    for part in partitions_now(source, memory):
        list(search.look(part))
    return search.in_default


@dataclass(frozen=True)
class _Search:
    """Goes from the roots down."""

    source: Survey
    target: Survey
    memory: Memory
    refused: bool
    there: dict[Name, Relation] = field(default_factory=dict)
    """The target's partition of the same rows, where it is called otherwise."""
    made: set[Name] = field(default_factory=set)
    in_default: dict[Name, Name] = field(default_factory=dict)

    def look(self, part: Relation) -> Iterator[MissingStatement]:
        above = part.ancestors[0]
        bound = self.source.detail(part).bound
        if above in self.made:
            yield from self._make(part, above)
            return
        parent = self.there.get(above) or self.target.by_name.get(above)
        if parent is None or not self._is_cut_alike(above, parent):
            return
        children = self._children(self.target, parent.name)
        if bound in children:
            self.there[part.name] = children[bound]
        elif _DEFAULT in children:
            if self._is_new(part):
                self.in_default[part.name] = children[_DEFAULT].name
        elif self.refused or (self._is_new(part) and self._is_free(part, parent, children)):
            yield from self._make(part, parent.name)

    def _is_cut_alike(self, above: Name, parent: Relation) -> bool:
        if parent.kind is not RelKind.PARTITIONED:
            return False
        here = self.source.detail(self.source.by_name[above])
        there = self.target.detail(parent)
        return (here.strategy, here.partition_key) == (there.strategy, there.partition_key)

    def _is_new(self, part: Relation) -> bool:
        begun = {table.oid for table in self.memory.tables}
        return part.oid not in begun and not any(
            part.name in relation.ancestors and relation.oid in begun
            for relation in self.source.relations
        )

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
        if namesake is None:
            text = f"CREATE TABLE {name} PARTITION OF {qualified(parent)} {detail.bound}"
            if detail.partition_key:
                text += f" PARTITION BY {detail.partition_key}"
        elif not namesake.ancestors and namesake.kind is part.kind:
            text = f"ALTER TABLE {qualified(parent)} ATTACH PARTITION {name} {detail.bound}"
        else:
            return
        reason = f"{part.name} is a new partition of {part.ancestors[0]} on the source"
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
