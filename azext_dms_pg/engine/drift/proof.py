"""Which tables' old rows may have changed without a word in the stream, and the proof of them.

A rewrite by ALTER TABLE, a column dropped and made anew, a default that is computed for each row:
logical decoding tells of none of these. They show against what the tables were in the snapshot
that was loaded (``Loaded``, kept with the plan on the target). VACUUM FULL, CLUSTER and TRUNCATE
look alike and are harmless, so such tables are compared, not condemned.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from azext_dms_pg.engine.faults import BeyondMendingError
from azext_dms_pg.engine.planning.plan import TEST_DECODING
from azext_dms_pg.engine.verify import compare
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.snapshot import open_snapshot
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import psycopg

    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.engine.values import Begun, Loaded, Plan, Route
    from azext_dms_pg.engine.verify import TableComparison
    from azext_dms_pg.postgres.relations import Name

_NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Attribute:
    """One column as the catalogue has it; ``missing`` is what rows older than it hold."""

    number: int
    name: str
    type_name: str
    generated: bool
    missing: str | None


@contextmanager
def reading(job: Job, snapshot: str) -> Iterator[psycopg.Connection[Any]]:
    """A session that sees the source as the snapshot that will be loaded has it."""
    with open_snapshot(job.source, snapshot, "look") as session, translated("source"):
        yield session


def files_of(session: psycopg.Connection[Any], plan: Plan) -> dict[int, int]:
    """``relfilenode`` of the plan's tables."""
    return _files(session, [route.source.oid for route in plan.routes])


def suspects(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], plan: Plan
) -> dict[Name, str]:
    """Tables (as the user knows them) whose old rows may differ, with the reason."""
    routes = {route.source.oid: route for route in plan.routes if route.source.oid in plan.loaded}
    begun = {table.oid: table for table in plan.begun}
    with translated("source", "looking at the tables again"):
        files = _files(source, routes)
        here = _shapes(source, routes)
    with translated("target", "looking at the tables again"):
        there = _shapes(target, {route.target.oid for route in routes.values()})
    found: dict[Name, str] = {}
    for oid, route in routes.items():
        if oid not in files:
            continue  # dropped: nothing to compare with
        loaded = plan.loaded[oid]
        why = "its file was written anew" if files[oid] != loaded.file else ""
        why = why or _changed(
            plan,
            loaded,
            begun.get(oid),
            route.source.name,
            here[oid],
            {each.name: each for each in there[route.target.oid]},
        )
        if why:
            found.setdefault(route.label, why)
    if plan.loaded:
        # Nothing is left that a rewrite would show against.
        for label in set(plan.labels) - {route.label for route in routes.values()}:
            found.setdefault(label, "all of its partitions were made during the migration")
    return found


def _changed(
    plan: Plan,
    loaded: Loaded,
    begun: Begun | None,
    name: Name,
    here: Iterable[Attribute],
    there: dict[str, Attribute],
) -> str:
    """What in the columns may have given old rows other values than the target has."""
    former = {name for name, _ in begun.columns.values()} if begun else set()
    further = set(begun.goal_columns) - former if begun else set()
    if plan.plugin == TEST_DECODING and begun and begun.name != name:
        # Its stream knows tables by their names alone, those in between among them.
        return f"it was called {begun.name}"
    for column in here:
        before = loaded.types.get(column.number)
        if before is None:
            if column.generated:
                continue
            if column.name in former:
                return f"column {column.name} was made anew"
            other = there.get(column.name)
            if other is None:
                # The statement that adds it gives older rows what they hold here; where a default
                # was computed for each row, the table's file was written anew.
                continue
            if other.missing != column.missing or column.name in further:
                return f"column {column.name} is new and older rows hold a value in it"
        elif column.number in loaded.generated and not column.generated:
            return f"column {column.name} is not generated any more"
        elif plan.plugin == TEST_DECODING and before != column.type_name:
            return f"column {column.name} was {before} and is {column.type_name}"
    return ""


def prove(job: Job, plan: Plan, doubtful: dict[Name, str], stopping: Callable[[], bool]) -> str:
    """Compare the contents of these tables at a moment when nothing is under way.

    What could not be judged, because the user accepted other types at the beginning, is returned
    in words.

    :raises BeyondMendingError: rows differ: old values have changed and cannot follow.
    """
    part = replace(plan, routes=tuple(r for r in plan.routes if r.label in doubtful))
    unequal = _unequal(job, part, stopping)
    if not unequal:
        return ""
    # Again: whoever still writes to the source makes every comparison differ.
    part = replace(part, routes=tuple(r for r in part.routes if r.label in unequal))
    again = _unequal(job, part, stopping)
    moving = [
        label for label, item in again.items()
        if unequal[label].source_checksum != item.source_checksum
    ]  # fmt: skip
    alike = replace(part, routes=tuple(_alike(r) for r in part.routes if r.label in again))
    narrowed = any(
        a.columns != r.columns
        for a in alike.routes
        for r in part.routes
        if a.source.oid == r.source.oid
    )
    different = _unequal(job, alike, stopping) if again and narrowed else again
    if not different:
        return ", ".join(f"{label}" for label in again)
    if moving:
        raise BeyondMendingError(
            f"{_names(moving)} must be compared before the cutover ({doubtful[moving[0]]}), and "
            "cannot be while the source is being written to.",
            "Stop the writers, run az dms project task restart, and cut over again.",
            code="OldRowsUnproven",
        )
    first = next(iter(different.values()))
    rows = ", ".join(f"{row.key} {row.kind}" for row in first.differences[:3])
    raise BeyondMendingError(
        f"Old rows of {_names(different)} have other values on the source than on the target "
        f"({doubtful[first.label]}; {first.label}: {rows}). A change of the schema changed them "
        "without a word in the change stream, so they cannot follow.",
        "The source is untouched; go on using it. Cancel the task and begin anew; or make the "
        "source send the rows (UPDATE the table on the source, setting a column to itself), run "
        "az dms project task restart, and cut over again.",
        code="OldRowsDiffer",
    )


def _unequal(job: Job, plan: Plan, stopping: Callable[[], bool]) -> dict[Name, TableComparison]:
    found = compare(job.source, job.target, plan, limit=_NAMED_AT_MOST, stopping=stopping)
    return {item.label: item for item in found if not item.equal}


def _alike(route: Route) -> Route:
    """Only the columns that have the same type on both sides, and the key."""
    there = {column.name: column.type_name for column in route.target.columns}
    here = {column.name: column.type_name for column in route.source.columns}
    return replace(
        route, columns=tuple(name for name in route.columns if here[name] == there[name])
    )


def _names(labels: Iterable[Name]) -> str:
    labels = list(labels)
    more = len(labels) - _NAMED_AT_MOST
    named = ", ".join(str(label) for label in labels[:_NAMED_AT_MOST])
    return f"{named} and {more} more" if more > 0 else named


def _files(session: psycopg.Connection[Any], oids: Iterable[int]) -> dict[int, int]:
    query = statement("drift", "files", session.info.server_version)
    return dict(session.execute(query, {"relations": list(oids)}).fetchall())


def _shapes(session: psycopg.Connection[Any], oids: Iterable[int]) -> dict[int, list[Attribute]]:
    found: dict[int, list[Attribute]] = defaultdict(list)
    query = statement("drift", "shapes", session.info.server_version)
    for oid, number, name, type_name, generated, missing in session.execute(
        query, {"relations": list(oids)}
    ).fetchall():
        found[oid].append(Attribute(number, name, type_name, bool(generated), missing))
    return found
