"""What belongs to what on the source: a picture as of the load, and what has left it since.

A partition that is detached or dropped, a publication that is altered: the stream says nothing,
it merely brings no more. Reads the source alone; what then remains on the target is known to
``leftovers.py``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from azext_dms_pg.engine.apply.bounds import UnclearBoundError
from azext_dms_pg.engine.apply.leaves import rows_of
from azext_dms_pg.engine.drift.definitions import known
from azext_dms_pg.engine.faults import BeyondMendingError
from azext_dms_pg.engine.planning.resuming import detached, follows_roots, roots_now
from azext_dms_pg.engine.planning.sequences import with_routes
from azext_dms_pg.engine.values import Membership, Place
from azext_dms_pg.postgres import publication
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from azext_dms_pg.engine.planning.memory import Memory
    from azext_dms_pg.engine.values import Plan, Route
    from azext_dms_pg.postgres.publication import Published
    from azext_dms_pg.postgres.relations import Name
    from azext_dms_pg.postgres.survey import Survey

Session: TypeAlias = "psycopg.Connection[Any]"
# Partitioned tables above a partition, parent first, with the xmin of each step.
Above: TypeAlias = "tuple[tuple[int, str], ...]"


def take(source: Session, target: Session, plan: Plan, published: Published | None) -> Membership:
    """The picture as the source's session sees it; sequences are known from the beginning.

    :param published: the publication as it was when it was made.
    """
    empty = Membership(published=published, sequences=plan.membership.sequences)
    found = refreshed(source, target, plan, empty)
    return replace(found, definitions=known(source, plan, found))


def refreshed(source: Session, target: Session, plan: Plan, kept: Membership) -> Membership:
    """With the partitions and sequences that came since, and without partitions that are gone.

    Those that were there keep their old place, so that one that was away meanwhile still shows.
    """
    # A table that was one of its own, and is published so, has no place to lose.
    own = {table.oid for table in plan.begun if table.label == table.name}
    routes = {
        r.source.oid: r for r in plan.routes if r.label != r.source.name and r.source.oid not in own
    }
    with translated("source", "looking at the partitions"):
        above = _above(source, {*routes, *kept.places})
    roots = {place.label: place.above[-1][0] for place in kept.places.values() if place.above}
    places = {oid: place for oid, place in kept.places.items() if oid in above}
    for oid, route in routes.items():
        if not above.get(oid):
            continue
        root = roots.get(route.label)
        found = places.get(oid) or _place(route, _up_to(above[oid], route, root))
        if not found.alone:
            found = replace(found, condition=_condition(source, target, route))
        places[oid] = replace(found, name=route.source.name)
    if kept.sequences is None:
        return replace(kept, places=places)
    return replace(kept, places=places, sequences=with_routes(kept.sequences, plan.sequences))


def check_publication(source: Session, name: str, kept: Published | None) -> str:
    """A reason to doubt every table, if the publication may have been another one for a while.

    :raises BeyondMendingError: it is not as it was made; changes are missing.
    """
    if kept is None:
        return ""
    with translated("source", "looking at the publication"):
        now = publication.published(source, name)
        there = _above(source, kept.tables)
    if now is None:
        raise _altered(name, "it is gone")
    if (now.oid, now.options) != (kept.oid, kept.options):
        raise _altered(name, "it was made anew or given other options")
    # A table that was dropped takes its entry with it.
    if any(now.tables.get(oid) != xmin for oid, xmin in kept.tables.items() if oid in there):
        raise _altered(name, "a table was taken from it, or entered again")
    return "" if now.xmin == kept.xmin else "the publication was altered"


def check_places(source: Session, now: Survey, memory: Memory) -> dict[Name, str]:
    """Tables to be proven because a partition of theirs was away for a while, with the reason.

    One that was moved to another table that is published with its partitions is followed there.

    :raises BeyondMendingError: a partition is away, and its changes are not in the stream.
    """
    if not follows_roots(now, memory):
        return {}
    places = memory.membership.places
    with translated("source", "looking at the partitions"):
        above = _above(source, places)
    relations = {relation.oid: relation for relation in now.relations}
    roots = _published_roots(now, memory)
    doubtful = {}
    for oid, steps in above.items():
        place, part = places[oid], relations.get(oid)
        if part is None:
            continue  # in a schema of the system by now
        parents = [parent for parent, _ in steps]
        if place.above[-1][0] not in parents:
            root = next((roots[parent] for parent in reversed(parents) if parent in roots), None)
            if root is None:
                raise detached(now, part, place.label, memory)
            why = f"{part.name} was moved from {place.label} to {root}"
            doubtful.update({place.label: why, root: why})
        elif steps[: len(place.above)] != place.above:
            doubtful[place.label] = f"{part.name} was detached and attached again"
    return doubtful


def _published_roots(now: Survey, memory: Memory) -> dict[int, Name]:
    """The label of every partitioned table that brings the changes of its partitions, by OID."""
    named = {label: now.by_name[name] for label, name in roots_now(now, memory).items()
             if name in now.by_name}  # fmt: skip
    published = memory.membership.published
    return {
        root.oid: label
        for label, root in named.items()
        if published is None or root.oid in published.tables
    }


def detached_yet_followed(now: Survey, memory: Memory) -> dict[int, Name]:
    """Partitions no more, whose changes the stream brings all the same."""
    if follows_roots(now, memory):
        return {}
    places = memory.membership.places
    return {
        relation.oid: relation.name
        for relation in now.relations
        if relation.oid in places and not relation.ancestors
    }


def _altered(name: str, what: str) -> BeyondMendingError:
    return BeyondMendingError(
        f"The publication {name} on the source is not as the migration made it: {what}. Changes "
        "may be missing from the change stream since then, and cannot be had again.",
        "Cancel the task and begin anew; nobody may alter or drop a publication whose name begins "
        "with dms_pg_ meanwhile.",
        code="PublicationAltered",
    )


def _place(route: Route, above: Above) -> Place:
    goal = route.target
    alone = route.only and goal.name == route.source.name
    return Place(
        name=route.source.name,
        label=route.label,
        above=above,
        condition="",
        # A table by itself, which the target's table of the label's name knows nothing of.
        goal=0 if alone and not goal.ancestors else goal.oid,
        alone=alone,
    )


def _condition(source: Session, target: Session, route: Route) -> str:
    """Kept, because nobody can be asked any more when the partition is gone."""
    try:
        with translated("source", f"looking at {route.source.name}"):
            return rows_of(source, target, route).as_string(target)
    except UnclearBoundError:
        return ""


def _up_to(above: Above, route: Route, root: int | None) -> Above:
    """No further than the table the user has chosen."""
    parents = [parent for parent, _ in above]
    if root in parents:
        return above[: parents.index(root) + 1]
    ancestors = route.source.ancestors
    return above[: ancestors.index(route.label) + 1] if route.label in ancestors else above


def _above(source: Session, oids: Iterable[int]) -> dict[int, Above]:
    """For every relation that is there."""
    query = statement("drift", "places", source.info.server_version)
    rows = source.execute(query, {"relations": list(oids)}).fetchall()
    return {oid: tuple(zip(parents, xmins, strict=True)) for oid, parents, xmins in rows}
