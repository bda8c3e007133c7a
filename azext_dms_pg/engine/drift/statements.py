"""What the target lacks of the source's present schema, as the exact statements that mend it.

Looks at both catalogues now and at what the tables were when the migration began (hazard 23).
Judges only the tables of the plan; what the user accepted at the beginning, such as a column only
the target has, is no drift.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from azext_dms_pg.engine.drift.columns import Sides, column_steps
from azext_dms_pg.engine.drift.facts import Facts, read_facts
from azext_dms_pg.engine.drift.loosening import common_constraints, domain_steps, table_steps
from azext_dms_pg.engine.drift.types import type_steps
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.catalog import survey
from azext_dms_pg.postgres.quoting import qualified, rename_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psycopg

    from azext_dms_pg.engine.values import Begun, Plan
    from azext_dms_pg.postgres.relations import Name, Relation
    from azext_dms_pg.postgres.survey import Survey


@dataclass(frozen=True)
class MissingStatement:
    """One change of the source's schema that the target has not seen yet.

    :param statement: to be run on the target, with its semicolon.
    :param urgent: values would be lost if the stream went on without it.
    :param loosens: it takes from the target what refuses rows.
    """

    table: Name | None
    statement: str
    reason: str
    urgent: bool
    loosens: bool = False


@dataclass(frozen=True)
class Catalogues:
    """Both as they are now, read as far as the tables of a plan need."""

    source: Survey
    target: Survey
    here: Facts
    there: Facts


def drift(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], plan: Plan
) -> tuple[MissingStatement, ...]:
    """Compare both catalogues as they are now, for the tables of the plan."""
    return compare(_read(source, target, plan), plan)


def with_common(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], plan: Plan
) -> Plan:
    """The plan of a migration that begins, with what refuses rows on both sides alike."""
    both = _read(source, target, plan)
    return replace(
        plan,
        begun=tuple(
            replace(begun, common=common_constraints(relation, goal, both.here, both.there))
            if goal is not None
            else begun
            for begun, relation, goal, _ in _pairs(both, plan)
        ),
    )


def _read(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], plan: Plan
) -> Catalogues:
    with translated("source", "reading the catalogue"):
        here = survey(source)
        facts = read_facts(source, [begun.oid for begun in plan.begun])
    with translated("target", "reading the catalogue"):
        there = survey(target)
        goals = {name for begun in plan.begun for name in (begun.name, begun.label)}
        goals |= {route.target.name for route in plan.routes}
        goals |= {relation.name for relation in here.relations}
        oids = [relation.oid for relation in there.relations if relation.name in goals]
        return Catalogues(here, there, facts, read_facts(target, oids))


def compare(both: Catalogues, plan: Plan) -> tuple[MissingStatement, ...]:
    """The pure part of ``drift``."""
    sides = Sides(both.source, both.target, both.here)
    pairs = list(_pairs(both, plan))
    # By the table on the target and the reason: partitions share what is done to their parent.
    found: dict[tuple[Name | None, str], MissingStatement] = {}

    def add(root: Name | None, item: MissingStatement) -> None:
        found.setdefault((root, item.reason), item)

    for item in _of_types(both, plan, pairs):
        add(None, item)
    renamings = []
    # A partition made since knows nothing of the values that older rows hold: it comes last.
    for begun, relation, goal, renaming in sorted(
        pairs, key=lambda pair: pair[0].oid not in plan.loaded
    ):
        if renaming:
            why = "the source's table has another name now"
            renamings.append(MissingStatement(relation.name, renaming, why, urgent=True))
        elif goal is None:
            add(relation.name, _absent(relation.name))
        if goal is None:
            continue
        loaded = plan.loaded.get(begun.oid)
        generated = loaded.generated if loaded else frozenset()
        steps = list(column_steps(relation, begun, goal, sides, generated))
        for step in steps:
            add(goal.root, MissingStatement(relation.name, **asdict(step)))
        if any(not step.loosens and step.statement not in plan.accepted for step in steps):
            continue  # what a constraint means is told by its columns, once they are the same
        for text, reason in table_steps(relation, goal, both.here, both.there, begun.common):
            add(
                goal.root,
                MissingStatement(relation.name, text, reason, urgent=False, loosens=True),
            )
    # Last: what is done to a table's columns calls it by the name the target has for it now.
    return (*found.values(), *renamings)


def _of_types(
    both: Catalogues, plan: Plan, pairs: Iterable[tuple[Begun, Relation, Relation | None, str]]
) -> Iterator[MissingStatement]:
    used = [column.type_oid for _, relation, _, _ in pairs for column in relation.columns]
    common = frozenset(name for begun in plan.begun for name in begun.common)
    for text, reason in type_steps(both.source, both.target, both.here, both.there, used):
        yield MissingStatement(None, text, reason, urgent=False)
    for text, reason in domain_steps(both.here, both.there, used, common):
        yield MissingStatement(None, text, reason, urgent=False, loosens=True)


def _pairs(both: Catalogues, plan: Plan) -> Iterator[tuple[Begun, Relation, Relation | None, str]]:
    """Each table that is still there, with the target's and the statement to rename that."""
    now = {relation.oid: relation for relation in both.source.relations}
    goals = {route.source.oid: route.target.name for route in plan.routes}
    for begun in plan.begun:
        relation = now.get(begun.oid)
        if relation is not None:
            name = goals.get(begun.oid, begun.name)
            yield (begun, relation, *_goal(relation, begun, name, both.target))


def _absent(name: Name) -> MissingStatement:
    text = f"-- The target has no table {qualified(name)}: bring it over with"
    return MissingStatement(
        name,
        f"{text} pg_dump --schema-only --table='{qualified(name)}'",
        "the table is missing",
        urgent=True,
    )


def _goal(
    relation: Relation, begun: Begun, goal: Name, target: Survey
) -> tuple[Relation | None, str]:
    """The target's table for this one, and the statement that gives it its new name."""
    if relation.name != begun.name and goal == begun.name:
        renamed = target.by_name.get(relation.name)
        if renamed is not None:
            return renamed, ""
        return target.by_name.get(goal), rename_table(begun.name, relation.name)
    return target.by_name.get(goal), ""
