"""How large the source tables are, and whether they are still the tables the snapshot saw.

A snapshot protects from changes to rows, not from a table being rewritten under it: after ALTER
TABLE … TYPE it looks empty to an older snapshot, and after VACUUM FULL or CLUSTER a row stands
in another block, so that ranges of blocks read before and after it overlap or leave gaps. Neither
is an error to the server. Locking every table for hours would be worse for a source in
production, so it is noticed instead: each table's file and the versions of its pg_attribute rows
are read when the load starts and again when it has ended.

Owns those queries. Knows nothing of how rows are copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from azext_dms_pg.engine.load.parts import TID_RANGE_SINCE, Size
from azext_dms_pg.engine.values import Plan, Route
from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres.sqlstate import translate
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from azext_dms_pg.postgres.relations import Column

_INTEGERS = {"smallint", "integer", "bigint"}


@dataclass(frozen=True)
class Print:
    """What changes when a table is rewritten or its columns are altered."""

    file: int | None
    columns: str


@dataclass(frozen=True)
class Measured:
    """By OID of the source table."""

    sizes: Mapping[int, Size]
    prints: Mapping[int, Print]


def measure(connection: psycopg.Connection[Any], plan: Plan, *, large: int) -> Measured:
    """Measure all tables of the plan, in the snapshot this transaction reads.

    :param large: tables of more bytes may be cut by key where they cannot be cut by block.
    """
    try:
        found = _read(connection, plan.routes)
        sizes = {oid: size for oid, (size, _) in found.items()}
        if plan.source_version < TID_RANGE_SINCE:
            for route in plan.routes:
                size = sizes.get(route.source.oid)
                if size is not None and size.bytes > large:
                    keys = _keys(connection, route)
                    sizes[route.source.oid] = Size(size.bytes, size.pages, keys)
    except psycopg.Error as error:
        raise translate(error, "source", "measuring the tables") from error
    return Measured(sizes, {oid: seen for oid, (_, seen) in found.items()})


def check_unchanged(
    connection: psycopg.Connection[Any],
    plan: Plan,
    before: Mapping[int, Print],
    cut_by_block: Iterable[int],
) -> frozenset[int]:
    """Make sure that no table was rewritten since ``before`` was taken, where that does harm.

    Returned are those whose file is another one although no harm was done.

    :param connection: must read the present, not the snapshot.
    :param cut_by_block: OIDs of tables that were copied in ranges of blocks.
    :raises MigrationError: one was; the load must begin anew (code ``SnapshotLost``).
    """
    try:
        now = _read(connection, plan.routes)
    except psycopg.Error as error:
        raise translate(error, "source", "checking the tables") from error
    by_block = set(cut_by_block)
    anew: set[int] = set()
    for route in plan.routes:
        oid = route.source.oid
        old = before.get(oid)
        new = now[oid][1] if oid in now else None
        altered = old is None or new is None or old.columns != new.columns
        moved = old is not None and new is not None and old.file != new.file
        if altered or (moved and oid in by_block):
            raise MigrationError(
                f"Table {route.source.name} was {'altered' if altered else 'rewritten'} on the "
                "source while it was copied, so the copy cannot be trusted.",
                "The load begins anew; keep ALTER TABLE, VACUUM FULL and CLUSTER off the "
                "selected tables until it is done.",
                code="SnapshotLost",
            )
        if moved:
            anew.add(oid)
    return frozenset(anew)


def wal_position(connection: psycopg.Connection[Any]) -> int:
    """Where the source's WAL ends: everything visible now was committed before."""
    query = statement("replication", "insert_position", connection.info.server_version)
    try:
        row = connection.execute(query.encode()).fetchone()
    except psycopg.Error as error:
        raise translate(error, "source", "checking the tables") from error
    return 0 if row is None else int(row[0])


def _read(
    connection: psycopg.Connection[Any], routes: Iterable[Route]
) -> dict[int, tuple[Size, Print]]:
    oids = [route.source.oid for route in routes]
    query = statement("load", "sizes", connection.info.server_version)
    rows = connection.execute(query.encode(), (oids,)).fetchall()
    return {
        oid: (Size(size or 0, pages or 0), Print(file, columns or ""))
        for oid, size, pages, file, columns in rows
    }


def _keys(connection: psycopg.Connection[Any], route: Route) -> tuple[int, int] | None:
    """Bounds of the integer that leads the primary key, from its index; None without one."""
    column = _leading(route)
    if column is None or column.type_name not in _INTEGERS:
        return None
    name = sql.Identifier(column.name)
    row = connection.execute(
        sql.SQL("SELECT pg_catalog.min({0})::int8, pg_catalog.max({0})::int8 FROM ONLY {1}").format(
            name, sql.Identifier(route.source.name.schema, route.source.name.name)
        )
    ).fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


def _leading(route: Route) -> Column | None:
    if not route.source.key:
        return None
    return next(
        (column for column in route.source.columns if column.name == route.source.key[0]), None
    )
