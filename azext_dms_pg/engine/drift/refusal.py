"""What on the target refuses a row the source has taken, and the statement that ends that.

The target names the constraint or column itself. Nothing is suggested that the source has too:
then it is not the schema that differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.engine.drift import loosening
from azext_dms_pg.engine.drift.facts import read_facts
from azext_dms_pg.engine.drift.statements import MissingStatement
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.catalog import survey
from azext_dms_pg.postgres.quoting import identifier, qualified
from azext_dms_pg.postgres.relations import Name

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from azext_dms_pg.engine.drift.facts import Facts
    from azext_dms_pg.engine.faults import Refusal
    from azext_dms_pg.engine.values import Begun, Plan
    from azext_dms_pg.postgres.relations import Relation
    from azext_dms_pg.postgres.survey import Survey

_NOT_NULL = "23502"


class Refused:
    """One refusal, looked at until what refused is gone."""

    def __init__(self, plan: Plan, refusal: Refusal) -> None:
        self._plan = plan
        self._refusal = refusal
        self._former: object = None
        """What refused; a constraint that was made since is another."""

    def statements(
        self, source: psycopg.Connection[Any], target: psycopg.Connection[Any]
    ) -> list[MissingStatement]:
        """Nothing when the source has the same, or the target has it no more."""
        with translated("target", "reading the catalogue"):
            there = survey(target)
            goal = there.by_name.get(Name(self._refusal.schema, self._refusal.table))
            facts = read_facts(target, [] if goal is None else [goal.oid])
        begun = self._sources(goal)
        with translated("source", "reading the catalogue"):
            here = survey(source)
            ours = read_facts(source, [table.oid for table in begun])
        if self._refusal.domain:
            return list(self._domain(ours, facts))
        if goal is None:
            return []
        return list(self._table(begun, goal, here, ours, facts))

    def _sources(self, goal: Relation | None) -> list[Begun]:
        """The source's tables such a row may be of."""
        if self._refusal.relation:
            return [table for table in self._plan.begun if table.oid == self._refusal.relation]
        names = set() if goal is None else {goal.name, *goal.ancestors}
        oids = {route.source.oid for route in self._plan.routes if route.target.name in names}
        return [table for table in self._plan.begun if table.oid in oids]

    def _domain(self, ours: Facts, theirs: Facts) -> Iterator[MissingStatement]:
        name = Name(self._refusal.schema, self._refusal.domain)
        here, there = ours.type_by_name.get(name), theirs.type_by_name.get(name)
        if here is None or there is None:
            return
        check = self._refusal.constraint
        definition = dict(there.checks).get(check)
        if self._refusal.sqlstate == _NOT_NULL:
            if there.not_null and not here.not_null:
                yield self._missing(loosening.drop_not_null(here), f"domain {name} is NOT NULL")
        elif (
            definition is not None
            and definition not in dict(here.checks).values()
            and self._is_as_it_was(definition)
        ):
            key = f"{name}.{check}"
            yield self._missing(
                loosening.drop_check(here, check),
                f"domain {name} has the constraint {check}",
                own=not any(key in table.common for table in self._plan.begun),
            )

    def _table(
        self, begun: list[Begun], goal: Relation, here: Survey, ours: Facts, theirs: Facts
    ) -> Iterator[MissingStatement]:
        there = theirs.constraints.get(goal.oid, ())
        column = self._refusal.column
        if self._refusal.sqlstate == _NOT_NULL and column not in goal.key:
            yield from self._column(begun, goal, here)
            return
        for each in there:
            refuses = (
                each.kind == "p"
                if self._refusal.sqlstate == _NOT_NULL
                else each.name == self._refusal.constraint
            )
            if not refuses or not self._is_as_it_was(each.oid):
                continue
            for table in begun:
                had = ours.constraints.get(table.oid, ())
                if loosening.lacks(had, each):
                    yield self._missing(
                        loosening.drop_constraint(each, had),
                        f"there is the {loosening.in_words(each)}",
                        own=each.name not in table.common,
                    )
                    return

    def _column(
        self, begun: list[Begun], goal: Relation, here: Survey
    ) -> Iterator[MissingStatement]:
        name = self._refusal.column
        there = {column.name: column for column in goal.columns}
        if name not in there or not there[name].not_null:
            return
        oids = {table.oid for table in begun}
        had = {former for table in begun for former, _ in table.columns.values()}
        for relation in here.relations:
            if relation.oid not in oids:
                continue
            column = next((each for each in relation.columns if each.name == name), None)
            if column is None and name in had:
                continue  # the source has dropped it; to drop it here is asked for already
            if column is None or not column.not_null:
                yield self._missing(
                    f"ALTER TABLE {qualified(goal.root)} ALTER COLUMN {identifier(name)}"
                    " DROP NOT NULL;",
                    f"column {name} of {goal.root} is NOT NULL",
                    own=column is None,
                )
                return

    def _is_as_it_was(self, now: object) -> bool:
        """:param now: what tells the constraint from one that took its place."""
        self._former = self._former or now
        return self._former == now

    def _missing(self, statement: str, what: str, *, own: bool = False) -> MissingStatement:
        reason = f"{what} on the target, and not on the source"
        if own:
            reason += (
                " (nor was it on both when the migration began: it is the target's own, so be "
                "sure that it may go)"
            )
        return MissingStatement(None, statement, reason, urgent=True, loosens=True)
