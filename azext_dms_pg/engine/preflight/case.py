"""What every check looks at, and the short way to make a finding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from azext_dms_pg.engine.values import Plan, Route
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import Severity
from azext_dms_pg.postgres.relations import Name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from azext_dms_pg.engine.planning.selection import Selection
    from azext_dms_pg.model.settings import MigrationSettings
    from azext_dms_pg.model.task_input import DatabaseInput
    from azext_dms_pg.postgres.relations import Relation
    from azext_dms_pg.postgres.survey import Survey

    Check = Callable[["Case"], Iterator[Finding]]


@dataclass(frozen=True)
class Case:
    """Both surveys, what the user asked for, and what would be done about it.

    :param slots: names of the slots that all databases of the task will have on the source.
    """

    source: Survey
    target: Survey
    database: DatabaseInput
    settings: MigrationSettings
    selection: Selection
    plan: Plan
    slots: frozenset[str]

    @cached_property
    def sources(self) -> tuple[Relation, ...]:
        """Source relations that would be read."""
        return tuple(leaf for leaf, _ in self.selection.leaves)

    @cached_property
    def targets(self) -> tuple[Relation, ...]:
        """Target relations that would be filled, each once."""
        return tuple({route.target.name: route.target for route in self.plan.routes}.values())

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """One route of each table the user knows: partitions share their columns."""
        return tuple({(r.label, r.target.name): r for r in self.plan.routes}.values())

    @cached_property
    def family(self) -> frozenset[Name]:
        """The targets with their partitions and partitioned ancestors."""
        filled = {relation.name for relation in self.targets}
        above = {name for relation in self.targets for name in relation.ancestors}
        below = {
            relation.name
            for relation in self.target.relations
            if not filled.isdisjoint(relation.ancestors)
        }
        return frozenset(filled | above | below)


def blocker(code: str, subject: object, message: str, remedy: str = "") -> Finding:
    return Finding(code, Severity.BLOCKER, str(subject), message, remedy)


def warning(code: str, subject: object, message: str, remedy: str = "") -> Finding:
    return Finding(code, Severity.WARNING, str(subject), message, remedy)


def info(code: str, subject: object, message: str, remedy: str = "") -> Finding:
    return Finding(code, Severity.INFO, str(subject), message, remedy)
