"""What both catalogues say of a table at this moment, for the layouts of the stream.

Owns a session on either side that only looks; opened when first asked, and again once lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azext_dms_pg.engine.changes.layout import Equality, TargetColumn
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.relations import Name
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from azext_dms_pg.engine.values import Route
    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.changes import StreamRelation
    from azext_dms_pg.postgres.connect import Side

_EQUALS = "OPERATOR(pg_catalog.=)"


@dataclass(frozen=True)
class TargetTable:
    """The target's table.

    :param unique: of every unique index its columns, and how it compares them.
    :param formatted: the types the stream speaks of, as SQL; None for those of users.
    """

    columns: dict[str, TargetColumn]
    unique: list[dict[str, tuple[Equality, ...]]]
    formatted: list[str | None]


@dataclass(frozen=True)
class SourceTable:
    """The source's table; empty when it is gone.

    :param names: by number; None is a dropped column.
    """

    names: dict[int, str | None]
    types: dict[str, str]
    generated: frozenset[str]


class Present:
    """Asks both servers.

    :raises ServerError: (all methods) a server cannot be asked.
    """

    def __init__(self, source: Connection, target: Connection) -> None:
        self._ends = {"source": source, "target": target}
        self._sessions: dict[str, Any] = {}

    def target_table(self, route: Route, relation: StreamRelation) -> TargetTable | None:
        """The table a route leads to; None when there is no table of that name."""
        session, name = self.session("target"), route.target.name
        version = session.info.server_version
        with translated("target", f"looking at {name}"):
            found = session.execute(
                statement("apply", "oid", version), {"schema": name.schema, "name": name.name}
            ).fetchone()
            if found is None:
                return None
            oid = {"oid": found[0]}
            rows = session.execute(statement("apply", "columns", version), oid).fetchall()
            keys = session.execute(statement("apply", "unique_keys", version), oid).fetchall()
            types = session.execute(
                statement("apply", "type_names", version),
                {
                    "types": [column.type_oid for column in relation.columns],
                    "modifiers": [column.modifier for column in relation.columns],
                },
            ).fetchall()
        columns = {
            name: TargetColumn(
                name, oid, type_, identity, generated, base,
                Equality(equals or _EQUALS, printed=vague),
            )
            for name, oid, type_, identity, generated, base, equals, vague in rows
        }  # fmt: skip
        unique: dict[int, dict[str, tuple[Equality, ...]]] = {}
        for index, column, operator, collation in keys:
            compared = unique.setdefault(index, {})
            # An index may have a column twice, in two collations.
            equality = Equality(operator or _EQUALS, collation or "")
            compared[column] = (*compared.get(column, ()), equality)
        return TargetTable(columns, list(unique.values()), [row[0] for row in types])

    def source_table(self, route: Route) -> SourceTable:
        """The columns of a route's beginning, as they are by now."""
        session = self.session("source")
        with translated("source", f"looking at {route.source.name}"):
            query = statement("apply", "source_attributes", session.info.server_version)
            rows = session.execute(query, {"oid": route.source.oid}).fetchall()
        return SourceTable(
            names={number: name for number, name, _, _ in rows},
            types={name: type_ for _, name, type_, _ in rows if name is not None},
            generated=frozenset(name for _, name, _, generated in rows if name and generated),
        )

    def source_oid(self, name: Name) -> int | None:
        """The source's table that has this name now."""
        session = self.session("source")
        with translated("source"):
            query = statement("apply", "oid", session.info.server_version)
            row = session.execute(query, {"schema": name.schema, "name": name.name}).fetchone()
        return row[0] if row else None

    def ancestors(self, oid: int) -> set[Name]:
        """Tables of which a table of the source is a partition, at any remove."""
        session = self.session("source")
        with translated("source"):
            query = statement("drift", "ancestors", session.info.server_version)
            return {Name(*row) for row in session.execute(query, {"oid": oid}).fetchall()}

    def close(self) -> None:
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    def session(self, side: Side) -> Any:
        """The session there, for whoever else has to look at something in the same thread."""
        session = self._sessions.get(side)
        if session is None or session.closed:
            session = self._sessions[side] = connect(self._ends[side], side, "look")
        return session
