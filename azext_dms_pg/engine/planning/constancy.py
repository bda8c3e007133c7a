"""Whether the source's tables are still those that were planned.

Between the survey and the slot's snapshot somebody may add a column or a partition, and waiting
for the slot can take long. What is in the snapshot but not in the plan would be lost silently:
it is not copied, and no change will speak of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.catalog import survey
from azext_dms_pg.postgres.relations import RelKind

if TYPE_CHECKING:
    import psycopg

    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.postgres.relations import Column, Name, Relation
    from azext_dms_pg.postgres.survey import Survey


def as_planned(source: psycopg.Connection[Any], plan: Plan) -> bool:
    """Whether names, columns and partitions of the planned tables are as they were."""
    with translated("source", "looking at the tables again"):
        now = survey(source)
    planned = {route.source.oid: _shape(route.source) for route in plan.routes}
    found = {relation.oid: _shape(relation) for relation in _tables(now, plan)}
    return planned == found


def unplaced(plan: Plan) -> tuple[tuple[Name, str], ...]:
    """Columns (with their tables) that the target has no place for: drift since the beginning."""
    return tuple(
        (route.source.name, column.name)
        for route in plan.routes
        for column in route.source.stored_columns
        if all(column.name != other.name for other in route.target.columns)
    )


def _shape(relation: Relation) -> tuple[Name, tuple[tuple[int, str, str], ...]]:
    def facts(column: Column) -> tuple[int, str, str]:
        return column.number, column.name, column.type_name

    return relation.name, tuple(facts(column) for column in relation.columns)


def _tables(now: Survey, plan: Plan) -> list[Relation]:
    """The planned tables, and what became a partition of one that is migrated whole."""
    oids = {route.source.oid for route in plan.routes}
    roots = {table.name for table in plan.published if table.kind is RelKind.PARTITIONED}
    roots.update(plan.empty_roots)
    return [
        relation
        for relation in now.relations
        if relation.kind is RelKind.TABLE
        and relation.persistence == "p"
        and (relation.oid in oids or not roots.isdisjoint(relation.ancestors))
    ]
