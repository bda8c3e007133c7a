"""The tables whose schema is changed, as they are at a moment, and random rows for them.

Owns: schema ``evolving``, reading it back, and changes of rows that fit whatever it has become.
Knows nothing of migrations.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import psycopg
from psycopg import sql

NAME = "evolving"
# ``done`` says which of the changes have taken place, whatever became of the connection.
SCHEMA = """
CREATE SCHEMA evolving;
CREATE TYPE evolving.mood AS ENUM ('calm', 'wild');
CREATE TABLE evolving.done (n int PRIMARY KEY);
CREATE TABLE evolving.thing (id int PRIMARY KEY, note varchar(20), amount int, mood evolving.mood,
    price numeric(9, 2) NOT NULL DEFAULT 1);
CREATE INDEX thing_amount ON evolving.thing (amount);
CREATE TABLE evolving.spare (id int PRIMARY KEY, u int NOT NULL, "Odd name" text);
CREATE UNIQUE INDEX spare_u ON evolving.spare (u, id);
CREATE TABLE evolving.loose (a int, b text, c bigint);
ALTER TABLE evolving.loose REPLICA IDENTITY FULL;
CREATE TABLE evolving.day (id int, day int, v text, PRIMARY KEY (day, id)) PARTITION BY LIST (day);
CREATE TABLE evolving.day_1 PARTITION OF evolving.day FOR VALUES IN (1);
CREATE TABLE evolving.day_2 PARTITION OF evolving.day FOR VALUES IN (2);
CREATE TABLE evolving.day_rest PARTITION OF evolving.day DEFAULT;
"""
ROWS = """
INSERT INTO evolving.thing SELECT i, 'n' || i, i, 'calm', i % 90 FROM generate_series(1, 300) i;
INSERT INTO evolving.spare SELECT i, i, 'v' FROM generate_series(1, 100) i;
INSERT INTO evolving.loose SELECT i % 20, 'b', i FROM generate_series(1, 100) i;
INSERT INTO evolving.day SELECT i, i % 4, 'v' FROM generate_series(1, 300) i;
"""

_MOST_ROWS = 300
_LOOK = """
SELECT c.relname::text, c.relkind = 'p', c.relreplident = 'f', a.attname::text,
    pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
    a.attnum = ANY (coalesce(i.indkey::int2[], '{}'))
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relnamespace = 'evolving'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p')
AND NOT c.relispartition AND c.relname <> 'done' AND c.relname !~ '^(late|gone)_'
ORDER BY c.relname, a.attnum
"""
# How a value of a type is made of a number; by the beginning of the type's name.
_VALUES = {
    "integer": "{n}",
    "bigint": "{n}::bigint * 1000003",
    "numeric": "({n} % 1000) / 4.0",
    "double": "{n} / 7.0",
    "boolean": "{n} % 2 = 0",
    "character": "'w{n}'",
    "text": "'text {n}'",
    "jsonb": "jsonb_build_object('n', {n})",
    "timestamp": "'2026-01-01'::timestamp + {n} * interval '1 minute'",
    "evolving.mood": (
        "(enum_range(NULL::evolving.mood))"
        "[1 + {n} % array_length(enum_range(NULL::evolving.mood), 1)]"
    ),
}


@dataclass(frozen=True)
class Column:
    """A column as it is now."""

    name: str
    type_name: str
    not_null: bool
    in_key: bool


@dataclass(frozen=True)
class Table:
    """A table as it is now."""

    name: str
    partitioned: bool
    whole_rows: bool
    columns: tuple[Column, ...]

    @property
    def key(self) -> list[Column]:
        return [column for column in self.columns if column.in_key]

    @property
    def free(self) -> list[Column]:
        """What may be dropped, renamed or changed."""
        return [column for column in self.columns if not column.in_key]

    @property
    def sql(self) -> str:
        return f"evolving.{quoted(self.name)}"


def look(connection: psycopg.Connection[Any]) -> list[Table]:
    """All tables of the schema that are migrated."""
    columns: dict[tuple[str, bool, bool], list[Column]] = {}
    for name, partitioned, whole, *column in connection.execute(_LOOK).fetchall():
        columns.setdefault((name, partitioned, whole), []).append(Column(*column))
    return [Table(*table, tuple(found)) for table, found in columns.items()]


def change(table: Table, random: Random) -> str:
    """One random change of its rows."""
    n = random.randint(1, _MOST_ROWS)
    key = table.key
    where = f"{quoted(key[-1].name)} = {n}" if key else f"ctid = {_some_row(table, n)}"
    kind = random.random()
    if kind < 0.2 and (key or table.whole_rows):
        return f"DELETE FROM {table.sql} WHERE {where}"
    columns = table.free if kind < 0.6 else list(table.columns)
    if not columns:
        return ""
    if kind < 0.6 and (key or table.whole_rows):
        column = random.choice(columns)
        return f"UPDATE {table.sql} SET {quoted(column.name)} = {_value(column, n)} WHERE {where}"
    names = ", ".join(quoted(column.name) for column in columns)
    values = ", ".join(_value(column, random.randint(1, _MOST_ROWS)) for column in columns)
    return f"INSERT INTO {table.sql} ({names}) VALUES ({values}) ON CONFLICT DO NOTHING"


def quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None)


def _some_row(table: Table, n: int) -> str:
    return f"(SELECT ctid FROM {table.sql} OFFSET {n} % 50 LIMIT 1)"


def _value(column: Column, n: int) -> str:
    form = next(v for start, v in _VALUES.items() if column.type_name.startswith(start))
    return form.format(n=n)
