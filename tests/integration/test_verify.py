"""What is equal is called equal whatever the versions, and what is not is named."""

from __future__ import annotations

import re

import pytest

from azext_dms_pg.engine import verify
from azext_dms_pg.engine.cutover.sequences import copy_sequences
from azext_dms_pg.engine.verify import checksum
from azext_dms_pg.errors import Interrupted
from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.engine import connection_to, planned, session
from tests.support.migrate import Mover
from tests.support.servers import VERSIONS

KINDS = """
CREATE TYPE mood AS ENUM ('low', 'hi');
CREATE DOMAIN ratio AS float8;
CREATE TYPE pair AS (f float4, t text);
CREATE TABLE kinds (
    id int PRIMARY KEY, f4 float4, f8 float8, fs float8[], d ratio, p point, b box, pa pair, m mood,
    ms mood[], n numeric, i interval, at timestamptz, day date, raw bytea, j json, jb jsonb,
    ch "char", bp char(5), r int4range, nr numrange, bits bit(3), addr inet, ts tsvector, t text,
    money money, ints int[], nothing text
);
INSERT INTO kinds SELECT i, i / 3::float4, 1 / (i + 0.1), ARRAY[i / 7::float8, '-0', 'NaN', NULL],
    1e300 / (i + 1), point(i / 3.0::float8, -0.1), box(point(0.1, 0.3), point(i, i)),
    ROW((i / 9.0)::float4, 'x')::pair, 'hi', '{low,hi}', i::numeric / 7,
    '1 mon -2 days 00:00:00.001',
    '0044-03-15 12:00:00.123456+00 BC', 'infinity', decode('005cff', 'hex'), '{"a":  1}',
    '{"b": 1, "a": [1.50]}', 'x', 'ab', '[1,5)', '(0.1,)', B'101', '10.0.0.1/8', 'a:1 b:2', 'ü\\n"',
    12.34, '[2:3]={1,NULL}', NULL
    FROM generate_series(1, 50) i;
INSERT INTO kinds (id, f8, "ch", t, raw)
    VALUES (100, '-0', E'\\x01', repeat('long', 600000), decode(repeat('00', 2000000), 'hex')),
           (101, 'NaN', '', '', ''), (102, '-infinity', NULL, NULL, NULL);
CREATE TABLE heap (a int, b text);
INSERT INTO heap SELECT i % 3, NULL FROM generate_series(1, 30) i;
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
"""
PARTITIONED = """
CREATE TABLE part (id int, y int) PARTITION BY RANGE (y);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20);
INSERT INTO part SELECT i, i % 20 FROM generate_series(1, 100) i;
"""


def compare(
    source: Database, target: Database, limit: int = 20
) -> dict[str, verify.TableComparison]:
    plan = planned(source, target)
    compared = verify.compare(connection_to(source), connection_to(target), plan, limit=limit)
    return {str(one.label): one for one in compared}


@pytest.mark.parametrize("version", [version for version in VERSIONS if version < 18])
def test_equal_on_every_version(
    servers: Servers, make_database: MakeDatabase, version: int
) -> None:
    source = make_database(servers.get(version), KINDS + PARTITIONED)
    target = make_database(servers.get(18), KINDS + PARTITIONED.replace("(10)", "(5)"))
    compared = compare(source, target)
    assert [name for name, one in compared.items() if not one.equal] == []
    assert compared["public.kinds"].source_rows == 53
    assert compared["public.part"].target_rows == 100


