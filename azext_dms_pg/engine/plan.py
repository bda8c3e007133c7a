"""From two surveys and the user's choice to the plan of one database. Pure.

Judges nothing: what can't be planned is left out here and was a blocker in preflight.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from azext_dms_pg.engine.routing import route
from azext_dms_pg.engine.selection import Selection, select
from azext_dms_pg.engine.values import Plan, Route, SequenceRoute
from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres.relations import Name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from azext_dms_pg.model.settings import MigrationSettings
    from azext_dms_pg.model.task_input import DatabaseInput
    from azext_dms_pg.postgres.relations import Relation
    from azext_dms_pg.postgres.survey import Sequence, Survey

PGOUTPUT = "pgoutput"
TEST_DECODING = "test_decoding"

# First versions with publications, and with binary values and messages in pgoutput.
_PUBLICATIONS = 100000
_BINARY = 140000


def make_plan(
    source: Survey, target: Survey, database: DatabaseInput, settings: MigrationSettings
) -> Plan:
    """Plan the tables selected, as far as the target has a place for them."""
    selection = select(source, database.selected_tables)
    routes: list[Route] = []
    unrouted: list[Name] = []
    for leaf, label in selection.leaves:
        found = route(source, target, leaf, label, binary=settings.binary)
        if found is None:
            unrouted.append(leaf.name)
        else:
            routes.append(found)
    plugin = settings.plugin or choose_plugin(source, [leaf for leaf, _ in selection.leaves])
    return _with_format(
        Plan(
            routes=tuple(routes),
            sequences=route_sequences(source, target, selection),
            plugin=plugin,
            binary_stream=False,
            replica_role=target.server.replica_role,
            source_version=source.server.version,
            target_version=target.server.version,
            unrouted=tuple(unrouted),
        )
    )


def restrict(plan: Plan, begun: Iterable[tuple[int, str, str]], plugin: str) -> Plan:
    """The plan cut down to the tables a migration began with.

    Tables created since then are not in its publication; tables dropped since then need nothing
    more.

    :param begun: OID, schema and name of each source table at the beginning.
    :raises MigrationError: a table was dropped and made anew on the source, so that its changes
        are not in the stream, or its target is gone.
    """
    oids = {oid: Name(schema, name) for oid, schema, name in begun}
    names = set(oids.values())
    for route_ in plan.routes:
        if route_.source.name in names and route_.source.oid not in oids:
            raise MigrationError(
                f"Table {route_.source.name} was dropped and created anew on the source; changes "
                "to the new table are not in this migration's stream.",
                "Cancel the task and begin anew.",
                code="SourceTableReplaced",
            )
    for name in plan.unrouted:
        if name in names:
            raise MigrationError(
                f"The target has no table {name} any more.",
                "Cancel the task and begin anew.",
                code="TargetTableMissing",
            )
    routes = tuple(route_ for route_ in plan.routes if route_.source.oid in oids)
    return _with_format(replace(plan, routes=routes, plugin=plugin, unrouted=()))


def choose_plugin(source: Survey, tables: Iterable[Relation]) -> str:
    """``pgoutput`` where the user may create the publication it needs, else ``test_decoding``."""
    server = source.server
    if server.version < _PUBLICATIONS:
        return TEST_DECODING
    owner = server.create and all(table.owner_is_me for table in tables)
    return PGOUTPUT if server.superuser or owner else TEST_DECODING


def route_sequences(
    source: Survey, target: Survey, selection: Selection
) -> tuple[SequenceRoute, ...]:
    """Sequences to carry over that the target has too."""
    return tuple(
        SequenceRoute(sequence.name, counterpart.name)
        for sequence in selected_sequences(source, selection)
        if (counterpart := sequence_counterpart(sequence, target)) is not None
    )


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


def sequence_counterpart(sequence: Sequence, target: Survey) -> Sequence | None:
    """The target's sequence of that column, else of that name."""
    owned = None if sequence.owner is None else target.sequence_by_owner.get(sequence.owner)
    return owned or target.sequence_by_name.get(sequence.name)


def _with_format(plan: Plan) -> Plan:
    binary = (
        plan.plugin == PGOUTPUT
        and plan.source_version >= _BINARY
        and all(route_.binary for route_ in plan.routes)
    )
    return replace(plan, binary_stream=binary)
