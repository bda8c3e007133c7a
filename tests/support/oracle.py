"""Says whether target equals source: rows, sequences, catalogue, leftovers.

    report = oracle.compare(source, target)
    assert report.clean, report.text

Owns: what "the same" means. Rows are compared as multisets, by two independent 64-bit sums of
hashes of each row's text form with session settings fixed so that equal bytes mean equal
values (floats with every digit, dates in ISO and UTC, bytea in hex). Must not use any code of
the package under test.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from tests.support import catalogue
from tests.support.databases import Database

Connection = psycopg.Connection[TupleRow]

_SETTINGS = """
SET search_path = pg_catalog; SET datestyle = 'ISO, YMD'; SET intervalstyle = postgres;
SET extra_float_digits = 3; SET timezone = 'UTC'; SET bytea_output = hex; SET row_security = off;
SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET client_encoding = UTF8;
SET lc_monetary = 'C'; SET xmloption = content
"""

# A table and its partitions are one: partition roots are compared, not their leaves; children
# by plain inheritance are compared each on its own, with ONLY.
_TABLES = r"""
SELECT n.nspname, c.relname, c.relkind
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'dms_pg')
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::pg_catalog.regclass
    AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""

_COLUMNS = """
SELECT a.attname FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname
"""

# hashtextextended is 11+; md5 is everywhere. Two halves of one md5, each summed on its own.
_CHECKSUM = sql.SQL("""
SELECT pg_catalog.count(*),
    coalesce(pg_catalog.sum(('x' || pg_catalog.substr(h, 1, 15))::bit(60)::bigint), 0),
    coalesce(pg_catalog.sum(('x' || pg_catalog.substr(h, 17, 15))::bit(60)::bigint), 0)
FROM (SELECT pg_catalog.md5({row}) AS h FROM {only} {table}) AS hashed
""")


@dataclass(frozen=True)
class TableName:
    """A table as the catalogue spells it."""

    schema: str
    name: str
    partitioned: bool = False

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Content:
    """How many rows, and what is in them."""

    rows: int
    checksum: str


@dataclass(frozen=True)
class Report:
    """What was compared, and every difference in words."""

    source: dict[str, Content]
    target: dict[str, Content]
    differences: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.differences

    @property
    def text(self) -> str:
        return "\n".join(self.differences) or "no difference"


def tables(connection: Connection) -> list[TableName]:
    """Every table of the user's, partition roots instead of their leaves."""
    return [
        TableName(schema, name, partitioned=kind == "p")
        for schema, name, kind in connection.execute(_TABLES)
    ]


def content(connection: Connection, table: TableName) -> Content:
    """Count and checksum of one table; the order of rows and of columns does not matter."""
    columns = [row[0] for row in connection.execute(_COLUMNS, [table.schema, table.name])]
    query = _CHECKSUM.format(
        row=_row_text(columns),
        only=sql.SQL("" if table.partitioned else "ONLY"),
        table=sql.Identifier(table.schema, table.name),
    )
    rows, first, second = connection.execute(query).fetchone() or (0, 0, 0)
    return Content(rows, f"{int(first) % 2**64:016x}{int(second) % 2**64:016x}")


def contents(
    database: Database, only: Iterable[str] | None = None, *, float_digits: int = 3
) -> dict[str, Content]:
    """All tables (or those named ``schema.table``) in one snapshot."""
    wanted = None if only is None else set(only)
    with database.connect(autocommit=False) as connection:
        connection.execute(_SETTINGS)
        connection.execute(f"SET extra_float_digits = {float_digits}".encode())
        connection.commit()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return {
            str(table): content(connection, table)
            for table in tables(connection)
            if wanted is None or str(table) in wanted
        }


