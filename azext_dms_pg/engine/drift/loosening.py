"""The statements that take from the target what refuses rows of the source. Pure.

A constraint goes only when the source has none of the same meaning. What the source had too when
the migration began is missed as soon as it is gone there; what was the target's own from the
beginning, only when it refuses a row (``refusal.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.engine.drift.types import in_order
from azext_dms_pg.postgres.quoting import identifier, qualified

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from azext_dms_pg.engine.drift.facts import Constraint, Facts, UserType
    from azext_dms_pg.postgres.relations import Relation

_KINDS = {
    "c": "CHECK constraint",
    "x": "exclusion constraint",
    "p": "primary key",
    "u": "UNIQUE constraint",
    "i": "unique index",
}


def common_constraints(
    relation: Relation, goal: Relation, here: Facts, there: Facts
) -> frozenset[str]:
    """What refuses rows on both sides alike: the target's names, domains' with theirs before."""
    ours = here.constraints.get(relation.oid, ())
    found = {each.name for each in there.constraints.get(goal.oid, ()) if not lacks(ours, each)}
    for domain in in_order(here, [column.type_oid for column in relation.columns]):
        match = there.type_by_name.get(domain.name)
        for name, definition in match.checks if match else ():
            if definition in dict(domain.checks).values():
                found.add(f"{domain.name}.{name}")
    return frozenset(found)


def lacks(ours: Iterable[Constraint], theirs: Constraint) -> bool:
    """Whether none of the source's constraints refuses what this one of the target does."""
    return all(
        each.is_unique != theirs.is_unique or each.meaning != theirs.meaning for each in ours
    )


def table_steps(
    relation: Relation, goal: Relation, here: Facts, there: Facts, common: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """:param common: see ``common_constraints``, as of the beginning."""
    ours = here.constraints.get(relation.oid, ())
    for each in there.constraints.get(goal.oid, ()):
        if each.name not in common or not lacks(ours, each):
            continue
        # Two servers may print one expression in two ways; of columns they cannot.
        if not each.is_unique and any(other.name == each.name for other in ours):
            continue
        yield drop_constraint(each, ours), f"the source has no {in_words(each)} any more"


def domain_steps(
    here: Facts, there: Facts, used: Iterable[int], common: frozenset[str]
) -> Iterator[tuple[str, str]]:
    for domain in in_order(here, used):
        match = there.type_by_name.get(domain.name)
        if domain.kind != "d" or match is None:
            continue
        if match.not_null and not domain.not_null:
            yield drop_not_null(domain), f"domain {domain.name} may be NULL on the source"
        for name, _ in match.checks:
            if f"{domain.name}.{name}" in common and name not in dict(domain.checks):
                yield (
                    drop_check(domain, name),
                    f"domain {domain.name} has no constraint {name} on the source any more",
                )


def drop_constraint(each: Constraint, ours: Iterable[Constraint]) -> str:
    """:param ours: what the source has; one that took its place there takes it here too."""
    table = f"ALTER TABLE {qualified(each.table)}"
    name = identifier(each.top_name)
    if each.kind == "i":
        text = f"DROP INDEX {identifier(each.table.schema)}.{name};"
    else:
        text = f"{table} DROP CONSTRAINT {name};"
    successor = next((other for other in ours if _succeeds(other, each)), None)
    if successor is None:
        return text
    new = identifier(successor.name)
    if successor.kind == "i":
        made = f"CREATE UNIQUE INDEX {new} ON {qualified(each.table)} {successor.definition};"
    else:
        made = f"{table} ADD CONSTRAINT {new} {successor.definition};"
    return f"{text} {made}"


def _succeeds(other: Constraint, each: Constraint) -> bool:
    return other.kind == each.kind and (each.kind == "p" or other.name == each.name)


def drop_check(domain: UserType, name: str) -> str:
    text = f"ALTER DOMAIN {qualified(domain.name)} DROP CONSTRAINT {identifier(name)};"
    now = dict(domain.checks).get(name)
    if now is None:
        return text
    return f"{text} ALTER DOMAIN {qualified(domain.name)} ADD CONSTRAINT {identifier(name)} {now};"


def drop_not_null(domain: UserType) -> str:
    return f"ALTER DOMAIN {qualified(domain.name)} DROP NOT NULL;"


def in_words(each: Constraint) -> str:
    return f"{_KINDS[each.kind]} {each.top_name} of {each.table}"
