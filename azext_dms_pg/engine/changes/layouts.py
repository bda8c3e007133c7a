"""Fits tables of the stream to the target as it is now, or says how they do not fit (hazard 23).

What the catalogues say is asked by ``present``, what old names mean by ``past``. Knows no plugin.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from azext_dms_pg.engine.changes.layout import Layout, Matching
from azext_dms_pg.engine.changes.past import former_names, name_now, remade
from azext_dms_pg.engine.faults import BinaryImpossibleError, SchemaDriftError
from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres.changes import StreamRelation
from azext_dms_pg.postgres.relations import ReplicaIdentity

if TYPE_CHECKING:
    from collections.abc import Collection

    from azext_dms_pg.engine.changes.layout import Equality, TargetColumn
    from azext_dms_pg.engine.changes.present import Present, SourceTable, TargetTable
    from azext_dms_pg.engine.values import Plan, Route
    from azext_dms_pg.postgres.changes import StreamColumn
    from azext_dms_pg.postgres.relations import Name

# OIDs below are the same on every server: they are assigned by hand, not by initdb or users.
_FIRST_USER_OID = 16384


class Layouts:
    """Makes layouts for one follower."""

    def __init__(self, plan: Plan, present: Present) -> None:
        self._plan = plan
        self._present = present

    def fit(
        self,
        relation: StreamRelation,
        route: Route,
        key: tuple[str, ...] | None = None,
        recent: Collection[str] = (),
    ) -> Layout:
        """The layout for a table as the stream now describes it.

        The stream may speak of a past that both sides have left: columns may have come and gone
        since. What counts is that nothing the source still has is without a place on the target.

        :param key: columns to find rows by, when the caller knows better than the plan.
        :param recent: columns of which the stream has not shown that they were there by then.
        :raises SchemaDriftError: the target lacks a column, or has it with another type.
        :raises BinaryImpossibleError: it fits, but only as text.
        :raises ServerError: a server cannot be asked.
        """
        table = self._present.target_table(route, relation)
        if table is None:
            raise _drift(relation, route, f"The target no longer has the table {route.target.name}")
        picks = self._pick(relation, route, table)
        picked = tuple(picks.values())
        names = [column.name for column in picked]
        here = {relation.columns[at].name: column.name for at, column in picks.items()}
        loaded = self._plan.loaded.get(route.source.oid)
        key = tuple(here.get(name, name) for name in key or _key(relation, route, here))
        if not set(key) <= set(names):
            raise _drift(relation, route, f"The target's key columns {key!r} are not in the stream")
        index = next((each for each in table.unique if each.keys() <= set(key)), None)
        return Layout(
            route=route,
            relation=relation,
            columns=picked,
            stream_names=tuple(here),
            picks=None if len(picks) == len(relation.columns) else tuple(picks),
            key=tuple(names.index(name) for name in key),
            equals=tuple(_equalities(table.columns[name], index) for name in key),
            rest=tuple(
                column
                for column in table.columns.values()
                if column not in picked and not column.generated
            ),
            recent=tuple(at for at, name in enumerate(here) if name in recent),
            matching=_matching(relation, route, key),
            binary=self._plan.binary_stream,
            indexed=index is not None,
            sparse_until=loaded.sparse_until if loaded is not None else 0,
        )

    def refuse_newcomer(self, oid: int, name: Name) -> None:
        """Look at a table the plan does not know before its rows are passed over.

        :raises SchemaDriftError: it is a partition, made since, of a table that is migrated.
        """
        plan, above = self._plan, self._present.ancestors(oid)
        roots = {*plan.labels, *plan.empty_roots, *(table.name for table in plan.published)}
        for root in roots & above:
            raise SchemaDriftError(
                f"{root} has a new partition {name} on the source.",
                "Nothing: the task makes its plan again and goes on.",
                label=root,
                relation=StreamRelation(oid, name, None, ()),
            )

    def source_oid(self, name: Name) -> int | None:
        """The source's table that has this name now."""
        return self._present.source_oid(name)

    def numbers_begun(self, route: Route) -> dict[str, int]:
        """Numbers of the columns when the migration began."""
        tables = (table for table in self._plan.begun if table.oid == route.source.oid)
        return {name: number for table in tables for number, (name, _) in table.columns.items()}

    def identity_throughout(self, route: Route) -> tuple[int, ...]:
        """Numbers of the columns the replica identity writes; none if it was another one once."""
        now = route.source.identity_numbers
        begun = (table.identity for table in self._plan.begun if table.oid == route.source.oid)
        return now if now == next(begun, ()) else ()

    def _pick(
        self, relation: StreamRelation, route: Route, table: TargetTable
    ) -> dict[int, TargetColumn]:
        """Places on the target for columns of the stream, by their position there."""
        today = self._present.source_table(route)
        former = self._former_names(relation, route, today)
        picks: dict[int, TargetColumn] = {}
        for at, column in enumerate(relation.columns):
            if self._is_computed(route, column.name, today):
                continue
            place = former.get(column.name, column.name)
            if place is None:
                continue  # dropped, and another one has its name
            found = table.columns.get(place)
            if found is None:
                name = self._name_now(relation, route, column.name, today)
                if name is None:
                    continue  # dropped on both sides since
                found = table.columns.get(name)
            if found is None:
                raise _drift(relation, route, f"The target has no column {column.name!r}")
            if found.generated:
                if self._lost_expression(route, found.name, today):
                    raise _drift(relation, route, f"The target still computes {found.name!r}")
                continue
            self._check_type(relation, route, column, found, table.formatted[at], today)
            picks[at] = found
        return picks

    @staticmethod
    def _is_computed(route: Route, column: str, today: SourceTable) -> bool:
        """Whether a column of the stream has its values from an expression."""
        if column in today.types:
            return column in today.generated
        return any(had.generated for had in route.source.columns if had.name == column)

    def _lost_expression(self, route: Route, column: str, today: SourceTable) -> bool:
        """Whether a column that was generated when it was loaded is an ordinary one now."""
        loaded = self._plan.loaded.get(route.source.oid)
        number = next((number for number, name in today.names.items() if name == column), 0)
        return loaded is not None and number in loaded.generated and column not in today.generated

    def _former_names(
        self, relation: StreamRelation, route: Route, today: SourceTable
    ) -> dict[str, str | None]:
        """:raises SchemaDriftError: since the plan a name has become another column's."""
        if not today.names:
            return {}  # the table is gone, and with it what its names could mean
        names = [column.name for column in relation.columns]
        planned = {column.name: column.number for column in route.source.columns}
        other = remade(names, planned, today.names)
        if other is not None:
            raise _drift(relation, route, f"The column {other!r} is another one now")
        former = former_names(names, today.names, today.generated, self.numbers_begun(route))
        if former is None:
            raise MigrationError(
                f"The names of columns of {route.label} have changed places on the source, and "
                "what the change stream means by them cannot be told.",
                "Cancel the task and begin anew; change the schema before or after a migration.",
                code="SchemaUnclear",
            )
        return former

    def _name_now(
        self, relation: StreamRelation, route: Route, column: str, today: SourceTable
    ) -> str | None:
        return name_now(
            column,
            [each.name for each in relation.columns],
            {each.name: each.number for each in route.source.columns},
            today.names,
            self.numbers_begun(route),
            self._kin(route),
        )

    def _kin(self, route: Route) -> dict[str, str | None]:
        """Columns of the beginning as a partition of the same table that was there has them now."""
        loaded = self._plan.loaded
        if route.source.oid in loaded:
            return {}
        for other in self._plan.routes:
            if other.label == route.label and other.source.oid in loaded:
                names = self._present.source_table(other).names
                return {name: names.get(at) for name, at in self.numbers_begun(other).items()}
        return {}

    def _check_type(
        self,
        relation: StreamRelation,
        route: Route,
        column: StreamColumn,
        found: TargetColumn,
        formatted: str | None,
        today: SourceTable,
    ) -> None:
        before = next((had for had in route.source.columns if had.name == column.name), None)
        now = today.types.get(found.name)
        is_as_planned = now is None or (before is not None and before.type_name == now)
        if column.type_oid == 0:
            # test_decoding does not say how long or precise a type is. The target judges each
            # value as it reads it, but it may round silently.
            if not is_as_planned and now != found.type_name:
                raise _types_differ(relation, route, column, now, found)
            return
        builtin = column.type_oid < _FIRST_USER_OID
        if before is not None and (
            formatted == before.type_name if builtin else before.type_oid == column.type_oid
        ):
            return
        # New, or not as it was planned. Rounding to the target's old scale would lose silently.
        # Where the source has come back to the type that was accepted, there is nothing to mend.
        if not is_as_planned and now != found.type_name:
            raise _types_differ(relation, route, column, now, found)
        if self._plan.binary_stream and not (builtin and column.type_oid == found.type_oid):
            raise BinaryImpossibleError(
                f"Values of {route.label}.{column.name} cannot be carried in binary form."
            )


