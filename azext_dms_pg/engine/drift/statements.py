"""What the target lacks of the source's present schema, as the exact statements that mend it.

Looks at both catalogues now and at what the tables were when the migration began (hazard 23).
Judges only the tables of the plan; what the user accepted at the beginning, such as a column only
the target has, is no drift.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from azext_dms_pg.engine.drift.columns import Sides, column_steps
from azext_dms_pg.engine.drift.counting import count_steps, name_steps
from azext_dms_pg.engine.drift.facts import Facts, read_facts
from azext_dms_pg.engine.drift.loosening import common_constraints, domain_steps, table_steps
from azext_dms_pg.engine.drift.renaming import renamings
from azext_dms_pg.engine.drift.retyping import as_renamed, rename_steps, renamed_types
from azext_dms_pg.engine.drift.types import type_steps
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.catalog import survey
from azext_dms_pg.postgres.quoting import qualified
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psycopg

    from azext_dms_pg.engine.values import Begun, Plan
    from azext_dms_pg.postgres.connect import Side
    from azext_dms_pg.postgres.relations import Name, Relation
    from azext_dms_pg.postgres.survey import Survey

# While somebody changes a schema all the time, the last reading has to do; the next one comes soon.
_READ_AGAIN = 5

Pair: TypeAlias = "tuple[Begun, Relation, Relation | None]"
"""A table of the beginning, what it is on the source now, and its target's."""


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
    return compare(read_both(source, target, plan), plan)


def with_common(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], plan: Plan
) -> Plan:
    """The plan of a migration that begins, with what refuses rows on both sides alike."""
    both = read_both(source, target, plan)
    return replace(
        plan,
        begun=tuple(
            replace(begun, common=common_constraints(relation, goal, both.here, both.there))
            if goal is not None
            else begun
            for begun, relation, goal in _pairs(both, plan)
        ),
    )


def fingerprint(session: psycopg.Connection[Any], side: Side) -> str:
    """One value for everything whose change may matter here."""
    with translated(side, "looking at the catalogue"):
        query = statement("drift", "fingerprint", session.info.server_version)
        row = session.execute(query).fetchone()
    return str(row[0]) if row else ""


def read_both(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], plan: Plan
) -> Catalogues:
    """Both catalogues, each as it was at one moment.

    No snapshot gives that: functions such as ``pg_get_indexdef`` see what was committed last.
    """
    for _ in range(_READ_AGAIN):
        before = fingerprint(source, "source"), fingerprint(target, "target")
        both = _read_once(source, target, plan)
        if before == (fingerprint(source, "source"), fingerprint(target, "target")):
            break
    return both


def _read_once(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], plan: Plan
) -> Catalogues:
    with translated("source", "reading the catalogue"):
        here = survey(source)
        facts = read_facts(source, [begun.oid for begun in plan.begun])
    with translated("target", "reading the catalogue"):
        there = survey(target)
        goals = {name for table in plan.begun for name in (table.name, table.label)}
        begun = {table.oid for table in plan.begun}
        goals |= {relation.name for relation in here.relations if relation.oid in begun}
        known = {route.target.oid for route in plan.routes}
        oids = [
            relation.oid
            for relation in there.relations
            if relation.name in goals or relation.oid in known
        ]
        return Catalogues(here, there, facts, read_facts(target, oids))


def compare(both: Catalogues, plan: Plan) -> tuple[MissingStatement, ...]:
    """The pure part of ``drift``."""
    renames = renamed_types(_pairs(both, plan), both.source, both.target, both.here, both.there)
    retyped = tuple(rename_steps(renames, both.source, both.target, both.there))
    target, there = as_renamed(both.target, both.there, renames)
    both = replace(both, target=target, there=there)
    moves = list(_renamings(both, plan, _pairs(both, plan)))
    recalled, target = name_steps(plan, both.source, both.target, settled=not moves)
    both = replace(both, target=target)
    sides = Sides(both.source, both.target, both.here, both.there)
    pairs = list(_pairs(both, plan))
    # By the table on the target and the reason: partitions share what is done to their parent.
    found: dict[tuple[Name | None, str], MissingStatement] = {}

    def add(root: Name | None, item: MissingStatement) -> None:
        found.setdefault((root, item.reason), item)

    for text, reason in retyped:
        add(None, MissingStatement(None, text, reason, urgent=False))
    for item in _of_types(both, plan, pairs):
        add(None, item)
    for text, reason in count_steps(plan, both.source, both.target):
        add(None, MissingStatement(None, text, reason, urgent=False))
    # A partition made since knows nothing of the values that older rows hold: it comes last.
    for begun, relation, goal in sorted(pairs, key=lambda pair: pair[0].oid not in plan.loaded):
        if goal is None:
            add(relation.name, _absent(relation.name))
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
    # Sequences first, for new columns draw from them by their names of now. Tables last: what is
    # done to their columns calls them by the names the target has for them now.
    named = (MissingStatement(None, text, why, urgent=False) for text, why in recalled)
    return (*named, *found.values(), *moves)


