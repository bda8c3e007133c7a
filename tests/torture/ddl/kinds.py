"""The schema changes by name: the statement, how often it is drawn, and how the task may end.

Owns the table and the choice of table, column and type; ``reshaper`` runs what is made here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.torture.ddl import partitions, sequences
from tests.torture.ddl.tables import Column, Table, quoted

# Tables as they are now, random numbers, and a number that no other change has.
Make = Callable[[list[Table], Random, int], str]

_NEW = (
    "int", "bigint", "varchar(30)", "text", "numeric(9, 2)", "boolean", "jsonb", "float8",
    "evolving.mood", "timestamp",
)  # fmt: skip
_DEFAULTS = {
    "int": "7", "bigint": "-7", "text": "'it''s'", "numeric(9, 2)": "1.50", "boolean": "true",
    "evolving.mood": "'calm'", "varchar(30)": "''",
}  # fmt: skip
# Columns of the beginning whose names no other column ever gets.
_FIRST = frozenset({"amount", "mood", "price", "u", "a", "b", "c", "v"})
# From the beginning of a type's name to those that hold its values without another meaning, also
# those still on their way: a boolean is sent as 't', and ALTER makes 'true' of it.
_WIDER = {
    "integer": ("bigint", "numeric"),
    "numeric(9,2)": ("numeric(12, 2)", "numeric(14, 4)", "numeric"),
    "character varying": ("text", "varchar(60)"),
    "bigint": ("numeric",),
}


@dataclass(frozen=True)
class Kind:
    """One kind of schema change.

    :param codes: errors one of which must end the task; without any it must go on.
    :param told: the finding that must be made of it.
    :param plugin: the only one with which that is so: a publication holds the tables it was made
        for, and no table of it may become unlogged.
    """

    make: Make
    weight: float = 1.0
    codes: frozenset[str] = frozenset()
    told: str = ""
    plugin: str = ""


def _any(tables: list[Table], random: Random) -> str:
    return random.choice(tables).sql


def _plain(tables: list[Table], random: Random) -> Table:
    return random.choice([table for table in tables if not table.partitioned])


def _column(
    tables: list[Table], random: Random, fits: Callable[[Column], bool] = lambda _: True
) -> tuple[str, Column] | None:
    found = [(table.sql, column) for table in tables for column in table.free if fits(column)]
    return random.choice(found) if found else None


def _add(tables: list[Table], random: Random, n: int) -> str:
    # Now and then a name that another column had before.
    table = random.choice(tables)
    name = random.choice([f"c{n}", f"c{n}", "again", "Odd name", "note"])
    if name in {column.name for column in table.columns}:
        name = f"c{n}"
    return f"ALTER TABLE {table.sql} ADD COLUMN {quoted(name)} {random.choice(_NEW)}"


def _add_default(tables: list[Table], random: Random, n: int) -> str:
    kind = random.choice(sorted(_DEFAULTS))
    strict = random.choice(["", " NOT NULL"])
    return (
        f"ALTER TABLE {_any(tables, random)} ADD COLUMN d{n} {kind}{strict}"
        f" DEFAULT {_DEFAULTS[kind]}"
    )


def _drop(tables: list[Table], random: Random, n: int) -> str:
    # Of one that came and went meanwhile it cannot always be told that it was not renamed; then
    # the task ends with SchemaUnclear.
    found = _column(tables, random, lambda column: column.name in _FIRST)
    return f"ALTER TABLE {found[0]} DROP COLUMN {quoted(found[1].name)}" if found else ""


def _rename(tables: list[Table], random: Random, n: int) -> str:
    columns = [
        (table.sql, column) for table in tables if not table.partitioned for column in table.columns
    ]
    table, column = random.choice(columns)
    return f"ALTER TABLE {table} RENAME COLUMN {quoted(column.name)} TO r{n}"


def _swap(tables: list[Table], random: Random, n: int) -> str:
    """Two columns change names."""
    # With one that came meanwhile it cannot always be told which is which; as with ``_drop``.
    first = {
        table.sql: [column for column in table.free if column.name in _FIRST] for table in tables
    }
    rich = [table for table in tables if len(first[table.sql]) > 1]
    if not rich:
        return ""
    table = random.choice(rich)
    one, other = (quoted(column.name) for column in random.sample(first[table.sql], 2))
    rename = f"ALTER TABLE {table.sql} RENAME COLUMN"
    return f"{rename} {one} TO swap{n}; {rename} {other} TO {one}; {rename} swap{n} TO {other}"


def _widen(tables: list[Table], random: Random, n: int) -> str:
    found = _column(tables, random, lambda column: bool(_wider(column)))
    if found is None:
        return ""
    table, column = found
    return (
        f"ALTER TABLE {table} ALTER COLUMN {quoted(column.name)}"
        f" TYPE {random.choice(_wider(column))}"
    )


def _wider(column: Column) -> tuple[str, ...]:
    return next((to for of, to in _WIDER.items() if column.type_name.startswith(of)), ())


def _to_text(tables: list[Table], random: Random, n: int) -> str:
    """A rewrite that keeps what the values say; nothing casts them back."""
    found = _column(tables, random, lambda column: column.type_name in {"integer", "bigint"})
    if found is None:
        return ""
    table, column = found
    name = quoted(column.name)
    return f"ALTER TABLE {table} ALTER COLUMN {name} TYPE text USING {name}::text"


def _other_values(tables: list[Table], random: Random, n: int) -> str:
    table = next(table for table in tables if table.partitioned)
    return (
        f"INSERT INTO {table.sql} (id, day) VALUES (-1, 1), (-2, 2);"
        f" ALTER TABLE {table.sql} ALTER COLUMN id TYPE bigint USING id * 10"
    )


def _nullable(tables: list[Table], random: Random, n: int) -> str:
    found = _column(tables, random, lambda column: column.not_null and column.name != "u")
    if found is None:
        return ""
    table, column = found
    return f"ALTER TABLE {table} ALTER COLUMN {quoted(column.name)} DROP NOT NULL"


def _rename_table(tables: list[Table], random: Random, n: int) -> str:
    table = _plain(tables, random)
    return f"ALTER TABLE {table.sql} RENAME TO {quoted(f'Moved {n}')}"


def _label(tables: list[Table], random: Random, n: int) -> str:
    place = random.choice(["", " BEFORE 'calm'", " AFTER 'calm'"])
    return f"ALTER TYPE evolving.mood ADD VALUE 'm{n} it''s'{place}"


def _drop_table(tables: list[Table], random: Random, n: int) -> str:
    plain = [table for table in tables if not table.partitioned]
    return f"DROP TABLE {random.choice(plain).sql}" if len(plain) > 1 else ""


def _index(tables: list[Table], random: Random, n: int) -> str:
    found = _column(tables, random, lambda column: column.type_name != "jsonb")
    return f"CREATE INDEX extra_{n} ON {found[0]} ({quoted(found[1].name)})" if found else ""


def _identity(tables: list[Table], random: Random, n: int) -> str:
    table = _plain(tables, random)
    if not table.key:
        return ""
    return f"ALTER TABLE {table.sql} REPLICA IDENTITY {random.choice(['FULL', 'DEFAULT'])}"


def _replace(tables: list[Table], random: Random, n: int) -> str:
    # Whose name is another one since may never have been seen under it: it is a dropped table then,
    # and a new one that is not migrated. Both are told; nothing fails.
    known = [table for table in tables if "Moved" not in table.sql]
    table = _plain(known or tables, random).sql
    return (
        f"CREATE TABLE evolving.late_{n} (LIKE {table} INCLUDING ALL); DROP TABLE {table};"
        f" ALTER TABLE evolving.late_{n} RENAME TO {table.partition('.')[2]}"
    )


KINDS: dict[str, Kind] = {
    "add column": Kind(_add, 3),
    "add column with default": Kind(_add_default, 3),
    "drop column": Kind(_drop, 2),
    "rename column": Kind(_rename, 2),
    "swap two columns' names": Kind(_swap, 0.5),
    "widen a type": Kind(_widen, 2),
    "rewrite a type": Kind(_to_text, 1),
    "drop not null": Kind(_nullable, 0.5),
    "rename table": Kind(_rename_table, 1),
    "add an enum value": Kind(_label, 2),
    "create table": Kind(
        lambda _tables, _random, n: (
            f"CREATE TABLE evolving.late_{n} (id int PRIMARY KEY);"
            f" INSERT INTO evolving.late_{n} VALUES (1)"
        ),
        told="TableNotMigrated",
    ),
    "drop table": Kind(_drop_table, 0.7, told="SourceTableDropped"),
    "create index": Kind(_index),
    "drop index": Kind(lambda *_: "DROP INDEX IF EXISTS evolving.thing_amount", 0.5),
    "truncate": Kind(lambda tables, random, _: f"TRUNCATE {_any(tables, random)}", 1),
    "replica identity": Kind(_identity, 1.5),
    "rename a sequence": Kind(sequences.rename, 1),
    "swap two sequences": Kind(sequences.swap, 1),
    "new partition": Kind(partitions.new, 1.5),
    "attach an empty partition": Kind(partitions.attach, 1),
    # -- what cannot be followed
    "rewrite with other values": Kind(_other_values, codes=frozenset({"OldRowsDiffer"})),
    "default for each row": Kind(
        lambda _tables, _random, n: (
            "INSERT INTO evolving.day (id, day) VALUES (-1, 1), (-2, 2);"
            f" ALTER TABLE evolving.day ADD COLUMN e{n} float8 NOT NULL DEFAULT random()"
        ),
        codes=frozenset({"OldRowsDiffer"}),
    ),
    "attach a partition with rows": Kind(
        partitions.attach_with_rows, codes=frozenset({"PartitionHadRows"}), plugin="pgoutput"
    ),
    "replace a table": Kind(_replace, codes=frozenset({"SourceTableReplaced"})),
    "set unlogged": Kind(
        lambda tables, random, _: f"ALTER TABLE {_plain(tables, random).sql} SET UNLOGGED",
        codes=frozenset({"SourceTableUnlogged"}),
        plugin="test_decoding",
    ),
}
