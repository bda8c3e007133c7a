"""The bookkeeping on the target: how far one migration durably is.

The truth about the target lives on the target, in schema ``dms_pg``, and commits together with
the data it speaks of; the local store only mirrors it (hazards 7, 14, 16). Every function takes
an open connection; none opens or closes one, none commits unless it says so.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres.relations import Name
from azext_dms_pg.postgres.trust import confirm, grants, take_back

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "dms_pg"
# The last holds a row for each migration; the others refer to it.
_TABLES = ("deferred", "loaded_part", "filled_table", "migration")
# A session that was told to end rolls back first.
_FAREWELL_SECONDS, _FAREWELL_PAUSE = 30.0, 0.1
FORMAT = 3

# Phases, in order. ``loading``: a crash empties the tables and begins anew. ``indexing``: all rows
# are there, indexes are missing. ``loaded``: the stream is to be followed from progress_lsn.
# ``cutover``: the fence is applied, what is left is restoring and tidying. ``complete``: only the
# bookkeeping itself is left to drop.
PREPARED = "prepared"
LOADING = "loading"
INDEXING = "indexing"
LOADED = "loaded"
CUTOVER = "cutover"
COMPLETE = "complete"

SET_PROGRESS = "UPDATE dms_pg.migration SET progress_lsn = %s WHERE id OPERATOR(pg_catalog.=) %s"
INSERT_PART = (
    "INSERT INTO dms_pg.loaded_part (migration, part, rows, bytes) VALUES (%s, %s, %s, %s)"
)


@dataclass(frozen=True)
class Checkpoint:
    """One row of ``dms_pg.migration``.

    :param source_system: system identifier of the source cluster, to notice a swapped server.
    :param plan: JSON the conductor keeps with it.
    :param consistent_lsn: the slot's consistent point; None until the slot exists.
    :param progress_lsn: end of the last source commit applied; None until the load is done.
    """

    id: str
    source_system: str
    slot: str
    publication: str
    phase: str
    plan: str
    consistent_lsn: int | None
    progress_lsn: int | None


def parse_lsn(text: str) -> int:
    """``16/B374D848`` as one 64-bit integer."""
    high, low = text.split("/")
    return (int(high, 16) << 32) | int(low, 16)


def format_lsn(lsn: int) -> str:
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def install(connection: psycopg.Connection[Any]) -> None:
    """Create the schema and its tables unless they are there. Needs CREATE on the database.

    :raises MigrationError: what is there is not ours alone.
    """
    script = files("azext_dms_pg.postgres").joinpath("queries/checkpoint.sql").read_text("utf-8")
    with connection.transaction():
        # IF NOT EXISTS alone still loses a race between two databases' workers.
        lock_bookkeeping(connection)
        confirm(connection)
        before = {name for name, _ in grants(connection)}
        connection.execute(sql.SQL(script))
        take_back(connection, before)


def lock_bookkeeping(connection: psycopg.Connection[Any]) -> None:
    """Until the end of the transaction no other migration begins or ends here."""
    connection.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s)", (_key(SCHEMA),))


def is_installed(connection: psycopg.Connection[Any]) -> bool:
    """Whether there is bookkeeping that this user may read; the name alone proves nothing."""
    row = connection.execute(
        "SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
        " AND pg_catalog.has_table_privilege(c.oid, 'SELECT')"
        " FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
        " JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid"
        " WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_pg'"
        " AND c.relname OPERATOR(pg_catalog.=) 'migration'"
        " AND c.relkind OPERATOR(pg_catalog.=) 'r'"
        " AND a.attname OPERATOR(pg_catalog.=) 'progress_lsn'"
    ).fetchone()
    return bool(row and row[0])


def begin(connection: psycopg.Connection[Any], checkpoint: Checkpoint) -> None:
    connection.execute(
        "INSERT INTO dms_pg.migration (id, format, source_system, slot, publication, phase, plan)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            checkpoint.id,
            FORMAT,
            checkpoint.source_system,
            checkpoint.slot,
            checkpoint.publication,
            checkpoint.phase,
            checkpoint.plan,
        ),
    )


def read(connection: psycopg.Connection[Any], migration_id: str) -> Checkpoint | None:
    """The migration's row, or None when this database has none.

    :raises MigrationError: the row was written by a newer version, or may be somebody else's.
    """
    if not is_installed(connection):
        return None
    confirm(connection)
    row = connection.execute(
        "SELECT format, source_system, slot, publication, phase, plan,"
        " consistent_lsn::text, progress_lsn::text"
        " FROM dms_pg.migration WHERE id OPERATOR(pg_catalog.=) %s",
        (migration_id,),
    ).fetchone()
    if row is None:
        return None
    if row[0] != FORMAT:
        raise MigrationError(
            f"The bookkeeping on the target has format {row[0]}; this version reads {FORMAT}.",
            "Go on with the version of the extension that began this migration.",
            code="CheckpointFormat",
        )
    return Checkpoint(
        id=migration_id,
        source_system=row[1],
        slot=row[2],
        publication=row[3],
        phase=row[4],
        plan=row[5],
        consistent_lsn=None if row[6] is None else parse_lsn(row[6]),
        progress_lsn=None if row[7] is None else parse_lsn(row[7]),
    )


def set_phase(connection: psycopg.Connection[Any], migration_id: str, phase: str) -> None:
    connection.execute(
        "UPDATE dms_pg.migration SET phase = %s WHERE id OPERATOR(pg_catalog.=) %s",
        (phase, migration_id),
    )


def start_load(connection: psycopg.Connection[Any], migration_id: str, consistent_lsn: int) -> None:
    """Note the new slot's consistent point; progress starts there once the load is done."""
    connection.execute(
        "UPDATE dms_pg.migration SET phase = %s, consistent_lsn = %s, progress_lsn = %s"
        " WHERE id OPERATOR(pg_catalog.=) %s",
        (LOADING, format_lsn(consistent_lsn), format_lsn(consistent_lsn), migration_id),
    )


