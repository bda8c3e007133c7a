"""Where the rows of one source table go: the target table, the columns, the key.

Pure; planning routes with it, preflight reports what cannot be routed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from azext_dms_pg.engine.values import Route
from azext_dms_pg.postgres.relations import Name, Relation, RelKind, ReplicaIdentity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azext_dms_pg.postgres.survey import Survey


@dataclass(frozen=True)
class Standing:
    """The target's tables as the migration began with them, whatever they are called now.

    :param goals: by the source table's OID.
    :param tops: by the label of a table with partitions: what stands for all of them.
    """

    goals: Mapping[int, Relation]
    tops: Mapping[Name, Relation]


def route(
    source: Survey,
    target: Survey,
    leaf: Relation,
    label: Name,
    *,
    binary: bool = True,
    standing: Standing | None = None,
) -> Route | None:
    """The route of one leaf, or None when the target has no table for it.

    :param binary: False when the user wants text throughout.
    :param standing: where rows went before, once the migration has begun.
    """
    destination = _stands(source, target, leaf, label, standing) if standing else None
    destination = destination or _destination(source, target, leaf)
    if destination is None:
        return None
    columns = shared_columns(leaf, destination)
    return Route(
        source=leaf,
        target=destination,
        columns=columns,
        binary=binary and _is_portable(leaf, destination, columns),
        key=_key(leaf, columns),
        label=label,
    )


def shared_columns(source: Relation, target: Relation) -> tuple[str, ...]:
    """Columns whose values travel: stored on both sides, in source order."""
    there = {column.name for column in target.stored_columns}
    return tuple(column.name for column in source.stored_columns if column.name in there)


def _stands(
    source: Survey, target: Survey, leaf: Relation, label: Name, standing: Standing
) -> Relation | None:
    """By what the tables are, since names may have been exchanged on either side."""
    goal, top = standing.goals.get(leaf.oid), standing.tops.get(label)
    if goal is None:
        same = target.by_name.get(leaf.name)
        of_top = same is not None and top is not None and same.root == top.name
        goal = same if of_top else top
    if goal is None or not goal.ancestors or not leaf.ancestors:
        return goal
    return goal if _fits(source, target, leaf, goal) else target.by_name.get(goal.root)


def _destination(source: Survey, target: Survey, leaf: Relation) -> Relation | None:
    """The same leaf where rows surely fit it, else the topmost ancestor the target has."""
    lineage = [
        found for name in (leaf.name, *leaf.ancestors) if (found := target.by_name.get(name))
    ]
    if not lineage:
        return None
    nearest = lineage[0]
    if nearest.name == leaf.name and _fits(source, target, leaf, nearest):
        return nearest
    # Rows that come through the root are put where the target wants them; a branch of the same
    # name may be cut otherwise there.
    return lineage[-1]


def _fits(source: Survey, target: Survey, leaf: Relation, same: Relation) -> bool:
    """Whether each row of the source's partition belongs into that one of the target."""
    if same.kind is not RelKind.TABLE or leaf.ancestors != same.ancestors:
        # A target table that is no partition takes anything.
        return not same.ancestors
    if {column.name for column in leaf.columns} != {column.name for column in same.columns}:
        return False
    same_locale = (source.server.encoding, source.server.locale) == (
        target.server.encoding,
        target.server.locale,
    )
    above = [(source.by_name[name], target.by_name[name]) for name in leaf.ancestors]
    for ours, theirs in [(leaf, same), *above]:
        here, there = source.detail(ours), target.detail(theirs)
        if (here.bound, here.strategy, here.partition_key) != (
            there.bound,
            there.strategy,
            there.partition_key,
        ):
            return False
        # A list tests equality; ranges depend on the collation's order, and hashes on bytes.
        if not here.stable_key or (here.collated_key and here.strategy != "l" and not same_locale):
            return False
    return True


def _is_portable(source: Relation, target: Relation, columns: tuple[str, ...]) -> bool:
    there = {column.name: column.portable for column in target.columns}
    return all(
        column.portable is not None and column.portable == there[column.name]
        for column in source.columns
        if column.name in columns
    )


def _key(source: Relation, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Columns the source promises to be unique, not null, and written with every change."""
    candidates: list[tuple[str, ...]] = []
    if source.replica_identity is ReplicaIdentity.FULL:
        if not source.key_deferrable:
            candidates.append(source.key)
        candidates += source.unique_keys
    else:
        candidates.append(source.identity_key)
    travels = set(columns)
    return next((key for key in candidates if key and travels.issuperset(key)), ())
