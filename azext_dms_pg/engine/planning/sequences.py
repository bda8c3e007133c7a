"""Which sequence of the target stands for which of the source's. Pure.

Once a migration has begun they are told by their OIDs: one that is renamed, moved to another schema
or exchanged with another on the source still gives its value to the target's that its tables use.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from azext_dms_pg.engine.values import Numbering, SequenceRoute

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from azext_dms_pg.engine.planning.selection import Selection
    from azext_dms_pg.postgres.survey import Sequence, Survey

_UNKNOWN = Numbering()


def route_sequences(
    source: Survey,
    target: Survey,
    selection: Selection,
    numbered: Mapping[int, Numbering],
) -> tuple[SequenceRoute, ...]:
    """Sequences to carry over that the target has too."""
    return tuple(
        SequenceRoute(sequence.name, goal.name, sequence.oid, goal.oid)
        for sequence, goal in paired(source, target, selection, numbered)
        if goal is not None
    )


def paired(
    source: Survey,
    target: Survey,
    selection: Selection,
    numbered: Mapping[int, Numbering],
) -> tuple[tuple[Sequence, Sequence | None], ...]:
    """Every sequence to carry over, and the target's; none of those stands for two.

    :param numbered: by OID on the source, as of the beginning; empty before there was one.
    """
    chosen = _chosen(source, selection, numbered)
    found: dict[int, Sequence] = {}
    taken: set[int] = set()

    def pair(sequence: Sequence, goal: Sequence | None) -> None:
        if goal is not None and sequence.oid not in found and goal.oid not in taken:
            found[sequence.oid] = goal
            taken.add(goal.oid)

    # Each over all of them before the next: what is surer has the first word.
    for sequence in chosen:
        goal = numbered.get(sequence.oid, _UNKNOWN).goal
        pair(sequence, target.sequence_by_oid.get(goal))
    for sequence in chosen:
        namesake = target.sequence_by_name.get(sequence.name)
        if namesake is not None and namesake.owner == sequence.owner:
            pair(sequence, namesake)
    # A column may own several; which of them is which only their names tell.
    owners = Counter(each.owner for each in chosen if each.oid not in found)
    left = [each for each in target.sequences if each.oid not in taken]
    there = Counter(each.owner for each in left)
    by_owner = {each.owner: each for each in left if each.owner and there[each.owner] == 1}
    for sequence in chosen:
        if sequence.owner is not None and owners[sequence.owner] == 1:
            pair(sequence, by_owner.get(sequence.owner))
    for sequence in chosen:
        pair(sequence, target.sequence_by_name.get(sequence.name))
    return tuple((sequence, found.get(sequence.oid)) for sequence in chosen)


def selected_sequences(source: Survey, selection: Selection) -> tuple[Sequence, ...]:
    """All of them, or those the selected tables own or draw their defaults from."""
    if selection.everything:
        return source.sequences
    tables = {
        name for leaf, label in selection.leaves for name in (leaf.name, label, *leaf.ancestors)
    }
    return tuple(
        sequence
        for sequence in source.sequences
        if not tables.isdisjoint(sequence.used_by)
        or (sequence.owner is not None and sequence.owner[0] in tables)
    )


def numberings(source: Survey, routes: Iterable[SequenceRoute]) -> dict[int, Numbering]:
    """What is kept of a beginning: all sequences, for what is not among them came later."""
    return with_routes(dict.fromkeys((each.oid for each in source.sequences), _UNKNOWN), routes)


def with_routes(
    numbered: Mapping[int, Numbering], routes: Iterable[SequenceRoute]
) -> dict[int, Numbering]:
    """With the sequences that have found a counterpart since, or another one."""
    found = dict(numbered)
    for route in routes:
        if found.get(route.oid, _UNKNOWN).goal != route.goal:
            found[route.oid] = Numbering(route.goal, namesake=route.source == route.target)
    return found


def _chosen(
    source: Survey, selection: Selection, numbered: Mapping[int, Numbering]
) -> tuple[Sequence, ...]:
    """The user's choice as of now and as of the beginning: tables have other names by now, too."""
    selected = {sequence.oid for sequence in selected_sequences(source, selection)}
    return tuple(
        sequence
        for sequence in source.sequences
        if sequence.oid in selected or numbered.get(sequence.oid, _UNKNOWN).goal
    )
