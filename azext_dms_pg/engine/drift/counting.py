"""What the target's sequences lack of their sources' names and ways to count. Pure.

Which belong together is told by the plan's OIDs. What a sequence stands at is set at the cutover.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from azext_dms_pg.engine.drift.renaming import sequence_renamings
from azext_dms_pg.postgres.quoting import alter_sequence
from azext_dms_pg.postgres.relations import Name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azext_dms_pg.engine.values import Plan, SequenceRoute
    from azext_dms_pg.postgres.survey import Sequence, Survey

# Before, no catalogue says how a sequence counts.
_SEQUENCES_ARE_TOLD = 100000


def name_steps(
    plan: Plan, source: Survey, target: Survey, *, settled: bool
) -> tuple[list[tuple[str, str]], Survey]:
    """Statements with their reasons, and the target as it is after them.

    Only where both had one name at the beginning: else the target's is its own.

    :param settled: the target's tables are where the source's are. Before, no sequence changes its
        schema: it may yet go there with its table, or with all that is in its schema.
    """
    known = plan.membership.sequences or {}
    wanted: dict[int, Name] = {}
    for route, here, there in _pairs(plan, source, target):
        namesake = route.source == route.target
        if route.oid in known:
            namesake = known[route.oid].namesake
        # One that belongs to a column cannot leave the schema of its table.
        stays = not settled or there.owner is not None
        name = Name(there.name.schema, here.name.name) if stays else here.name
        if namesake and name not in target.by_name and name not in wanted.values():
            wanted[there.oid] = name
    steps, names = sequence_renamings(wanted, target)
    renamed = tuple(replace(each, name=names[each.oid]) for each in target.sequences)
    return steps, replace(target, sequences=renamed) if steps else target


def count_steps(plan: Plan, source: Survey, target: Survey) -> Iterator[tuple[str, str]]:
    """Statements with their reasons, by the names of ``target``."""
    if source.server.version < _SEQUENCES_ARE_TOLD:
        return
    for _, here, there in _pairs(plan, source, target):
        text = alter_sequence(here, there)
        if text:
            yield text, f"sequence {here.name} counts otherwise on the source"


def _pairs(
    plan: Plan, source: Survey, target: Survey
) -> Iterator[tuple[SequenceRoute, Sequence, Sequence]]:
    for route in plan.sequences:
        here = source.sequence_by_oid.get(route.oid)
        there = target.sequence_by_oid.get(route.goal)
        if here and there:
            yield route, here, there
