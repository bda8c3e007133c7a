"""Fits tables of the stream to the target as it is now, or says how they do not fit (hazard 23).

Owns a target session of its own that only reads the catalogue. Knows no plugin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azext_dms_pg.engine.changes.layout import Layout, Matching, TargetColumn
from azext_dms_pg.engine.changes.past import name_now
from azext_dms_pg.engine.faults import BinaryImpossibleError, SchemaDriftError
from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.changes import StreamRelation
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.relations import Name, ReplicaIdentity
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from azext_dms_pg.engine.values import Plan, Route
    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.changes import StreamColumn

# OIDs below are the same on every server: they are assigned by hand, not by initdb or users.
_FIRST_USER_OID = 16384


class Layouts:
    """Makes layouts for one follower."""

    def __init__(self, plan: Plan, source: Connection, target: Connection) -> None:
        self._plan = plan
        self._source = source
        self._target = target
        self._session: Any = None
        self._source_session: Any = None

    def fit(
        self, relation: StreamRelation, route: Route, key: tuple[str, ...] | None = None
    ) -> Layout:
        """The layout for a table as the stream now describes it.

        The stream may speak of a past that both sides have left: columns may have come and gone
        since. What counts is that nothing the source still has is without a place on the target.

        :param key: columns to find rows by, when the caller knows better than the plan.
        :raises SchemaDriftError: the target lacks a column, or has it with another type.
        :raises BinaryImpossibleError: it fits, but only as text.
        :raises ServerError: a server cannot be asked.
        """
        table = self._ask(route, relation)
        today = self._look_at_source(route)
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
                if today.lost_expression(found.name, self._plan, route):
                    raise _drift(relation, route, f"The target still computes {found.name!r}")
                continue
            self._check_type(relation, route, column, found, table.formatted[at], today)
            picks[at] = found
        picked = tuple(picks.values())
        names = [column.name for column in picked]
        here = {relation.columns[at].name: column.name for at, column in picks.items()}
        loaded = self._plan.loaded.get(route.source.oid)
        key = tuple(here.get(name, name) for name in key or _key(relation, route, here))
        if not set(key) <= set(names):
            raise _drift(relation, route, f"The target's key columns {key!r} are not in the stream")
        return Layout(
            route=route,
            relation=relation,
            columns=picked,
            stream_names=tuple(here),
            picks=None if len(picks) == len(relation.columns) else tuple(picks),
            key=tuple(names.index(name) for name in key),
            rest=tuple(
                column
                for column in table.columns.values()
                if column not in picked and not column.generated
            ),
            matching=_matching(relation, route, key),
            binary=self._plan.binary_stream,
            indexed=any(unique <= set(key) for unique in table.unique),
            sparse_until=loaded.sparse_until if loaded is not None else 0,
        )

    def refuse_newcomer(self, oid: int, name: Name) -> None:
        """Look at a table the plan does not know before its rows are passed over.

        :raises SchemaDriftError: it is a partition, made since, of a table that is migrated.
        """
        with connect(self._source, "source", "look") as session, translated("source"):
            query = statement("drift", "ancestors", session.info.server_version)
            above = {Name(*row) for row in session.execute(query, {"oid": oid}).fetchall()}
        plan = self._plan
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
        with connect(self._source, "source", "look") as session, translated("source"):
            query = statement("apply", "oid", session.info.server_version)
            row = session.execute(query, {"schema": name.schema, "name": name.name}).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        for session in (self._session, self._source_session):
            if session is not None:
                session.close()
        self._session = self._source_session = None

    def _ask(self, route: Route, relation: StreamRelation) -> _Table:
        if self._session is None or self._session.closed:
            self._session = connect(self._target, "target", "look")
        session, name = self._session, route.target.name
        version = session.info.server_version
        with translated("target", f"looking at {name}"):
            found = session.execute(
                statement("apply", "oid", version), {"schema": name.schema, "name": name.name}
            ).fetchone()
            if found is None:
                raise _drift(relation, route, f"The target no longer has the table {name}")
            oid = {"oid": found[0]}
            rows = session.execute(statement("apply", "columns", version), oid).fetchall()
            unique = session.execute(statement("apply", "unique_keys", version), oid).fetchall()
            types = session.execute(
                statement("apply", "type_names", version),
                {
                    "types": [column.type_oid for column in relation.columns],
                    "modifiers": [column.modifier for column in relation.columns],
                },
            ).fetchall()
        columns = {
            row[0]: TargetColumn(
                row[0], row[1], row[2], row[3], row[4], row[5], row[6] or "OPERATOR(pg_catalog.=)"
            )
            for row in rows
        }
        return _Table(
            columns, [frozenset(row[0] or ()) for row in unique], [row[0] for row in types]
        )

    def _look_at_source(self, route: Route) -> _Today:
        """The source's columns as they are now; the stream may speak of others."""
        if self._source_session is None or self._source_session.closed:
            self._source_session = connect(self._source, "source", "look")
        session = self._source_session
        with translated("source", f"looking at {route.source.name}"):
            query = statement("apply", "source_attributes", session.info.server_version)
            rows = session.execute(query, {"oid": route.source.oid}).fetchall()
        return _Today(
            names={number: name for number, name, _, _ in rows},
            types={name: type_ for _, name, type_, _ in rows if name is not None},
            generated=frozenset(name for _, name, _, generated in rows if name and generated),
        )

    def _is_computed(self, route: Route, column: str, today: _Today) -> bool:
        """Whether a column of the stream has its values from an expression."""
        if column in today.types:
            return column in today.generated
        return any(had.generated for had in route.source.columns if had.name == column)

    def _former_names(
        self, relation: StreamRelation, route: Route, today: _Today
    ) -> dict[str, str | None]:
        """What the stream's names mean today, where other columns have them since.

        The stream names columns in the order of their numbers, which never change, and leaves
        out none that was there. None is a column that was dropped.

        :raises SchemaDriftError: they have changed places, or were made anew, since the plan.
        """
        if not today.names:
            return {}  # the table is gone, and with it what its names could mean
        planned = {column.name: column.number for column in route.source.columns}
        live = {name: number for number, name in today.names.items() if name is not None}
        for column in relation.columns:
            name = column.name
            before = planned.get(name)
            if name in live and before is not None and today.names.get(before) != name:
                raise _drift(relation, route, f"The column {name!r} is another one now")
        names = [column.name for column in relation.columns]
        ordinary = {name: number for name, number in live.items() if name not in today.generated}
        # What the beginning knew by that name, else what has come since.
        numbers = {**live, **self.numbers_begun(route)}
        as_begun = all(name in numbers for name in names) and _ascend(numbers, names)
        # A name that is gone shows that the stream speaks of the past; then another name may
        # have been given to another column since.
        past = as_begun and any(name not in live for name in names)
        if not past and _ascend(live, names) and not _leaves_out(ordinary, names):
            return {}
        if not as_begun:
            raise MigrationError(
                f"The names of columns of {route.label} have changed places on the source, and "
                "what the change stream means by them cannot be told.",
                "Cancel the task and begin anew; change the schema before or after a migration.",
                code="SchemaUnclear",
            )
        return {name: today.names.get(numbers[name]) for name in names}

    def numbers_begun(self, route: Route) -> dict[str, int]:
        """Numbers of the columns when the migration began."""
        tables = (table for table in self._plan.begun if table.oid == route.source.oid)
        return {name: number for table in tables for number, (name, _) in table.columns.items()}

    def _name_now(
        self, relation: StreamRelation, route: Route, column: str, today: _Today
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
                names = self._look_at_source(other).names
                return {name: names.get(at) for name, at in self.numbers_begun(other).items()}
        return {}

    def _check_type(
        self,
        relation: StreamRelation,
        route: Route,
        column: StreamColumn,
        found: TargetColumn,
        formatted: str | None,
        today: _Today,
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


@dataclass(frozen=True)
class _Table:
    """:param formatted: the types the stream speaks of, as SQL; None for those of users."""

    columns: dict[str, TargetColumn]
    unique: list[frozenset[str]]
    formatted: list[str | None]


@dataclass(frozen=True)
class _Today:
    """The source's table as it is now; empty when it is gone.

    :param names: by number; None is a dropped column.
    """

    names: dict[int, str | None]
    types: dict[str, str]
    generated: frozenset[str]

    def lost_expression(self, column: str, plan: Plan, route: Route) -> bool:
        """Whether a column that was generated when it was loaded is an ordinary one now."""
        loaded = plan.loaded.get(route.source.oid)
        number = next((number for number, name in self.names.items() if name == column), 0)
        return loaded is not None and number in loaded.generated and column not in self.generated


def _ascend(numbers: dict[str, int], names: list[str]) -> bool:
    found = [numbers[name] for name in names if name in numbers]
    return found == sorted(found)


def _leaves_out(numbers: dict[str, int], names: list[str]) -> bool:
    """Whether columns are missing that were there when the last of these was."""
    last = max((numbers[name] for name in names if name in numbers), default=0)
    missing = sum(number < last for name, number in numbers.items() if name not in names)
    return missing > sum(name not in numbers for name in names)


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