def _key(relation: StreamRelation, route: Route, here: dict[str, str]) -> tuple[str, ...]:
    """The plan's key as long as the source still writes it, else what it writes now.

    (hazard 3: the replica identity may change at any time.)

    :param here: names on the target of the stream's columns.
    """
    if relation.identity in (None, ReplicaIdentity.FULL):
        return route.key
    if relation.identity is ReplicaIdentity.NOTHING:
        return ()
    written = tuple(column.name for column in relation.columns if column.identifies)
    planned = {here.get(name, name) for name in route.key}
    return route.key if route.key and planned <= {here.get(name) for name in written} else written


def _equalities(
    column: TargetColumn, index: dict[str, tuple[Equality, ...]] | None
) -> tuple[Equality, ...]:
    """How a column of the key is compared.

    As a unique index of the target does, where there is one: then no more than one row can be
    found, and the row that has the very same values is. Without one the source may have rows with
    keys that the column's own equality does not keep apart; they are told by how they are printed.
    """
    if index is None:
        return (column.equals,)
    return index.get(column.name) or (replace(column.equals, printed=False),)


def _drift(relation: StreamRelation, route: Route, what: str) -> SchemaDriftError:
    return SchemaDriftError(
        f"{what} (table {route.label}).",
        f"Make {route.target.name} on the target like {relation.name} on the source; the task "
        "goes on by itself.",
        label=route.label,
        relation=relation,
    )


def _types_differ(
    relation: StreamRelation,
    route: Route,
    column: StreamColumn,
    now: str | None,
    found: TargetColumn,
) -> SchemaDriftError:
    return _drift(
        relation,
        route,
        f"The column {column.name!r} is {now} on the source and {found.type_name} on the target",
    )


def _matching(relation: StreamRelation, route: Route, key: tuple[str, ...]) -> Matching:
    if key:
        return Matching.KEY
    if relation.identity is ReplicaIdentity.FULL or (
        relation.identity is None and route.source.replica_identity is ReplicaIdentity.FULL
    ):
        return Matching.WHOLE
    return Matching.NEVER