def test_equal_in_another_encoding(
    servers: Servers, make_database: MakeDatabase, target: Database
) -> None:
    server = servers.get(17, role="source")
    source = make_database(server)
    server.run(f"DROP DATABASE {source.name}")
    server.run(
        f"CREATE DATABASE {source.name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
        " TEMPLATE template0"
    )
    script = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'é'), (2, "
    script += "repeat('ü', 2000000))"
    for database in (source, target):
        with database.connect(client_encoding="UTF8") as connection:
            connection.execute(script.encode())
    assert compare(source, target)["public.t"].equal


CHANGES = {
    "a lost row": ("DELETE FROM kinds WHERE id = 7", "kinds", [("(7)", "missing")]),
    "a row too many": (
        "INSERT INTO kinds (id) VALUES (-1)", "kinds", [("(-1)", "extra")],
    ),
    "the sign of zero": (
        "UPDATE kinds SET f8 = 0 WHERE id = 100", "kinds", [("(100)", "different")],
    ),
    "the last bit": (
        "UPDATE kinds SET f8 = f8 * (1 + 2.3e-16) WHERE id = 5", "kinds", [("(5)", "different")],
    ),
    "NULL for empty": (
        "UPDATE kinds SET t = NULL WHERE id = 101", "kinds", [("(101)", "different")],
    ),
    "a trailing zero": (
        "UPDATE kinds SET n = n * 1.0 WHERE id = 9", "kinds", [("(9)", "different")],
    ),
    "the end of a long text": (
        "UPDATE kinds SET t = t || 'x' WHERE id = 100", "kinds", [("(100)", "different")],
    ),
    "one of many like rows": (
        "DELETE FROM heap WHERE ctid = (SELECT min(ctid) FROM heap)", "heap", [("(1,)", "missing")],
    ),
    "a row without columns": (
        "INSERT INTO no_columns DEFAULT VALUES", "no_columns", [("()", "extra")],
    ),
    "a partition": ("UPDATE part SET id = 0 WHERE id = 13", "part", [
        ("(0,13)", "extra"), ("(13,13)", "missing")]),
}  # fmt: skip


# Whatever is cast to text is "same", and there is a trace of it.
LIAR = """
CREATE TYPE mood AS ENUM ('low', 'hi');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN mine AS mood;
CREATE TYPE span AS RANGE (subtype = int4);
CREATE SEQUENCE ran;
CREATE TABLE t (id int PRIMARY KEY, COLUMNS);
"""
LIE = """
CREATE FUNCTION lie({kind}) RETURNS text LANGUAGE sql
    AS $$ SELECT 'same' FROM nextval('public.ran') $$;
CREATE CAST ({kind} AS text) WITH FUNCTION lie({kind}) AS IMPLICIT;
"""
LIED_ABOUT = {
    "mood": ("mood", "hi"),
    "mine": ("mood", "hi"),
    "moods": ("mood[]", "{hi,NULL}"),
    "pair": ("pair", "(1,)"),
    "pairs": ("pair[]", '{"(1,)"}'),
    "span": ("span", "[1,5)"),
}


@pytest.mark.parametrize("kind", LIED_ABOUT)
def test_no_cast_of_the_users_is_asked(source: Database, target: Database, kind: str) -> None:
    type_, value = LIED_ABOUT[kind]
    column = "mine" if kind == "mine" else type_
    for database in (source, target):
        database.run(LIAR.replace("COLUMNS", f"v {column}") + LIE.format(kind=type_))
        database.run(f"INSERT INTO t SELECT i, '{value}' FROM generate_series(1, 9) i")
    assert compare(source, target)["public.t"].equal
    target.run("UPDATE t SET v = NULL WHERE id = 4")
    compared = compare(source, target)["public.t"]
    assert [(one.key, one.kind) for one in compared.differences] == [("(4)", "different")]
    for database in (source, target):
        assert database.run("SELECT is_called FROM ran") == [(False,)]


@pytest.mark.parametrize("version", VERSIONS)
def test_no_cast_of_the_users_on_any_version(
    servers: Servers, make_database: MakeDatabase, version: int
) -> None:
    script = LIAR.replace("COLUMNS", "v mood, w mood[]")
    script += LIE.format(kind="mood") + LIE.format(kind="mood[]")
    script += "INSERT INTO t VALUES (1, 'hi', '{low}'), (2, NULL, '{NULL}');"
    source = make_database(servers.get(version), script)
    target = make_database(servers.get(18), script)
    assert compare(source, target)["public.t"].equal
    target.run("UPDATE t SET v = 'low' WHERE id = 1")
    assert not compare(source, target)["public.t"].equal
    assert source.run("SELECT is_called FROM ran") == [(False,)]


def test_padding_is_no_difference(source: Database, target: Database) -> None:
    source.run("CREATE TABLE t (id int PRIMARY KEY, v char(3)); INSERT INTO t VALUES (1, 'a')")
    target.run("CREATE TABLE t (id int PRIMARY KEY, v char(9)); INSERT INTO t VALUES (1, 'a')")
    assert compare(source, target)["public.t"].equal


@pytest.fixture
def alike(source: Database, target: Database) -> tuple[Database, Database]:
    for database in (source, target):
        database.run(KINDS + PARTITIONED)
    return source, target


@pytest.mark.parametrize("case", list(CHANGES))
def test_differences_are_named(alike: tuple[Database, Database], case: str) -> None:
    source, target = alike
    change, table, expected = CHANGES[case]
    target.run(change)
    compared = compare(source, target)
    assert [name for name, one in compared.items() if not one.equal] == [f"public.{table}"]
    found = compared[f"public.{table}"].differences
    assert [(one.key, one.kind) for one in found] == expected


def test_no_more_than_the_limit(alike: tuple[Database, Database]) -> None:
    source, target = alike
    target.run("UPDATE kinds SET t = t || 'x'; DELETE FROM heap")
    compared = compare(source, target, limit=5)
    assert len(compared["public.kinds"].differences) == 5
    assert len(compared["public.heap"].differences) == 5


def test_large_tables_in_pieces(
    alike: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = alike
    for database in (source, target):
        database.run("INSERT INTO heap SELECT i, 'x' FROM generate_series(1, 5000) i")
    monkeypatch.setattr(checksum, "_BLOCKS", 3)
    compared = compare(source, target)
    assert compared["public.heap"].equal
    assert compared["public.heap"].source_rows == 5030


def test_of_two_snapshots(alike: tuple[Database, Database]) -> None:
    source, target = alike
    plan = planned(source, target)
    with source.connect(autocommit=False) as here, target.connect(autocommit=False) as there:
        snapshots = []
        for opened in (here, there):
            opened.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            row = opened.execute("SELECT pg_export_snapshot()").fetchone()
            assert row is not None
            snapshots.append(row[0])
        source.run("DELETE FROM heap")
        connections = connection_to(source), connection_to(target)
        then = verify.compare(*connections, plan, snapshots=(snapshots[0], snapshots[1]))
        assert all(one.equal for one in then)
    now = verify.compare(*connections, plan)
    assert [str(one.label) for one in now if not one.equal] == ["public.heap"]


def test_stops_when_asked(alike: tuple[Database, Database]) -> None:
    source, target = alike
    with pytest.raises(Interrupted):
        verify.compare(
            connection_to(source),
            connection_to(target),
            planned(source, target),
            stopping=lambda: True,
        )


def test_counts(alike: tuple[Database, Database]) -> None:
    source, target = alike
    plan = planned(source, target)
    where = connection_to(source), connection_to(target)
    assert verify.compare_counts(*where, plan) == ()
    target.run("DELETE FROM heap WHERE a = 0; DELETE FROM part_2")
    source.run("DROP TABLE no_columns; ALTER TABLE kinds RENAME TO renamed")
    differing = verify.compare_counts(*where, plan)
    assert [(str(one.label), one.source_rows, one.target_rows) for one in differing] == [
        ("public.heap", 30, 20),
        ("public.part", 100, 50),
    ]


SEQUENCES = """
CREATE SEQUENCE fresh START 7;
CREATE SEQUENCE "down %" INCREMENT -3 MINVALUE -100 MAXVALUE -1;
CREATE SEQUENCE turns MAXVALUE 5 CYCLE;
CREATE SEQUENCE ends;
CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, s bigserial);
CREATE SEQUENCE lowest INCREMENT -1 MINVALUE -9223372036854775808 MAXVALUE -1
    START -9223372036854775808;
"""


@pytest.mark.parametrize("margin", [0, 10])
def test_sequences(source: Database, target: Database, margin: int) -> None:
    source.run(
        SEQUENCES + "SELECT nextval('\"down %\"'), nextval('\"down %\"');"
        "SELECT nextval('turns') FROM generate_series(1, 7);"
        "SELECT setval('ends', 9223372036854775807); SELECT nextval('lowest');"
        "INSERT INTO t SELECT FROM generate_series(1, 9); SELECT setval('t_s_seq', 5000000000)"
    )
    # On the target the identity's sequence happens to be called something else.
    target.run(SEQUENCES + "ALTER SEQUENCE t_id_seq RENAME TO other")
    with session(source) as here, session(target) as there:
        for _ in range(2):
            copy_sequences(here, there, planned(source, target), margin)
    states = {
        name: target.run(f'SELECT last_value, is_called FROM "{name}"')[0]
        for name in ("fresh", "down %", "turns", "ends", "lowest", "other", "t_s_seq")
    }
    assert states == {
        "fresh": (7 + margin, False),
        "down %": (-4 - margin, True),
        "turns": (min(2 + margin, 5), True),
        "ends": (9223372036854775807, True),
        "lowest": (-9223372036854775808, True),
        "other": (9 + margin, True),
        "t_s_seq": (5000000000 + margin, True),
    }


def test_a_sequence_beyond_its_bounds(mover: Mover, source: Database, target: Database) -> None:
    """The cutover says which statement makes room, and goes on after it."""
    for database in (source, target):
        database.run('CREATE TABLE t (id int PRIMARY KEY); CREATE SCHEMA "S %"')
    source.run(
        'CREATE SEQUENCE "S %"."low %" MINVALUE -9 START -5;'
        "CREATE SEQUENCE high AS bigint; SELECT setval('high', 99999);"
        "CREATE SEQUENCE down INCREMENT -1 MINVALUE -3 MAXVALUE 3 CYCLE; SELECT setval('down', -3)"
    )
    target.run('CREATE SEQUENCE "S %"."low %"; CREATE SEQUENCE high AS smallint')
    target.run("CREATE SEQUENCE down")
    task = mover.start(source, target)
    task.ready()
    task.cutover()
    task.reach("FAILED")
    task.end("Failed")
    (error,) = (item for item in task.show()["errors"] if item["code"] == "SequenceOutOfRange")
    told = str(error)
    assert "stands at -5" in told
    assert "from 1 to 32767" in told
    target.run(re.findall(r"(?:ALTER SEQUENCE [^;]*; ?)+", error["message"])[0])
    task.backend.tasks.restart(task.where)
    task.reach("COMPLETE")
    states = [
        database.run(
            'SELECT last_value, is_called FROM "S %"."low %" UNION ALL'
            " SELECT last_value, is_called FROM high"
        )
        for database in (source, target)
    ]
    assert states == [[(-5, False), (99999, True)]] * 2
    after = [
        database.run("SELECT nextval('\"S %\".\"low %\"'), nextval('high'), nextval('down')")
        for database in (source, target)
    ]
    assert after == [[(-5, 100000, 3)]] * 2