def _of_types(both: Catalogues, plan: Plan, pairs: Iterable[Pair]) -> Iterator[MissingStatement]:
    used = [column.type_oid for _, relation, _ in pairs for column in relation.columns]
    common = frozenset(name for begun in plan.begun for name in begun.common)
    for text, reason in type_steps(both.source, both.target, both.here, both.there, used):
        yield MissingStatement(None, text, reason, urgent=False)
    for text, reason in domain_steps(both.here, both.there, used, common):
        yield MissingStatement(None, text, reason, urgent=False, loosens=True)


def _pairs(both: Catalogues, plan: Plan) -> Iterator[Pair]:
    """Each table that is still there, with the target's."""
    now = {relation.oid: relation for relation in both.source.relations}
    there = {relation.oid: relation for relation in both.target.relations}
    goals = {route.source.oid: route.target for route in plan.routes}
    for begun in plan.begun:
        relation = now.get(begun.oid)
        if relation is None:
            continue
        goal = goals.get(begun.oid)
        # By OID: a name may mean another table by now. By name what was made anew meanwhile.
        found = there.get(goal.oid if goal else begun.goal)
        name = goal.name if goal else begun.name
        by_name = both.target.by_name
        yield begun, relation, found or by_name.get(relation.name) or by_name.get(name)


def _renamings(both: Catalogues, plan: Plan, pairs: Iterable[Pair]) -> Iterator[MissingStatement]:
    live = {relation.oid for relation in both.source.relations}
    there = [(begun, relation, goal) for begun, relation, goal in pairs if goal is not None]
    ours = {goal.oid for _, _, goal in there}
    orphans = {begun.goal for begun in plan.begun if begun.oid not in live} - ours
    named = [item for pair in there for item in _named(both, plan, *pair)]
    for name, text, reason in renamings(named, both.source, both.target, orphans):
        if text not in plan.accepted:
            yield MissingStatement(name, text, reason, urgent=True)


def _named(
    both: Catalogues, plan: Plan, begun: Begun, relation: Relation, goal: Relation
) -> Iterator[tuple[Begun, Relation, Relation]]:
    """The pair whose names are to be alike; not those above a partition that was moved.

    Its former parent on the target is not what its parent on the source is now.
    """
    place = plan.membership.places.get(begun.oid)
    above = {both.source.by_name[name].oid for name in relation.ancestors}
    if not above:
        yield begun, relation, goal
        return
    root = _planned_root(plan, begun.oid) if place is None else place.above[-1][0]
    own_label = begun.label == begun.name
    # Or attached since, and its rows go through the root.
    attached = own_label and begun.goal not in (0, goal.oid)
    if root in (0, *above) and not attached:
        yield begun, relation, goal
        return
    own = next((each for each in both.target.relations if each.oid == begun.goal), None)
    # What shares its table with others gives that no name.
    if own is not None and (own_label if place is None else place.alone):
        here = replace(relation, ancestors=(), root=relation.name)
        yield begun, here, replace(own, ancestors=(), root=own.name)


def _planned_root(plan: Plan, oid: int) -> int:
    """Of a partition that came since: the plan is older than the record of its place."""
    above = {n for route in plan.routes if route.source.oid == oid for n in route.source.ancestors}
    return next((table.oid for table in plan.published if table.name in above), 0)


def _absent(name: Name) -> MissingStatement:
    text = f"-- The target has no table {qualified(name)}: bring it over with"
    return MissingStatement(
        name,
        f"{text} pg_dump --schema-only --table='{qualified(name)}'",
        "the table is missing",
        urgent=True,
    )
