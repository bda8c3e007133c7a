"""What the target lacks of the source's present schema, as the exact statements that mend it.

Looks at both catalogues now and at what the tables were when the migration began (hazard 23).
Judges only the tables of the plan; what the user accepted at the beginning, such as a column only
the target has, is no drift.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import tuple_row

from azext_dms_pg.engine.drift.columns import ColumnFacts, Sides, column_steps
from azext_dms_pg.engine.drift.types import type_steps
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.catalog import survey
from azext_dms_pg.postgres.quoting import qualified, rename_table
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    import psycopg

    from azext_dms_pg.engine.values import Begun, Plan
    from azext_dms_pg.postgres.relations import Name, Relation
    from azext_dms_pg.postgres.survey import Survey


@dataclass(frozen=True)
class MissingStatement:
    """One change of the source's schema that the target has not seen yet.

    :param statement: to be run on the target, with its semicolon.
    :param urgent: values would be lost if the stream went on without it.
    """

    table: Name | None
    statement: str
    reason: str
    urgent: bool


def drift(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], plan: Plan
) -> tuple[MissingStatement, ...]:
    """Compare both catalogues as they are now, for the tables of the plan."""
    with translated("source", "reading the catalogue"):
        here = survey(source)
        facts = _facts(source, plan)
    with translated("target", "reading the catalogue"):
        there = survey(target)
    return compare(here, there, plan, facts)


def compare(
    source: Survey, target: Survey, plan: Plan, facts: ColumnFacts
) -> tuple[MissingStatement, ...]:
    """The pure part of ``drift``."""
    now = {relation.oid: relation for relation in source.relations}
    goals = {route.source.oid: route.target.name for route in plan.routes}
    sides = Sides(source, target, facts)
    # By the table on the target and the reason: partitions share what is done to their parent.
    found: dict[tuple[Name | None, str], MissingStatement] = {}

    def add(root: Name | None, item: MissingStatement) -> None:
        found.setdefault((root, item.reason), item)

    for text, reason in type_steps(source, target, _types(plan, now)):
        add(None, MissingStatement(None, text, reason, urgent=False))
    renamings = []
    # A partition made since knows nothing of the values that older rows hold: it comes last.
    for begun in sorted(plan.begun, key=lambda table: table.oid not in plan.loaded):
        relation = now.get(begun.oid)
        if relation is None:
            continue
        goal, renaming = _goal(relation, begun, goals.get(begun.oid, begun.name), target)
        if renaming:
            why = "the source's table has another name now"
            renamings.append(MissingStatement(relation.name, renaming, why, urgent=True))
        elif goal is None:
            add(relation.name, _absent(relation.name))
        if goal is None:
            continue
        loaded = plan.loaded.get(begun.oid)
        generated = loaded.generated if loaded else frozenset()
        for step in column_steps(relation, begun, goal, sides, generated):
            add(goal.root, MissingStatement(relation.name, **asdict(step)))
    # Last: what is done to a table's columns calls it by the name the target has for it now.
    return (*found.values(), *renamings)


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


def _types(plan: Plan, now: dict[int, Relation]) -> frozenset[str]:
    """``format_type`` names of all columns of the plan's tables."""
    return frozenset(
        column.cast_type
        for begun in plan.begun
        if begun.oid in now
        for column in now[begun.oid].columns
    )


def _facts(source: psycopg.Connection[Any], plan: Plan) -> ColumnFacts:
    cursor = source.cursor(row_factory=tuple_row)
    rows = cursor.execute(
        statement("drift", "columns", source.info.server_version),
        {"relations": [begun.oid for begun in plan.begun]},
    )
    return {(oid, name): (expression, missing) for oid, name, expression, missing in rows}
