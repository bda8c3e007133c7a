"""The plan of a migration that has begun, seen with today's catalogues. Pure.

Tables are followed by what they are (OIDs), whatever they are called by now. What the change
stream can no longer tell apart ends the migration, in words.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from azext_dms_pg.engine.faults import BeyondMendingError
from azext_dms_pg.engine.planning.plan import (
    PGOUTPUT,
    PUBLISHED_ROOTS,
    TEST_DECODING,
    as_begun,
    complete,
    published_by,
    route_all,
)
from azext_dms_pg.engine.planning.routing import Standing
from azext_dms_pg.engine.planning.selection import Leaves, select
from azext_dms_pg.engine.planning.sequences import paired
from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres.quoting import qualified, rename_table
from azext_dms_pg.postgres.relations import Name, Relation, RelKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azext_dms_pg.engine.planning.memory import Memory
    from azext_dms_pg.engine.values import Begun, Plan, Route
    from azext_dms_pg.model.settings import MigrationSettings
    from azext_dms_pg.model.task_input import DatabaseInput
    from azext_dms_pg.postgres.survey import Sequence, Survey


def resume_plan(
    source: Survey,
    target: Survey,
    database: DatabaseInput,
    settings: MigrationSettings,
    memory: Memory,
) -> Plan:
    """The plan of a migration that has begun, seen with today's catalogues.

    The tables are those it began with, whatever they are called now, and the partitions since
    added to them. Tables created since then are not in its publication; tables dropped since then
    need nothing more.

    :raises MigrationError: a table was dropped and made anew on the source, so that its changes
        are not in the stream, or its target is gone.
    """
    begun = {table.oid: table for table in memory.tables}
    roots = roots_now(source, memory)
    leaves = _present(source, memory, begun, roots)
    selection = select(source, database.selected_tables)
    standing = _standing(source, target, memory, roots)
    numbered = memory.membership.sequences
    plan = route_all(source, target, selection, leaves, settings, standing, numbered)
    plan = replace(plan, routes=tuple(_labelled(route, begun, standing) for route in plan.routes))
    for name in plan.unrouted:
        former = next((t.name for t in memory.tables if t.oid == source.by_name[name].oid), name)
        raise _target_gone(target, name, former)
    entries = tuple(begun.get(r.source.oid) or as_begun(r) for r in plan.routes)
    empty = tuple(source.by_name[name] for name in memory.empty_roots if name in source.by_name)
    plan = replace(
        plan,
        empty_roots=memory.empty_roots,
        loaded=memory.loaded,
        accepted=memory.accepted,
        membership=memory.membership,
    )
    return complete(plan, memory.plugin, published_by(source, leaves, roots, empty), entries)


def not_migrated(source: Survey, database: DatabaseInput, memory: Memory) -> tuple[Name, ...]:
    """Tables the user's choice covers today, but not the migration: they came too late.

    :raises MigrationError: a table was dropped and made anew on the source.
    """
    begun = {table.oid: table for table in memory.tables}
    leaves = _present(source, memory, begun, roots_now(source, memory))
    carried = {leaf.oid for leaf, _ in leaves}
    wanted = select(source, database.selected_tables).leaves
    return tuple(leaf.name for leaf, _ in wanted if leaf.oid not in carried)


def uncarried_sequences(
    source: Survey, target: Survey, database: DatabaseInput, memory: Memory
) -> tuple[tuple[Sequence, bool], ...]:
    """Sequences the user's choice covers that the target has not, or has not any more.

    Without those of tables that are not migrated either: whoever brings the table brings them; and
    without those the target never had, of which preflight has told.

    :returns: with each whether it came since the beginning.
    """
    known = memory.membership.sequences
    if known is None:
        return ()
    begun = {table.oid: table for table in memory.tables}
    leaves = _present(source, memory, begun, roots_now(source, memory))
    carried = {name for leaf, _ in leaves for name in (leaf.name, *leaf.ancestors)}
    selection = select(source, database.selected_tables)
    return tuple(
        (sequence, sequence.oid not in known)
        for sequence, goal in paired(source, target, selection, known)
        if goal is None
        and (sequence.owner is None or sequence.owner[0] in carried)
        and (sequence.oid not in known or known[sequence.oid].goal)
    )


def newcomers(source: Survey, memory: Memory) -> tuple[tuple[Relation, Name], ...]:
    """Partitions (with their labels) that were not there when the tables were loaded."""
    begun = {table.oid: table for table in memory.tables}
    leaves = _present(source, memory, begun, roots_now(source, memory))
    return tuple(leaf for leaf in leaves if leaf[0].oid not in (memory.loaded or begun))


def partitions_now(source: Survey, memory: Memory) -> tuple[Relation, ...]:
    """All partitions below tables that are migrated whole, partitioned ones before theirs."""
    roots = set(roots_now(source, memory).values())
    found = [
        relation
        for relation in source.relations
        if relation.persistence == "p" and not roots.isdisjoint(relation.ancestors)
    ]
    return tuple(sorted(found, key=lambda relation: (len(relation.ancestors), relation.name)))


def _standing(
    source: Survey, target: Survey, memory: Memory, roots: Mapping[Name, Name]
) -> Standing:
    there = {relation.oid: relation for relation in target.relations}
    goals = {table.oid: there[table.goal] for table in memory.tables if table.goal in there}
    above = {relation.oid: relation.ancestors for relation in source.relations}
    # Where one that was moved stands now is no word about the others: those come last, and count.
    tables = sorted(
        (table for table in memory.tables if table.oid in goals and table.label != table.name),
        key=lambda table: roots.get(table.label) in above.get(table.oid, ()),
    )
    tops = {
        table.label: target.by_name.get(goals[table.oid].root, goals[table.oid]) for table in tables
    }
    return Standing(goals, tops)


def _labelled(route: Route, begun: Mapping[int, Begun], standing: Standing) -> Route:
    """The route; of a table attached since, whose rows go through the root, with that one's label.

    There they cannot be told from the rows of the others.
    """
    former = begun.get(route.source.oid)
    if former is None or former.goal in (0, route.target.oid):
        return route
    if route.target.kind is not RelKind.PARTITIONED:
        return route
    tops = {top.oid: label for label, top in standing.tops.items()}
    own = standing.tops.get(route.label)
    if own is not None and own.oid == route.target.oid:
        return route
    return replace(route, label=tops.get(route.target.oid, route.label))


def roots_now(source: Survey, memory: Memory) -> dict[Name, Name]:
    """Partitioned tables that are migrated whole: the name at the beginning, and that of today."""
    begun = {table.oid: table for table in memory.tables}
    places = memory.membership.places
    roots = {table.label: table.label for table in memory.tables if table.label != table.name}
    roots.update((name, name) for name in memory.empty_roots)
    for relation in source.relations:
        former = begun.get(relation.oid)
        if former is None or former.label not in roots or former.label in relation.ancestors:
            continue
        # One whose place is known may have been moved to another root.
        known = relation.oid in places
        if relation.ancestors and former.label not in source.by_name and not known:
            roots[former.label] = relation.ancestors[-1]
    # Where partitions were seen to stand, the root is known by more than its name.
    names = {relation.oid: relation.name for relation in source.relations}
    for place in places.values():
        roots[place.label] = names.get(place.above[-1][0], roots.get(place.label, place.label))
    return roots


def _present(
    source: Survey, memory: Memory, begun: Mapping[int, Begun], roots: Mapping[Name, Name]
) -> Leaves:
    """Relations the migration began with, and new partitions of those."""
    names = {table.name for table in memory.tables}
    labels = {today: label for label, today in roots.items()}
    if memory.plugin == PGOUTPUT and source.server.version < PUBLISHED_ROOTS:
        # New partitions are not published there; the comparison at the cutover will tell.
        labels = {}
    leaves = []
    for relation in source.relations:
        above = [name for name in relation.ancestors if name in labels]
        if relation.oid in begun:
            former = begun[relation.oid]
            _check(relation, former.name, names, memory)
            if former.label != former.name and not above and follows_roots(source, memory):
                raise detached(source, relation, former.label, memory)
            leaves.append((relation, former.label))
        elif above and relation.kind is RelKind.TABLE:
            _refuse_namesake(memory, relation)
            if relation.persistence == "p":
                leaves.append((relation, labels[above[-1]]))
        elif relation.name in names and not above:
            raise _replaced(relation.name)
    leaves.sort(key=lambda leaf: (leaf[1], leaf[0].name))
    return tuple(leaves)


def _check(relation: Relation, former: Name, names: set[Name], memory: Memory) -> None:
    """:raises BeyondMendingError: the stream does not tell of it any more, or of another too."""
    if relation.persistence != "p":
        raise _unlogged(relation.name)
    reused = relation.name != former and relation.name in names
    if reused and memory.plugin == TEST_DECODING:
        raise _reused(relation.name, former)


def follows_roots(source: Survey, memory: Memory) -> bool:
    """Whether the stream brings a partition's changes for as long as it is one."""
    return memory.plugin == PGOUTPUT and source.server.version >= PUBLISHED_ROOTS


