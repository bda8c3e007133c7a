"""The rows of ``dms_pg.deferred``: what is away, and how to bring it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.types.json import Jsonb

from azext_dms_pg.engine.deferral.renaming import with_columns, with_names
from azext_dms_pg.postgres.checkpoint import renamed
from azext_dms_pg.postgres.relations import Name
from azext_dms_pg.postgres.trust import confirm

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import psycopg

# Kinds, in the order they come back.
INDEX = "index"
CONSTRAINT = "constraint"
UNCHECKED = "unchecked"
FOREIGN_KEY = "foreign_key"
TRIGGER = "trigger"
RULE = "rule"

# States of a row.
DROPPED = "dropped"
RESTORED = "restored"
VALIDATED = "validated"


class Listed(NamedTuple):
    """A column that a foreign key lists, and what it was called when the key was taken away.

    :param whose: ``own`` for the table that has the key, or ``referred``.
    """

    whose: str
    table: int
    number: int
    name: str


@dataclass(frozen=True)
class Deferred:
    """One object taken away.

    :param name: of the object, on ``table``.
    :param drop: statement that takes it away; empty when read back from the ledger.
    :param create: statements that bring it back, in order.
    :param validate: statement that checks the rows once it is back, or None.
    :param columns: those the first statement lists; empty when read back from the ledger.
    """

    kind: str
    table: Name
    name: str
    create: tuple[str, ...]
    validate: str | None = None
    drop: str = ""
    columns: tuple[Listed, ...] = ()
    ordinal: int = 0
    state: str = DROPPED

    @property
    def subject(self) -> str:
        """As findings name it."""
        return f"{self.table}.{self.name}"

    @property
    def script(self) -> str:
        """Everything that is left to do, for the user to run by hand."""
        steps = self.create if self.state == DROPPED else ()
        last = () if self.validate is None or self.state == VALIDATED else (self.validate,)
        return " ".join(f"{step};" for step in (*steps, *last))


def record(
    connection: psycopg.Connection[Any], migration_id: str, items: Sequence[Deferred]
) -> None:
    """Save the definitions; call it in the transaction that drops the objects.

    An object that was away before, came back and goes away again is recorded anew; unless it is
    back without the check of its rows that it had: then what the catalogue says of it is not all.
    """
    unchecked = _unchecked(connection, migration_id)
    again = [unchecked[_key(item)] for item in items if _key(item) in unchecked]
    mark(connection, migration_id, again, DROPPED)
    items = tuple(item for item in items if _key(item) not in unchecked)
    with connection.cursor() as cursor:
        cursor.executemany(
            "DELETE FROM dms_pg.deferred WHERE migration = %s AND kind = %s"
            " AND relation = %s AND relation_name = %s AND name = %s",
            [
                (migration_id, item.kind, item.table.schema, item.table.name, item.name)
                for item in items
            ],
        )
        cursor.execute(
            "SELECT coalesce(max(ordinal), 0) FROM dms_pg.deferred WHERE migration = %s",
            (migration_id,),
        )
        row = cursor.fetchone()
        first = (row[0] if row else 0) + 1
        cursor.executemany(
            "INSERT INTO dms_pg.deferred (migration, ordinal, kind, relation, relation_name,"
            " name, create_sql, validate_sql, columns, state)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    migration_id,
                    ordinal,
                    item.kind,
                    item.table.schema,
                    item.table.name,
                    item.name,
                    list(item.create),
                    item.validate,
                    Jsonb(item.columns),
                    DROPPED,
                )
                for ordinal, item in enumerate(items, first)
            ],
        )


def _unchecked(
    connection: psycopg.Connection[Any], migration_id: str
) -> dict[tuple[str, str], Deferred]:
    back = pending(connection, migration_id, [FOREIGN_KEY])
    return {_key(item): item for item in back if item.state == RESTORED}


def _key(item: Deferred) -> tuple[str, str]:
    return item.kind, item.subject


def pending(
    connection: psycopg.Connection[Any], migration_id: str, kinds: Iterable[str]
) -> tuple[Deferred, ...]:
    """Rows that still need something, in the order their objects were taken away.

    Tables and columns that were renamed meanwhile, as the source's were, have their present names.

    :raises MigrationError: somebody else may have written what is to be run.
    """
    confirm(connection)
    names = renamed(connection, migration_id)
    rows = connection.execute(
        "SELECT kind, relation, relation_name, name, create_sql, validate_sql, columns, ordinal,"
        " state"
        " FROM dms_pg.deferred WHERE migration = %s AND kind = ANY(%s)"
        " AND (state = %s OR (state = %s AND validate_sql IS NOT NULL)) ORDER BY ordinal",
        (migration_id, list(kinds), DROPPED, RESTORED),
    ).fetchall()
    present = _present(connection, [Listed(*each) for row in rows for each in row[6]])
    return tuple(
        Deferred(
            kind=kind,
            table=names.get(Name(schema, table), Name(schema, table)),
            name=name,
            create=tuple(
                with_names(step, names) for step in _with_present(create, columns, present)
            ),
            validate=None if validate is None else with_names(validate, names),
            ordinal=ordinal,
            state=state,
        )
        for kind, schema, table, name, create, validate, columns, ordinal, state in rows
    )


def _present(
    connection: psycopg.Connection[Any], columns: Collection[Listed]
) -> dict[tuple[int, int], str]:
    """What columns are called now, by table and number; a dropped one is not among them."""
    if not columns:
        return {}
    rows = connection.execute(
        "SELECT a.attrelid::pg_catalog.int8, a.attnum, a.attname::pg_catalog.text"
        " FROM ROWS FROM (pg_catalog.unnest(%s::pg_catalog.int8[]),"
        " pg_catalog.unnest(%s::pg_catalog.int8[])) AS k (relation, n)"
        " JOIN pg_catalog.pg_attribute AS a"
        " ON a.attrelid::pg_catalog.int8 OPERATOR(pg_catalog.=) k.relation"
        " AND a.attnum::pg_catalog.int8 OPERATOR(pg_catalog.=) k.n AND NOT a.attisdropped",
        ([each.table for each in columns], [each.number for each in columns]),
    ).fetchall()
    return {(relation, number): name for relation, number, name in rows}


def _with_present(
    create: Sequence[str], columns: Iterable[Sequence[Any]], present: Mapping[tuple[int, int], str]
) -> list[str]:
    names: dict[str, dict[str, str]] = {"own": {}, "referred": {}}
    for whose, table, number, name in columns:
        now = present.get((table, number), name)
        if now != name:
            names[whose][name] = now
    if not any(names.values()):
        return list(create)
    first, *rest = create
    return [with_columns(first, names["own"], names["referred"]), *rest]


def claim(
    connection: psycopg.Connection[Any],
    migration_id: str,
    items: Iterable[Deferred],
    state: str,
) -> tuple[Deferred, ...]:
    """Lock the rows and return the items in that state, so that nobody does a step twice."""
    items = tuple(items)
    rows = connection.execute(
        "SELECT ordinal FROM dms_pg.deferred WHERE migration = %s AND ordinal = ANY(%s)"
        " AND state = %s ORDER BY ordinal FOR UPDATE",
        (migration_id, [item.ordinal for item in items], state),
    ).fetchall()
    open_ = {ordinal for (ordinal,) in rows}
    return tuple(item for item in items if item.ordinal in open_)


def mark(
    connection: psycopg.Connection[Any],
    migration_id: str,
    items: Iterable[Deferred],
    state: str,
) -> None:
    """Note the new state; call it in the transaction that did the step."""
    connection.execute(
        "UPDATE dms_pg.deferred SET state = %s WHERE migration = %s AND ordinal = ANY(%s)",
        (state, migration_id, [item.ordinal for item in items]),
    )
