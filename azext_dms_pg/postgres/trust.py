"""Whether what stands in the schema ``dms_pg`` is ours alone.

Statements kept there are run, and a trigger on its tables would be: with our rights, which may be a
superuser's. Whoever could make that schema, write to it or hang something on it would have them too
(hazard 37). Asks the catalogue only; nothing of the schema itself is read or run before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres.quoting import identifier
from azext_dms_pg.postgres.statements import statement
from azext_dms_pg.postgres.survey import Doubt

if TYPE_CHECKING:
    from collections.abc import Collection

    import psycopg

# Told once for all tables: what mends it mends all.
_OF_ALL = ("owner", "writer")


def doubts(connection: psycopg.Connection[Any]) -> tuple[Doubt, ...]:
    """Who else has a hand in it; nothing if it is not there."""
    query = statement("catalog", "doubts", connection.info.server_version)
    found: dict[tuple[str, ...], Doubt] = {}
    # The last of several is told; of things that belong to others that is the schema.
    for kind, thing, name in connection.execute(query).fetchall():
        key = (kind, name or "") if kind in _OF_ALL else (kind, thing, name)
        found[key] = Doubt(kind, thing, name)
    return tuple(found.values())


def confirm(connection: psycopg.Connection[Any]) -> None:
    """:raises MigrationError: nothing that is kept there may be used."""
    for doubt in doubts(connection):
        what, remedy = explain(doubt)
        if doubt.kind == "owner":
            # Renamed, as before a migration, it would be lost to this one.
            thing = doubt.object if doubt.object.startswith("schema") else f"table {doubt.object}"
            remedy = f"ALTER {thing} OWNER TO {identifier(connection.info.user)};"
        raise MigrationError(
            f"What is kept in the schema dms_pg of the target is not the migration's alone: {what} "
            "Nothing of it was used, because the statements in dms_pg.deferred would be run with "
            "the rights of the target user.",
            "Have somebody who knows the database read what create_sql and validate_sql of "
            f"dms_pg.deferred say. Then run on the target: {remedy} Then restart the task.",
            code="CheckpointNotTrusted",
        )


def explain(doubt: Doubt) -> tuple[str, str]:
    """What is wrong, in a sentence, and the statement that mends it before a migration."""
    where, name = doubt.object, doubt.name
    if doubt.kind == "owner":
        return (
            f"{where} belongs to {name}, who has not the rights of the target user.",
            # No name in the comment: a line break in it would end the comment.
            "ALTER SCHEMA dms_pg RENAME TO dms_pg_data; -- after the migrations of its owner",
        )
    if doubt.kind == "writer":
        who = "everybody" if name is None else name
        role = "PUBLIC" if name is None else identifier(name)
        return (
            f"{who} may write to {where}.",
            f"REVOKE ALL ON ALL TABLES IN SCHEMA dms_pg FROM {role} CASCADE;",
        )
    if doubt.kind == "row security":
        return f"{where} has row security.", f"ALTER TABLE {where} DISABLE ROW LEVEL SECURITY;"
    if doubt.kind == "child":
        return f"{name} inherits from {where}.", f"ALTER TABLE {name} NO INHERIT {where};"
    return (
        f"{where} has the {doubt.kind} {name}.",
        f"DROP {doubt.kind.upper()} {identifier(name or '')} ON {where};",
    )


def grants(connection: psycopg.Connection[Any]) -> list[tuple[str, str | None]]:
    """The schema and our tables in it, with every role but the owner that has rights on it.

    Without such a role it is None; "" is everybody.
    """
    query = statement("catalog", "grants", connection.info.server_version)
    return connection.execute(query).fetchall()


def take_back(connection: psycopg.Connection[Any], before: Collection[str]) -> None:
    """Undo what ALTER DEFAULT PRIVILEGES has given away of what is new.

    :param before: what was there already: rights on it were given on purpose.
    """
    for name, role in grants(connection):
        if role is None or name in before:
            continue
        thing = sql.SQL("SCHEMA {}" if name == "dms_pg" else "TABLE dms_pg.{}")
        who = sql.Identifier(role) if role else sql.SQL("PUBLIC")
        connection.execute(
            sql.SQL("REVOKE ALL ON {} FROM {}").format(thing.format(sql.Identifier(name)), who)
        )