def keep_plan(connection: psycopg.Connection[Any], migration_id: str, plan: str) -> None:
    connection.execute(
        "UPDATE dms_pg.migration SET plan = %s WHERE id OPERATOR(pg_catalog.=) %s",
        (plan, migration_id),
    )


def set_progress(connection: psycopg.Connection[Any], migration_id: str, lsn: int) -> None:
    connection.execute(SET_PROGRESS, (format_lsn(lsn), migration_id))


def insert_part(
    connection: psycopg.Connection[Any], migration_id: str, part: str, rows: int, size: int
) -> None:
    connection.execute(INSERT_PART, (migration_id, part, rows, size))


def loaded_parts(
    connection: psycopg.Connection[Any], migration_id: str
) -> dict[str, tuple[int, int]]:
    """Rows and bytes of every part that is durably on the target."""
    rows = connection.execute(
        "SELECT part, rows, bytes FROM dms_pg.loaded_part"
        " WHERE migration OPERATOR(pg_catalog.=) %s",
        (migration_id,),
    ).fetchall()
    return {part: (count, size) for part, count, size in rows}


def note_filled(
    connection: psycopg.Connection[Any], migration_id: str, tables: Iterable[tuple[Name, bool]]
) -> None:
    """Remember which tables the migration will fill; they were empty (or given up) before.

    :param tables: name and whether statements on it need ONLY.
    """
    rows = [(migration_id, only, name.schema, name.name) for name, only in tables]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO dms_pg.filled_table"
            " (migration, relation, relation_name, only_itself, relation_oid)"
            " SELECT %s, n.nspname, c.relname, %s, c.oid"
            " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
            " ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
            " WHERE n.nspname OPERATOR(pg_catalog.=) %s AND c.relname OPERATOR(pg_catalog.=) %s"
            " ON CONFLICT DO NOTHING",
            rows,
        )


def empty_filled(connection: psycopg.Connection[Any], migration_id: str) -> None:
    """Truncate every table the migration filled and forget its parts. Needs a transaction.

    One that was renamed meanwhile is still ours; one that was created anew is known by its name.
    """
    rows = connection.execute(
        "SELECT n.nspname, c.relname, f.only_itself FROM dms_pg.filled_table f"
        " JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) f.relation_oid"
        "  OR (c.relname OPERATOR(pg_catalog.=) f.relation_name AND NOT EXISTS ("
        "   SELECT 1 FROM pg_catalog.pg_class o"
        "   WHERE o.oid OPERATOR(pg_catalog.=) f.relation_oid))"
        " JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
        "  AND (c.oid OPERATOR(pg_catalog.=) f.relation_oid"
        "   OR n.nspname OPERATOR(pg_catalog.=) f.relation)"
        " WHERE f.migration OPERATOR(pg_catalog.=) %s",
        (migration_id,),
    ).fetchall()
    if rows:
        names = [
            sql.SQL("ONLY {}" if only else "{}").format(sql.Identifier(schema, name))
            for schema, name, only in rows
        ]
        connection.execute(sql.SQL("TRUNCATE TABLE {}").format(sql.SQL(", ").join(names)))
    connection.execute(
        "DELETE FROM dms_pg.loaded_part WHERE migration OPERATOR(pg_catalog.=) %s",
        (migration_id,),
    )


