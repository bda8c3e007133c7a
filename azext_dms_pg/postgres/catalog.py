"""Reads a database's catalogue into a ``Survey``, in one round trip a topic.

Owns: which statements that takes. It judges nothing: what a survey means for a migration is for
the stages above. Sources reach back to 9.5.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row, tuple_row

from azext_dms_pg.postgres import assemble
from azext_dms_pg.postgres.relations import Name, RelKind
from azext_dms_pg.postgres.statements import statement
from azext_dms_pg.postgres.survey import (
    Claim,
    Detail,
    EventTrigger,
    ForeignKey,
    OpenTransaction,
    OwnSchema,
    PreparedTransaction,
    Rule,
    Server,
    Slot,
    Survey,
    Trigger,
    UncheckedDomain,
)
from azext_dms_pg.postgres.trust import doubts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azext_dms_pg.postgres.relations import Relation

# EXISTS terms asked for in one statement; each opens its table, so not thousands at a time.
_PROBES = 200


def survey(connection: psycopg.Connection[Any], *, contents: bool = False) -> Survey:
    """Survey the database this connection is to, in one read-only snapshot.

    :param connection: from ``connect.connect``; inside a transaction it sees what that has made.
    :param contents: also find out which tables hold rows (for a target).
    """
    alone = connection.info.transaction_status is TransactionStatus.IDLE
    with connection.transaction():
        if alone:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # A table that somebody holds locked makes the survey fail instead of hang.
        connection.execute("SET LOCAL lock_timeout = '30s'")
        return _Reader(connection).survey(contents=contents)


def surveys(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], *, contents: bool = False
) -> tuple[Survey, Survey]:
    """Survey both databases, at the same time: each takes some thirty round trips.

    :param contents: also find out which tables of the target hold rows.
    """
    with ThreadPoolExecutor(1) as beside:
        there = beside.submit(survey, target, contents=contents)
        return survey(source), there.result()


def claims(connection: psycopg.Connection[Any]) -> tuple[Claim, ...]:
    """What migrations into this database fill; their bookkeeping must be there."""
    query = statement("catalog", "claims", connection.info.server_version)
    rows = connection.execute(sql.SQL(query)).fetchall()
    return tuple(
        Claim(migration, slot, Name(schema, name), itself)
        for migration, slot, schema, name, itself in rows
    )


class _Reader:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._version = connection.info.server_version

    def survey(self, *, contents: bool) -> Survey:
        server = self._server()
        columns = self._named("columns")
        types = assemble.types(self._named("types"), server.settings, server.version)
        rows = self._named("relations")
        relations = assemble.relations(
            rows, columns, self._named("indexes"), types, server.block_size
        )
        details = {row.oid: assemble.detail(row) for row in rows}
        if contents:
            details |= self._contents(relations, details)
        names = {row.oid: Name(row.schema, row.name) for row in rows}
        return Survey(
            server=server,
            relations=relations,
            details=details,
            others=assemble.others(rows, names),
            sequences=assemble.sequences(self._named("sequences"), names),
            extensions=dict(self._rows("extensions")),
            available=self._available_extensions(),
            enums=assemble.enums(self._named("enums")),
            collations=assemble.collations(columns, names),
            foreign_keys=tuple(
                ForeignKey(name, names[table], names[references], validated)
                for name, table, references, validated in self._rows("foreign_keys")
                if table in names and references in names
            ),
            triggers=tuple(
                Trigger(name, names[table], enabled)
                for name, table, enabled in self._rows("triggers")
                if table in names
            ),
            rules=tuple(
                Rule(name, names[table], enabled)
                for name, table, enabled in self._rows("rules")
                if table in names
            ),
            event_triggers=tuple(EventTrigger(*row) for row in self._rows("event_triggers")),
            schemas=frozenset(name for (name,) in self._rows("schemas")),
            own_schema=self._own_schema(),
            open_transactions=tuple(
                OpenTransaction(*row) for row in self._rows("open_transactions")
            ),
            prepared_transactions=tuple(
                PreparedTransaction(*row) for row in self._rows("prepared_transactions")
            ),
            unchecked_domains=tuple(
                UncheckedDomain(
                    Name(row.schema, row.name),
                    row.constraint_name,
                    row.definition,
                    frozenset(names[oid] for oid in row.relations if oid in names),
                )
                for row in self._named("unchecked_domains")
            ),
        )

    def _own_schema(self) -> OwnSchema | None:
        found = assemble.own_schema(self._rows("own_schema"))
        if found is None:
            return None
        found = replace(found, doubts=doubts(self._connection))
        if found.doubts:
            # Not even read: a column's type may have a cast that is somebody else's function.
            return found
        readable = {one.relation for one in found.objects if one.is_ours and one.may_write}
        if not {"migration", "filled_table"} <= readable:
            return found
        return replace(found, claims=claims(self._connection))

    def _server(self) -> Server:
        (row,) = self._named("server")
        facts = row._asdict()
        facts["roles"] = frozenset(facts["roles"])
        return Server(
            **facts,
            system_identifier=self._system_identifier(),
            replica_role=self._may_set_replica_role(),
            settings=dict(self._rows("settings")),
            slots=tuple(Slot(*slot) for slot in self._rows("slots")),
        )

    def _system_identifier(self) -> str | None:
        try:
            with self._connection.transaction():
                ((identifier,),) = self._rows("system_identifier")
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFunction):
            return None
        return str(identifier)

    def _available_extensions(self) -> dict[str, str]:
        # Reads every control file of the installation; one broken file must not stop a migration
        # that needs none of them.
        try:
            with self._connection.transaction():
                return dict(self._rows("available_extensions"))
        except psycopg.errors.Error:
            return {}

    def _may_set_replica_role(self) -> bool:
        # Superusers may, and so may the administrators of some managed servers: only trying tells.
        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute("SET LOCAL session_replication_role = replica")
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True

    def _contents(
        self, relations: tuple[Relation, ...], details: dict[int, Detail]
    ) -> dict[int, Detail]:
        """Details with ``has_rows``; a table without pages needs no asking."""
        found = {}
        ask = []
        for relation in relations:
            detail = details[relation.oid]
            if relation.pages == 0 and relation.kind is RelKind.TABLE:
                found[relation.oid] = replace(detail, has_rows=False)
            elif relation.kind is RelKind.TABLE and self._may_read(detail):
                ask.append(relation)
        for chunk in _chunks(ask, _PROBES):
            terms = [
                sql.SQL("EXISTS (SELECT 1 FROM ONLY {})").format(
                    sql.Identifier(relation.name.schema, relation.name.name)
                )
                for relation in chunk
            ]
            query = sql.SQL("SELECT {}").format(sql.SQL(", ").join(terms))
            cursor = self._connection.cursor(row_factory=tuple_row)
            answers = cursor.execute(query).fetchone() or ()
            for relation, answer in zip(chunk, answers, strict=True):
                found[relation.oid] = replace(details[relation.oid], has_rows=answer)
        return found

    def _may_read(self, detail: Detail) -> bool:
        """Also where policies would make the question an error (row_security is off)."""
        return detail.select and detail.schema_usage and not detail.row_security

    def _named(self, name: str) -> list[Any]:
        cursor = self._connection.cursor(row_factory=namedtuple_row)
        return list(cursor.execute(self._statement(name)))

    def _rows(self, name: str) -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor(row_factory=tuple_row)
        return list(cursor.execute(self._statement(name)))

    def _statement(self, name: str) -> sql.SQL:
        # Our own file, not a name from anywhere: nothing to quote.
        return sql.SQL(statement("catalog", name, self._version))


def _chunks(items: list[Relation], size: int) -> Iterator[list[Relation]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