def detached(source: Survey, relation: Relation, label: Name, memory: Memory) -> BeyondMendingError:
    """What to say of a partition whose changes do not come any more."""
    name = relation.name
    again = (
        "Attach it again on the source (its table is then compared in full at the cutover), or "
        "drop it there if nobody needs it; then run az dms project task restart. Or cancel the "
        "task and begin anew."
    )
    away = f"{name} is not a partition of {label} any more on the source"
    if relation.ancestors and not _is_pending(source, source.by_name[relation.root]):
        other = "another " if relation.root == label else ""
        return BeyondMendingError(
            f"{away}, but of {other}{relation.root}, which is not migrated with its partitions: "
            "the change stream does not bring its changes any more.",
            f"Detach it there and attach it to {label} again on the source (its table is then "
            "compared in full at the cutover); then run az dms project task restart. Or cancel "
            "the task and begin anew.",
            code="PartitionDetached",
        )
    finalize = _finalize(source, relation, memory)
    return BeyondMendingError(
        f"{away}: since it was detached the change stream does not bring its changes, and the "
        f"target still has its rows in {label}.",
        f"{finalize}{again}",
        code="PartitionDetached",
    )


def _is_pending(source: Survey, top: Relation) -> bool:
    """Whether its DETACH CONCURRENTLY was interrupted: a partition of nothing, with a bound."""
    return not top.ancestors and source.detail(top).bound != ""


