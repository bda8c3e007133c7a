"""Names nobody should use and everybody does."""

from __future__ import annotations

import pytest

from tests.support.databases import Database
from tests.support.migrate import Mover

NAMES = [
    'x"; drop table y; --',
    "with blank",
    "new\nline\ttab\rreturn",
    "per%cent %s %(name)s %%",
    "select",
    "UPPER Case",
    "upper case",
    "a.b.c",
    "x" * 63,
    "naïve 🙂 ünïcödé 表",
    "back\\slash",
    "quo'te",
    '"',
    "[brackets]: 'old-key:'",
    "{0} $1 :name ?",
    ";",
    " ",
    "null",
    "the dms_pg",
]
COLUMN_NAMES = [*NAMES[:9], *NAMES[9:-1], "ctid2", "OLD", "v0", "n", "position", "xmin "]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _schema() -> str:
    lines = ["CREATE TABLE y (a int PRIMARY KEY); INSERT INTO y VALUES (1);"]
    columns = ", ".join(f"{_quoted(name)} text" for name in COLUMN_NAMES)
    for schema in NAMES:
        quoted = _quoted(schema)
        lines.append(f"CREATE SCHEMA {quoted};")
        for table in (NAMES[0], schema):
            if table == schema == NAMES[0]:
                continue
            lines.append(
                f"CREATE TABLE {quoted}.{_quoted(table)}"
                f" ({_quoted(schema)} serial PRIMARY KEY, v text);"
            )
        lines.append(
            f"CREATE TYPE {quoted}.{_quoted(schema)[:-1]}!\" AS ENUM ('a', {_literal(schema)});"
            if len(schema) < 60
            else ""
        )
    lines.append(f"CREATE TABLE every_column (id int PRIMARY KEY, {columns});")
    lines.append(f"CREATE TABLE every_column_heap (id int, {columns});")
    lines.append("ALTER TABLE every_column_heap REPLICA IDENTITY FULL;")
    key = ", ".join(_quoted(name) for name in NAMES[:3])
    lines.append(f"CREATE TABLE key_of_names ({columns}, PRIMARY KEY ({key}));")
    lines.append(
        f"CREATE TABLE of_enum (id int PRIMARY KEY,"
        f' e {_quoted(NAMES[0])}.{_quoted(NAMES[0])[:-1]}!");'
    )
    lines.append(
        f"CREATE INDEX {_quoted('i; ' + NAMES[0])} ON every_column ({key});"
        f"ALTER TABLE key_of_names ADD CONSTRAINT {_quoted('c; ' + NAMES[0])}"
        f" UNIQUE ({_quoted(NAMES[4])}, {_quoted(NAMES[5])});"
        f"ALTER TABLE of_enum ADD CONSTRAINT {_quoted('f; ' + NAMES[0])}"
        f" FOREIGN KEY (id) REFERENCES every_column ON DELETE CASCADE;"
    )
    return "\n".join(lines)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _tables() -> list[tuple[str, str]]:
    return [
        (_quoted(schema), _quoted(table))
        for schema in NAMES
        for table in dict.fromkeys((NAMES[0], schema))
        if not (schema == NAMES[0] and table == schema)
    ]


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_hostile_names(mover: Mover, source: Database, target: Database, plugin: str) -> None:
    columns = ", ".join(_literal(name) for name in COLUMN_NAMES)
    first, second = _quoted(NAMES[0]), _quoted(NAMES[1])
    data = [
        f"INSERT INTO {schema}.{table} (v) VALUES ('a'), ('b'), (NULL);"
        for schema, table in _tables()
    ]
    data.append(
        f"INSERT INTO every_column VALUES (1, {columns}), (2, {columns});"
        "INSERT INTO every_column_heap SELECT * FROM every_column;"
        f"INSERT INTO key_of_names VALUES ({columns});"
        f"INSERT INTO of_enum VALUES (1, 'a'), (2, {_literal(NAMES[0])});"
    )
    changes = [
        "".join(
            f"INSERT INTO {schema}.{table} (v) VALUES ('new');"
            f"UPDATE {schema}.{table} SET v = 'changed' WHERE v = 'a';"
            f"DELETE FROM {schema}.{table} WHERE v IS NULL;"
            for schema, table in _tables()
        ),
        f"UPDATE every_column SET {first} = 'changed', {second} = NULL WHERE id = 1",
        (
            f"UPDATE every_column_heap SET {first} = 'changed' WHERE id = 1;"
            "DELETE FROM every_column_heap WHERE id = 2"
        ),
        f"UPDATE key_of_names SET {first} = 'other key', {second} = 'other'",
        "UPDATE of_enum SET e = 'a' WHERE id = 2",
        "".join(f"TRUNCATE {schema}.{table};" for schema, table in _tables()[:2]),
    ]
    mover.whole(
        source,
        target,
        schema=_schema(),
        target_schema=_schema().replace("INSERT INTO y VALUES (1);", ""),
        data="".join(data),
        changes=changes,
        source_settings={"plugin": plugin},
    )
    assert target.value("SELECT count(*) FROM y") == 1, "the table nobody dropped"


def test_a_database_with_a_hostile_name(
    mover: Mover, source: Database, target: Database, make_database: object
) -> None:
    """Names of databases reach connection strings, file names and SQL."""
    from tests.support import databases

    name = 'd\'b "%s" \\ ünï = host=x'
    pair = [databases.create(side.server, name=name) for side in (source, target)]
    try:
        mover.whole(
            *pair,
            schema="CREATE TABLE t (id int PRIMARY KEY)",
            data="INSERT INTO t VALUES (1)",
            changes=["INSERT INTO t VALUES (2)"],
        )
    finally:
        mover.close()
        for database in pair:
            database.drop()


def test_selected_tables_by_hostile_names(mover: Mover, source: Database, target: Database) -> None:
    for database in (source, target):
        database.run(_schema().replace("INSERT INTO y VALUES (1);", ""))
    wanted = [("with blank", "with blank"), ("UPPER Case", "UPPER Case"), ("a.b.c", "a.b.c")]
    for schema, table in wanted:
        source.run(f"INSERT INTO {_quoted(schema)}.{_quoted(table)} (v) VALUES ('x')")
    source.run("INSERT INTO y VALUES (1)")
    task = mover.start(source, target, tables=[f"{schema}.{table}" for schema, table in wanted])
    task.ready()
    assert sorted(task.tables()) == sorted(f"{schema}.{table}" for schema, table in wanted)
    task.finish()
    assert target.value("SELECT count(*) FROM y") == 0
    report = task.compare(only=[f"{schema}.{table}" for schema, table in wanted], sequences=False)
    assert report.clean, report.text


def test_percent_signs_where_statements_have_parameters(
    mover: Mover, source: Database, target: Database
) -> None:
    parted = "CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);"
    empty = 'CREATE TABLE "100% %s" (); ALTER TABLE "100% %s" REPLICA IDENTITY FULL;'
    late = 'CREATE TABLE "p 100% %s" PARTITION OF parted FOR VALUES FROM (10) TO (20);'
    first = "CREATE TABLE p PARTITION OF parted FOR VALUES FROM (0) TO (10);"
    task = mover.ready_with(source, target, parted + first + empty)
    for database in (target, source):
        database.run(late)
    source.run("INSERT INTO parted SELECT generate_series(0, 19)")
    for _ in range(3):
        source.run('INSERT INTO "100% %s" DEFAULT VALUES')
    task.finish()
    assert task.compare(catalogue_before=None).clean, task.story()