def compare(
    source: Database,
    target: Database,
    *,
    only: Iterable[str] | None = None,
    catalogue_before: frozenset[str] | None = None,
    sequences: bool = True,
    leftovers: bool = True,
) -> Report:
    """Rows of all tables; sequences; leftovers; the target's catalogue if given from before.

    :param only: ``schema.table`` names when only some tables were migrated.
    :param catalogue_before: ``snapshot(target)`` taken before the migration.
    """
    wanted = None if only is None else list(only)
    # Every digit; but 12 began to print the shortest text that reads back as the same bits, so
    # two servers before and after it agree on 15 digits only.
    digits = 3 if (source.server.version < 12) == (target.server.version < 12) else 0
    with ThreadPoolExecutor(2) as pool:
        ours, theirs = pool.map(
            lambda database: contents(database, wanted, float_digits=digits), (source, target)
        )
    differences = [
        f"{name}: source {ours.get(name)}, target {theirs.get(name)}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    ]
    if sequences:
        differences += sequence_problems(source, target)
    if leftovers:
        differences += source_leftovers(source) + target_leftovers(target)
    if catalogue_before is not None:
        differences += catalogue.difference(catalogue_before, snapshot(target))
    return Report(ours, theirs, differences)


def snapshot(database: Database) -> frozenset[str]:
    """The catalogue of a database, to compare before and after."""
    with database.connect() as connection:
        return catalogue.snapshot(connection)


def sequence_problems(source: Database, target: Database) -> list[str]:
    """Sequences on the target that would hand out a value the source has used already."""
    ours, theirs = _sequences(source), _sequences(target)
    problems = []
    for name, (last, called, increment) in ours.items():
        if name not in theirs:
            problems.append(f"sequence {name}: missing on the target")
            continue
        other_last, other_called, _ = theirs[name]
        ahead = (other_last - last) * (1 if increment > 0 else -1)
        if ahead < 0 or (ahead == 0 and called and not other_called):
            problems.append(
                f"sequence {name}: source at {last} (called={called}),"
                f" target at {other_last} (called={other_called})"
            )
    return problems


def source_leftovers(source: Database) -> list[str]:
    """Slots and publications of ours, and anything else the migration may have left."""
    return [
        f"source has a {kind} {name!r}"
        for kind, name in source.run(
            r"SELECT 'slot', slot_name::text FROM pg_replication_slots"
            r" WHERE slot_name LIKE 'dms\_pg%' AND database = current_database()"
            r" UNION ALL SELECT 'publication', pubname::text FROM pg_publication"
            r" WHERE pubname LIKE 'dms\_pg%'"
            r" UNION ALL SELECT 'schema', nspname::text FROM pg_namespace"
            r" WHERE nspname LIKE 'dms\_pg%'"
            r" UNION ALL SELECT 'session', application_name FROM pg_stat_activity"
            r" WHERE application_name LIKE 'dms%pg%' AND datname = current_database()"
        )
    ]


def target_leftovers(target: Database) -> list[str]:
    """The schema with our bookkeeping, tables of ours elsewhere."""
    return [
        f"target has a {kind} {name!r}"
        for kind, name in target.run(
            r"SELECT 'schema', nspname::text FROM pg_namespace WHERE nspname LIKE 'dms\_pg%'"
            r" UNION ALL SELECT 'relation', oid::regclass::text FROM pg_class"
            r" WHERE relname LIKE 'dms\_pg%'"
        )
    ]


def _row_text(columns: list[str]) -> sql.Composable:
    """A text that is the same exactly when the row is: each value with its length before it."""
    if not columns:
        return sql.SQL("''")
    values = [
        sql.SQL(
            "coalesce(pg_catalog.octet_length({0}::text)::text || ':' || {0}::text, '-')"
        ).format(sql.Identifier(column))
        for column in columns
    ]
    # concat_ws takes 100 arguments at most; || has no limit, but a table may have 1,600 columns.
    return sql.SQL(" || ").join(values)


def _sequences(database: Database) -> dict[str, tuple[int, bool, int]]:
    with database.connect() as connection:
        connection.execute("SET search_path = pg_catalog")
        found = connection.execute(
            "SELECT n.nspname, c.relname, s.seqincrement FROM pg_sequence s"
            " JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname <> 'dms_pg'"
        ).fetchall()
        state = {}
        for schema, name, increment in found:
            query = sql.SQL("SELECT last_value, is_called FROM {}").format(
                sql.Identifier(schema, name)
            )
            last, called = connection.execute(query).fetchone() or (0, False)
            state[f"{schema}.{name}"] = (last, called, increment)
        return state