def _finalize(source: Survey, relation: Relation, memory: Memory) -> str:
    """What has to be done before it can be attached again, or dropped; empty for nothing."""
    top = source.by_name[relation.root]
    place = memory.membership.places.get(relation.oid)
    if place is None or not _is_pending(source, top):
        return ""
    chain = [relation.oid, *(oid for oid, _ in place.above)]
    names = {each.oid: each.name for each in source.relations}
    above = chain[chain.index(top.oid) + 1 :] if top.oid in chain else []
    if not above or above[0] not in names:
        return ""
    parent, part = qualified(names[above[0]]), qualified(top.name)
    return (
        "Its DETACH PARTITION … CONCURRENTLY was interrupted: run on the source "
        f"ALTER TABLE {parent} DETACH PARTITION {part} FINALIZE; "
    )


def _refuse_namesake(memory: Memory, relation: Relation) -> None:
    """A stream that has names alone may speak of a new partition, or of a former one."""
    names = {table.oid: table.name for table in memory.tables}
    names.update((oid, place.name) for oid, place in memory.membership.places.items())
    names.pop(relation.oid, None)
    if memory.plugin == TEST_DECODING and relation.name in names.values():
        raise _replaced(relation.name, "cannot be told from those to the former one")


def _replaced(name: Name, why: str = "are not in this migration's stream") -> BeyondMendingError:
    return BeyondMendingError(
        f"Table {name} was replaced on the source (dropped and created anew, or another one got "
        f"its name); changes to the new table {why}.",
        "Cancel the task and begin anew.",
        code="SourceTableReplaced",
    )


def _reused(name: Name, former: Name) -> BeyondMendingError:
    return BeyondMendingError(
        f"{name} on the source is not the table it was when the migration began: the name now "
        f"belongs to the table that was {former} then. The stream of test_decoding knows tables "
        "by their names alone, so that from one moment on rows are of another table.",
        "The source is untouched; go on using it. Cancel the task and begin anew; a role that may "
        "create a publication gets a stream (pgoutput) that tells such tables apart.",
        code="SourceNameReused",
    )


def _unlogged(name: Name) -> BeyondMendingError:
    return BeyondMendingError(
        f"Table {name} is not permanent on the source any more: changes to it are not in the WAL.",
        "Cancel the task and begin anew; make the table LOGGED before, if it is to be migrated.",
        code="SourceTableUnlogged",
    )


def _target_gone(target: Survey, name: Name, former: Name) -> MigrationError:
    if former in target.by_name:
        message = f"Table {former} is called {name} on the source now, but not on the target."
        action = f"Run on the target, then the task goes on by itself: {rename_table(former, name)}"
    else:
        message = f"The target has no table {name} any more."
        action = (
            "Create it as it is on the source, and the task goes on by itself; or cancel the task."
        )
    return MigrationError(message, action, code="TargetTableMissing")