def filled_oids(connection: psycopg.Connection[Any], migration_id: str) -> list[int]:
    """The tables the migration has filled, as far as they are still there."""
    rows = connection.execute(
        "SELECT c.oid FROM dms_pg.filled_table f"
        " JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) f.relation_oid"
        " WHERE f.migration OPERATOR(pg_catalog.=) %s",
        (migration_id,),
    ).fetchall()
    return [oid for (oid,) in rows]


def renamed(connection: psycopg.Connection[Any], migration_id: str) -> dict[Name, Name]:
    """What tables that were filled are called now, by the names they had; only the changed."""
    rows = connection.execute(
        "SELECT f.relation, f.relation_name, n.nspname, c.relname FROM dms_pg.filled_table f"
        " JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) f.relation_oid"
        " JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
        " WHERE f.migration OPERATOR(pg_catalog.=) %s"
        " AND (n.nspname OPERATOR(pg_catalog.<>) f.relation"
        "  OR c.relname OPERATOR(pg_catalog.<>) f.relation_name)",
        (migration_id,),
    ).fetchall()
    return {Name(*row[:2]): Name(*row[2:]) for row in rows}


def forget(connection: psycopg.Connection[Any], migration_id: str) -> None:
    """Remove every trace of this migration; tables and schema go with the last one.

    Only what ``install`` made, and nothing that somebody else's objects need: those are theirs.
    """
    if not is_installed(connection):
        return
    with connection.transaction():
        lock_bookkeeping(connection)
        if not is_installed(connection):
            return
        confirm(connection)
        for table in _TABLES[:-1]:
            connection.execute(
                sql.SQL("DELETE FROM dms_pg.{} WHERE migration OPERATOR(pg_catalog.=) %s").format(
                    sql.Identifier(table)
                ),
                (migration_id,),
            )
        connection.execute(
            "DELETE FROM dms_pg.migration WHERE id OPERATOR(pg_catalog.=) %s", (migration_id,)
        )
        left = connection.execute("SELECT 1 FROM dms_pg.migration LIMIT 1").fetchone()
        if left is None:
            for table in _TABLES:
                _drop_unless_needed(
                    connection,
                    sql.SQL("DROP TABLE IF EXISTS dms_pg.{}").format(sql.Identifier(table)),
                )
            _drop_unless_needed(connection, sql.SQL("DROP SCHEMA dms_pg"))


def _drop_unless_needed(
    connection: psycopg.Connection[Any], statement: sql.SQL | sql.Composed
) -> None:
    """It stays, empty, if anything depends on it or it belongs to another role."""
    refused = (psycopg.errors.DependentObjectsStillExist, psycopg.errors.InsufficientPrivilege)
    with suppress(*refused), connection.transaction():
        connection.execute(statement)


def try_lock(connection: psycopg.Connection[Any], migration_id: str) -> bool:
    """Take the session-level lock that lets one worker at a time drive this migration."""
    row = connection.execute(
        "SELECT pg_catalog.pg_try_advisory_lock(%s)", (_key(migration_id),)
    ).fetchone()
    return bool(row and row[0])


def take_lock(connection: psycopg.Connection[Any], migration_id: str) -> bool:
    """``try_lock``, after ending a dead predecessor of ours that still holds it.

    A server notices that a client has gone only when it next reads from it: a session in a long
    statement, or in a queue for a table lock, outlives its worker. Sessions under exactly the
    application name of ``connection`` are such: whoever uses a name with an owner in it holds a
    lock file, so that no two live at a time.
    """
    high, low = divmod(_key(migration_id) % (1 << 64), 1 << 32)
    deadline = time.monotonic() + _FAREWELL_SECONDS
    while not try_lock(connection, migration_id):
        ended = connection.execute(
            "SELECT pg_catalog.pg_terminate_backend(lock.pid)"
            " FROM pg_catalog.pg_locks AS lock"
            " JOIN pg_catalog.pg_stat_activity AS holder USING (pid)"
            " WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1"
            " AND lock.classid = %s::bigint::oid AND lock.objid = %s::bigint::oid"
            " AND holder.datname = pg_catalog.current_database()"
            " AND holder.application_name = pg_catalog.current_setting('application_name')",
            (high, low),
        ).fetchall()
        if not ended or time.monotonic() > deadline:
            # It may have let go between the two looks.
            return try_lock(connection, migration_id)
        time.sleep(_FAREWELL_PAUSE)
    return True


def _key(text: str) -> int:
    digest = hashlib.sha256(f"dms_pg:{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
