"""What is left on the target of partitions that were dropped on the source.

DROP TABLE of a partition is in no stream: its rows stay where they are, and stand in the way of
those that come into a partition made in its place. Only reads; deleting is left to the user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from psycopg import sql

from azext_dms_pg.engine.drift.statements import MissingStatement
from azext_dms_pg.engine.faults import BeyondMendingError
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.quoting import qualified
from azext_dms_pg.postgres.relations import Name
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    import psycopg

    from azext_dms_pg.engine.values import Membership, Place
    from azext_dms_pg.postgres.survey import Survey

Session: TypeAlias = "psycopg.Connection[Any]"


def dropped(source: Survey, membership: Membership) -> tuple[Place, ...]:
    """Partitions that are gone from tables that are still there."""
    live = {relation.oid for relation in source.relations}
    return tuple(
        place
        for oid, place in membership.places.items()
        if oid not in live and place.above[-1][0] in live
    )


def leftovers(source: Survey, target: Session, membership: Membership) -> list[MissingStatement]:
    """The statements that take their rows from the target; none for those that are gone there.

    :raises BeyondMendingError: the rows cannot be told from others in the same table.
    """
    found = []
    for place in dropped(source, membership):
        name = _goal(target, place)
        if name is None:
            continue
        if place.alone:
            known = place.name in source.by_name
            text = f"{'TRUNCATE' if known else 'DROP TABLE'} {qualified(name)};"
        else:
            # For the user to run.
            text = f"DELETE FROM {qualified(name)} WHERE {place.condition};"  # noqa: S608
        told = not place.condition or _has_default(source, place)
        if not _has_rows(target, name, place, whole=place.alone or told):
            continue
        if told and not place.alone:
            raise _untold(place, name)
        reason = f"{place.name} was dropped on the source"
        found.append(MissingStatement(place.label, text, reason, urgent=True))
    return found


def _goal(target: Session, place: Place) -> Name | None:
    """What the target's table is called now; None when it is no part of the label's any more."""
    if not place.goal:
        return None
    with translated("target", f"looking for {place.name}"):
        query = statement("drift", "there", target.info.server_version)
        row = target.execute(query, {"oid": place.goal}).fetchone()
    if row is None or (place.alone and not row[2]):
        return None
    return Name(row[0], row[1])


def _has_rows(target: Session, name: Name, place: Place, *, whole: bool) -> bool:
    table = sql.Identifier(name.schema, name.name)
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(table)
    if not whole:
        # Made by us of quoted names and values, see bounds.py.
        query = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(
            table, sql.SQL(place.condition)
        )
    with translated("target", f"looking for rows of {place.name}"):
        row = target.execute(query).fetchone()
    return bool(row and row[0])


def _has_default(source: Survey, place: Place) -> bool:
    """Whether another partition takes rows that would have come into this one."""
    root = next(r.name for r in source.relations if r.oid == place.above[-1][0])
    return any(
        root in relation.ancestors and source.detail(relation).bound == "DEFAULT"
        for relation in source.relations
    )


def _untold(place: Place, name: Name) -> BeyondMendingError:
    return BeyondMendingError(
        f"{place.name} was dropped on the source; on the target its rows are in {name} together "
        "with others, and cannot be told from them.",
        "Cancel the task and begin anew.",
        code="PartitionDropped",
    )
