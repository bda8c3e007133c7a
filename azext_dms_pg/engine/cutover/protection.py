"""Makes the source read-only for the cutover, on request: no write can be lost after the fence.

``ALTER DATABASE … SET default_transaction_read_only`` is what every new session begins with; the
sessions that are there are ended. It is a guard rail, not a wall: a session may set it off again.
Our own sessions set it off at their start (``postgres.connect``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from azext_dms_pg.errors import ConflictError
from azext_dms_pg.postgres.boundary import translated

if TYPE_CHECKING:
    import psycopg

_RIGHTS = """
SELECT pg_has_role(d.datdba, 'USAGE') OR r.rolsuper AS may_alter,
       r.rolsuper OR (SELECT pg_has_role(s.oid, 'USAGE') FROM pg_roles s
                      WHERE s.rolname = 'pg_signal_backend') AS may_end,
       r.rolsuper, pg_get_userbyid(d.datdba)
FROM pg_database d, pg_roles r
WHERE d.datname = current_database() AND r.rolname = current_user
"""
# Sessions of the migration name themselves; walsenders of others only read.
_OTHERS = """
FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND a.application_name NOT LIKE 'dms-pg %'
  AND NOT EXISTS (SELECT FROM pg_stat_replication w WHERE w.pid = a.pid)
"""
_BEFORE = """
SELECT split_part(setting, '=', 2) FROM pg_db_role_setting s, unnest(s.setconfig) AS c(setting)
WHERE s.setrole = 0 AND split_part(setting, '=', 1) = 'default_transaction_read_only'
  AND s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def require_rights(source: psycopg.Connection[Any]) -> None:
    """:raises ConflictError: the user may not protect this database; nothing was touched."""
    with translated("source", "looking at the rights to make it read-only"):
        row = source.execute(_RIGHTS.encode()).fetchone()
        may_alter, may_end, superuser, owner = row or (False, False, False, "")
        others = source.execute(
            f"SELECT DISTINCT a.usename, r.rolsuper {_OTHERS}".encode()
        ).fetchall()
    user, database = source.info.user, source.info.dbname
    if not may_alter:
        raise ConflictError(
            f"--make-source-read-only: {user} may not alter the source database {database!r}, "
            f"which belongs to {owner}.",
            f'GRANT "{owner}" TO "{user}"; or let its owner run ALTER DATABASE "{database}" SET '
            "default_transaction_read_only = on and end the sessions, then cut over without it.",
            code="MayNotProtectSource",
        )
    foreign = sorted(name for name, is_super in others if name != user and not may_end)
    above = sorted(name for name, is_super in others if is_super and not superuser)
    if foreign or above:
        names = ", ".join(dict.fromkeys(foreign + above))
        raise ConflictError(
            f"--make-source-read-only: {user} may not end the sessions of {names} on the source.",
            "End them yourself first"
            + (f', or GRANT pg_signal_backend TO "{user}";' if foreign and not above else "."),
            code="MayNotProtectSource",
        )


def setting_before(source: psycopg.Connection[Any]) -> str:
    """``on``, ``off``, or empty: what the database's own setting is."""
    with translated("source", "reading the database's settings"):
        row = source.execute(_BEFORE.encode()).fetchone()
    return str(row[0]) if row else ""


def protect(source: psycopg.Connection[Any]) -> int:
    """Make the database read-only for new sessions and end the others; how many were ended."""
    _set(source, "on")
    with translated("source", "ending the sessions on the database"):
        # Whoever is just connecting has read the old setting: ask until nobody is left.
        ended = 0
        for _ in range(3):
            rows = source.execute(
                f"SELECT pg_terminate_backend(a.pid) {_OTHERS}".encode()
            ).fetchall()
            ended += len(rows)
            if not rows:
                break
            source.execute(b"SELECT pg_sleep(0.1)")
    return ended


def release(source: psycopg.Connection[Any], before: str) -> None:
    """Give the database back the setting it had."""
    _set(source, before)


def undo_statement(database: str, before: str) -> str:
    """What somebody can run to take the protection back."""
    verb = (
        f"SET default_transaction_read_only = {before}"
        if before
        else ("RESET default_transaction_read_only")
    )
    quoted = database.replace('"', '""')
    return f'ALTER DATABASE "{quoted}" {verb};'


def _set(source: psycopg.Connection[Any], value: str) -> None:
    database = sql.Identifier(source.info.dbname)
    if value:
        statement = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}").format(
            database, sql.Literal(value)
        )
    else:
        statement = sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(
            database
        )
    with translated("source", "setting default_transaction_read_only"):
        source.execute(statement)
