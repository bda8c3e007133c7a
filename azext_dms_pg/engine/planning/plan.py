"""From two surveys and the user's choice to the plan of one database. Pure.

Judges nothing: what can't be planned is left out here and was a blocker in preflight.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from azext_dms_pg.engine.planning.routing import route
from azext_dms_pg.engine.planning.selection import Leaves, Selection, select
from azext_dms_pg.engine.planning.sequences import numberings, route_sequences
from azext_dms_pg.engine.values import Begun, Loaded, Membership, Plan, Route
from azext_dms_pg.postgres.relations import Name, Relation, ReplicaIdentity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from azext_dms_pg.engine.planning.routing import Standing
    from azext_dms_pg.engine.values import Numbering
    from azext_dms_pg.model.settings import MigrationSettings
    from azext_dms_pg.model.task_input import DatabaseInput
    from azext_dms_pg.postgres.survey import Survey

PGOUTPUT = "pgoutput"
TEST_DECODING = "test_decoding"

# First versions with publications, and with binary values and messages in pgoutput.
_PUBLICATIONS = 100000
BINARY_STREAM = 140000
# First version that publishes a partitioned table together with its partitions, also later ones.
PUBLISHED_ROOTS = 130000


def make_plan(
    source: Survey, target: Survey, database: DatabaseInput, settings: MigrationSettings
) -> Plan:
    """Plan the tables selected, as far as the target has a place for them."""
    selection = select(source, database.selected_tables)
    published = published_by(source, selection.leaves, {}, selection.empty_roots)
    plan = route_all(source, target, selection, selection.leaves, settings)
    roots = tuple(root.name for root in selection.empty_roots)
    lost = tuple(name for name in roots if name not in target.by_name)
    membership = Membership(sequences=numberings(source, plan.sequences))
    plan = replace(plan, unrouted=plan.unrouted + lost, empty_roots=roots, membership=membership)
    plugin = settings.plugin or choose_plugin(source, published)
    begun = tuple(as_begun(route_) for route_ in plan.routes)
    return complete(plan, plugin, published, begun)


def as_loaded(plan: Plan, files: Mapping[int, int]) -> Plan:
    """The plan with what its tables look like in the snapshot that is about to be loaded.

    :param files: ``relfilenode`` by OID, as the snapshot has them.
    """
    return replace(
        plan,
        loaded={
            route_.source.oid: Loaded(
                file=files.get(route_.source.oid, 0),
                types={column.number: column.type_name for column in route_.source.columns},
                generated=frozenset(
                    column.number for column in route_.source.columns if column.generated
                ),
            )
            for route_ in plan.routes
        },
    )


def with_sparse(plan: Plan, positions: Mapping[int, int]) -> Plan:
    """The plan of a load that has ended.

    :param positions: by OID: up to where rows of the table may be missing, see ``Loaded``.
    """
    loaded = {
        oid: replace(table, sparse_until=positions.get(oid, 0))
        for oid, table in plan.loaded.items()
    }
    return replace(plan, loaded=loaded)


def choose_plugin(source: Survey, published: Iterable[Relation]) -> str:
    """``pgoutput`` where the user may create the publication it needs, else ``test_decoding``."""
    server = source.server
    if server.version < _PUBLICATIONS:
        return TEST_DECODING
    published = tuple(published)
    if any(virtual_identity(table) for table in published):
        # Once published, every UPDATE of such a table would fail on the source.
        return TEST_DECODING
    owner = server.create and all(table.owner_is_me for table in published)
    return PGOUTPUT if server.superuser or owner else TEST_DECODING


def virtual_identity(table: Relation) -> tuple[str, ...]:
    """Virtual generated columns among those that the replica identity writes."""
    whole = table.replica_identity is ReplicaIdentity.FULL
    return tuple(
        column.name
        for column in table.columns
        if column.generated == "v" and (whole or column.name in table.identity_key)
    )


def route_all(
    source: Survey,
    target: Survey,
    selection: Selection,
    leaves: Leaves,
    settings: MigrationSettings,
    standing: Standing | None = None,
    numbered: Mapping[int, Numbering] | None = None,
) -> Plan:
    """Find a place on the target for every table; nothing is decided about the stream yet.

    :param numbered: the source's sequences of the beginning, once there was one.
    """
    found = [
        (leaf.name, route(source, target, leaf, label, binary=settings.binary, standing=standing))
        for leaf, label in leaves
    ]
    return Plan(
        routes=tuple(route_ for _, route_ in found if route_ is not None),
        sequences=route_sequences(source, target, selection, numbered or {}),
        plugin="",
        binary_stream=False,
        replica_role=target.server.replica_role,
        source_version=source.server.version,
        target_version=target.server.version,
        unrouted=tuple(name for name, route_ in found if route_ is None),
        source_encoding=source.server.encoding,
    )


def complete(
    plan: Plan, plugin: str, published: tuple[Relation, ...], begun: tuple[Begun, ...]
) -> Plan:
    """The plan with how its changes will come."""
    binary = (
        plugin == PGOUTPUT
        and plan.source_version >= BINARY_STREAM
        and all(route_.binary for route_ in plan.routes)
    )
    return replace(plan, plugin=plugin, binary_stream=binary, published=published, begun=begun)


def published_by(
    source: Survey, leaves: Leaves, roots: Mapping[Name, Name], empty: Iterable[Relation]
) -> tuple[Relation, ...]:
    """What the publication names: roots where it can, else each partition by itself."""
    if source.server.version < PUBLISHED_ROOTS:
        return tuple(leaf for leaf, _ in leaves)
    labels = {label: source.by_name.get(roots.get(label, label), leaf) for leaf, label in leaves}
    return tuple({**{root.name: root for root in empty}, **labels}.values())


def as_begun(route_: Route) -> Begun:
    """What is remembered of a table from the beginning of its migration."""
    return Begun(
        oid=route_.source.oid,
        name=route_.source.name,
        label=route_.label,
        columns={
            column.number: (column.name, column.type_name) for column in route_.source.columns
        },
        goal=route_.target.oid,
        goal_columns={column.name: column.number for column in route_.target.columns},
        identity=route_.source.identity_numbers,
        formulas=route_.source.formulas,
        goal_formulas=route_.target.formulas,
    )
