"""Creating and dropping the publication a migration streams from.

The publication lists every table that holds rows, leaf by leaf, so that a change always comes
under the name of the table it was copied from. It must exist before the slot and stay as it is:
tables added later would miss changes (hazard 6). Making and dropping may be done again.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from azext_dms_pg.errors import ServerError
from azext_dms_pg.postgres.connect import views_allowed
from azext_dms_pg.postgres.relations import ReplicaIdentity
from azext_dms_pg.postgres.sqlstate import translate
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from azext_dms_pg.postgres.relations import Relation

_PUBLICATIONS = 100000
# First version whose publications may publish a partitioned table's changes under the root.
_VIA_ROOT = 130000
# First versions whose publications publish TRUNCATE and generated columns.
_TRUNCATE = 110000
_GENERATED = 180000


@dataclass(frozen=True)
class Published:
    """The migration's publication as it was made; ``xmin`` tells of every change to a row.

    :param tables: OID of each table that is listed → ``xmin`` of its row.
    """

    oid: int
    xmin: str
    options: str
    tables: dict[int, str]


def create(
    connection: psycopg.Connection[Any], name: str, tables: Iterable[Relation]
) -> Published | None:
    """Create the publication, replacing one of that name left by a start that was cut short.

    It is returned as it was made, to be compared with what somebody may make of it later.

    :param tables: plain tables and leaf partitions; at least one.
    """
    tables = tuple(tables)
    version = connection.info.server_version
    operations = "insert, update, delete" + (", truncate" if version >= _TRUNCATE else "")
    options: list[sql.Composable] = [sql.SQL("publish = {}").format(sql.Literal(operations))]
    if version >= _VIA_ROOT:
        options.append(sql.SQL("publish_via_partition_root = false"))
    if version >= _GENERATED and any(_identity_is_generated(table) for table in tables):
        # Otherwise every UPDATE of such a table would fail on the source from now on.
        options.append(sql.SQL("publish_generated_columns = stored"))
    # ONLY keeps the children of plain inheritance out; they are listed by themselves.
    listed = [
        sql.SQL("ONLY {}").format(sql.Identifier(table.name.schema, table.name.name))
        for table in tables
    ]
    with _advised(connection, "creating the publication"), connection.transaction():
        drop(connection, name)
        connection.execute(
            sql.SQL("{}CREATE PUBLICATION {} FOR TABLE {} WITH ({})").format(
                # Event triggers have functions.
                views_allowed(version),
                sql.Identifier(name),
                sql.SQL(", ").join(listed),
                sql.SQL(", ").join(options),
            )
        )
        return published(connection, name)


def published(connection: psycopg.Connection[Any], name: str) -> Published | None:
    """The publication as it is; None when there is none of that name."""
    version = connection.info.server_version
    row = connection.execute(
        statement("replication", "publication", version), {"name": name}
    ).fetchone()
    if row is None:
        return None
    tables = connection.execute(
        statement("replication", "publication_tables", version), {"oid": row[0]}
    ).fetchall()
    oid, xmin, options = row
    return Published(oid, xmin, options, dict(tables))


def drop(connection: psycopg.Connection[Any], name: str) -> None:
    """Drop the publication if it is there; a server before 10 has none."""
    if connection.info.server_version < _PUBLICATIONS:
        return
    # Asked before: event triggers fire even for what is not there.
    if published(connection, name) is None:
        return
    with _advised(connection, "dropping the publication"):
        connection.execute(
            sql.SQL("{}DROP PUBLICATION IF EXISTS {}").format(
                views_allowed(connection.info.server_version), sql.Identifier(name)
            )
        )


@contextmanager
def _advised(connection: psycopg.Connection[Any], doing: str) -> Iterator[None]:
    """Name the source's event triggers when a function of theirs may have refused."""
    try:
        yield
    except psycopg.Error as error:
        failure = translate(error, "source", doing)
        if failure.retryable or failure.action or connection.broken:
            raise
        rows = connection.execute(
            "SELECT pg_catalog.format('ALTER EVENT TRIGGER %I DISABLE;', evtname)"
            " FROM pg_catalog.pg_event_trigger WHERE evtenabled OPERATOR(pg_catalog.<>) 'D'"
        ).fetchall()
        if not rows:
            raise
        raise ServerError(
            failure.message,
            "If one of the source's event triggers has refused, disable it there until the task "
            f"has ended, and go on: {' '.join(row[0] for row in rows)}",
            side="source",
            sqlstate=failure.sqlstate,
        ) from error


def _identity_is_generated(table: Relation) -> bool:
    generated = {column.name for column in table.columns if column.generated}
    if table.replica_identity is ReplicaIdentity.FULL:
        return bool(generated)
    return not generated.isdisjoint(table.identity_key)


def tables_of(connection: psycopg.Connection[Any], name: str) -> frozenset[tuple[str, str]]:
    """Schema and name of every table the publication lists; empty when it does not exist."""
    rows = connection.execute(
        "SELECT n.nspname::text, c.relname::text FROM pg_publication p"
        " JOIN pg_publication_rel r ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = %s",
        (name,),
    ).fetchall()
    return frozenset((schema, table) for schema, table in rows)
