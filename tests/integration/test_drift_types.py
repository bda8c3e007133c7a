"""Statements for types the target lacks, and for those that have changed since."""

from __future__ import annotations

import pytest

from azext_dms_pg.engine.drift.statements import MissingStatement, drift, with_common
from azext_dms_pg.engine.values import Plan
from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.engine import planned, session

SCHEMA = """
CREATE TYPE pt AS (x int, y int);
CREATE DOMAIN small AS int CONSTRAINT low CHECK (VALUE < 10) CONSTRAINT high CHECK (VALUE > 0);
CREATE DOMAIN given AS text NOT NULL;
CREATE SCHEMA apart;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE apart."E" AS ENUM ('x');
CREATE TABLE t (id int PRIMARY KEY, p pt, s small, g given);
CREATE TABLE felt (id int PRIMARY KEY, m mood DEFAULT 'ok', ms mood[], e apart."E");
INSERT INTO t VALUES (1, '(1,2)', 3, 'g');
INSERT INTO felt VALUES (1, 'sad', '{ok}', 'x');
"""

CASES: dict[str, tuple[str, list[str]]] = {
    "a composite": (
        'CREATE TYPE "a b" AS (x int, "y z" text COLLATE "C"); ALTER TABLE t ADD COLUMN c "a b"',
        [
            'CREATE TYPE public."a b" AS (x integer, "y z" text COLLATE pg_catalog."C");',
            'ALTER TABLE public.t ADD COLUMN c public."a b";',
        ],
    ),
    "a domain": (
        (
            "CREATE DOMAIN d AS varchar(9) COLLATE \"C\" DEFAULT 'it''s' NOT NULL"
            " CONSTRAINT long CHECK (length(VALUE) > 1); ALTER TABLE t ADD COLUMN c d"
        ),
        [
            (
                'CREATE DOMAIN public.d AS character varying(9) COLLATE pg_catalog."C"'
                " DEFAULT 'it''s'::character varying"
                " CONSTRAINT long CHECK ((length((VALUE)::text) > 1)) NOT NULL;"
            ),
            "ALTER TABLE public.t ADD COLUMN c public.d;",
        ],
    ),
    "types made of types": (
        (
            "CREATE SCHEMA sub; CREATE TYPE sub.e AS ENUM ('a'); CREATE DOMAIN sub.d AS sub.e;"
            "CREATE TYPE sub.c AS (d sub.d[], n int); CREATE TYPE sub.whole AS (i sub.c);"
            "ALTER TABLE t ADD COLUMN c sub.whole[]"
        ),
        [
            "CREATE SCHEMA sub;",
            "CREATE TYPE sub.e AS ENUM ('a');",
            "CREATE DOMAIN sub.d AS sub.e;",
            "CREATE TYPE sub.c AS (d sub.d[], n integer);",
            "CREATE TYPE sub.whole AS (i sub.c);",
            "ALTER TABLE public.t ADD COLUMN c sub.whole[];",
        ],
    ),
    "a range": (
        "CREATE TYPE r AS RANGE (subtype = time); ALTER TABLE t ADD COLUMN c r",
        [
            "CREATE TYPE public.r AS RANGE (subtype = time without time zone);",
            "ALTER TABLE public.t ADD COLUMN c public.r;",
        ],
    ),
    "a range of texts": (
        (
            "CREATE TYPE r AS RANGE (subtype = text, subtype_opclass = text_pattern_ops,"
            ' collation = "C"); ALTER TABLE t ADD COLUMN c r[]'
        ),
        [
            (
                "CREATE TYPE public.r AS RANGE (subtype = text, subtype_opclass ="
                ' pg_catalog.text_pattern_ops, collation = pg_catalog."C");'
            ),
            "ALTER TABLE public.t ADD COLUMN c public.r[];",
        ],
    ),
    "a type of an extension": (
        (
            "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext;"
            "CREATE DOMAIN word AS ext.citext; ALTER TABLE t ADD COLUMN c word"
        ),
        [
            "CREATE SCHEMA ext;",
            "CREATE EXTENSION citext SCHEMA ext;",
            "CREATE DOMAIN public.word AS ext.citext;",
            "ALTER TABLE public.t ADD COLUMN c public.word;",
        ],
    ),
    "an attribute": (
        "ALTER TYPE pt ADD ATTRIBUTE z numeric(3,1), ADD ATTRIBUTE n text",
        [
            "ALTER TYPE public.pt ADD ATTRIBUTE z numeric(3,1);",
            "ALTER TYPE public.pt ADD ATTRIBUTE n text;",
        ],
    ),
    "an attribute less": (
        "ALTER TYPE pt DROP ATTRIBUTE x",
        ["ALTER TYPE public.pt DROP ATTRIBUTE x;"],
    ),
    "an attribute of another name": (
        "ALTER TYPE pt RENAME ATTRIBUTE y TO z; ALTER TYPE pt ADD ATTRIBUTE w int",
        [
            "ALTER TYPE public.pt RENAME ATTRIBUTE y TO z;",
            "ALTER TYPE public.pt ADD ATTRIBUTE w integer;",
        ],
    ),
    "a constraint less": (
        "ALTER DOMAIN small DROP CONSTRAINT low",
        ["ALTER DOMAIN public.small DROP CONSTRAINT low;"],
    ),
    "NULLs allowed": (
        "ALTER DOMAIN given DROP NOT NULL",
        ["ALTER DOMAIN public.given DROP NOT NULL;"],
    ),
    "an enum of another name": (
        'ALTER TYPE mood RENAME TO "Humor"',
        ['ALTER TYPE public.mood RENAME TO "Humor";'],
    ),
    "an enum in another schema": (
        (
            "CREATE SCHEMA s2; ALTER TYPE mood SET SCHEMA s2; ALTER TYPE s2.mood RENAME TO humor;"
            "ALTER TYPE s2.humor ADD VALUE 'glad'"
        ),
        [
            "CREATE SCHEMA s2;",
            "ALTER TYPE public.mood SET SCHEMA s2;",
            "ALTER TYPE s2.mood RENAME TO humor;",
            "ALTER TYPE s2.humor ADD VALUE 'glad' AFTER 'ok';",
        ],
    ),
    "a composite and a domain of other names": (
        "ALTER TYPE pt RENAME TO point2; ALTER DOMAIN small RENAME TO little",
        [
            "ALTER TYPE public.pt RENAME TO point2;",
            "ALTER DOMAIN public.small RENAME TO little;",
        ],
    ),
    "a schema of types with another name": (
        'ALTER SCHEMA apart RENAME TO "Q"; ALTER TYPE "Q"."E" RENAME TO e',
        [
            'ALTER SCHEMA apart RENAME TO "Q";',
            'ALTER TYPE "Q"."E" RENAME TO e;',
        ],
    ),
    "another enum": (
        (
            "CREATE TYPE humor AS ENUM ('ok', 'sad', 'glad');"
            "ALTER TABLE felt ALTER m DROP DEFAULT, ALTER m TYPE humor"
            " USING m::text::humor, ALTER m SET DEFAULT 'glad'"
        ),
        [
            "CREATE TYPE public.humor AS ENUM ('ok', 'sad', 'glad');",
            (
                "ALTER TABLE public.felt ALTER COLUMN m DROP DEFAULT;"
                " ALTER TABLE public.felt ALTER COLUMN m TYPE public.humor"
                " USING m::text::public.humor;"
                " ALTER TABLE public.felt ALTER COLUMN m SET DEFAULT 'glad'::public.humor;"
            ),
        ],
    ),
    "a type others are made of": (
        "CREATE TYPE whole AS (p pt); ALTER TYPE pt RENAME TO point2; ALTER TABLE t ADD w whole",
        [
            "ALTER TYPE public.pt RENAME TO point2;",
            "CREATE TYPE public.whole AS (p public.point2);",
            "ALTER TABLE public.t ADD COLUMN w public.whole;",
        ],
    ),
    "a type nobody uses": ("CREATE TYPE other AS (x int)", []),
}


def _missing(source: Database, target: Database, plan: Plan) -> tuple[MissingStatement, ...]:
    with session(source) as here, session(target) as there:
        return drift(here, there, plan)


def _begun(source: Database, target: Database) -> Plan:
    with session(source) as here, session(target) as there:
        return with_common(here, there, planned(source, target))


@pytest.mark.parametrize("case", list(CASES))
def test_names_the_statement_that_mends_it(source: Database, target: Database, case: str) -> None:
    ddl, expected = CASES[case]
    for database in (source, target):
        database.run(SCHEMA)
    plan = _begun(source, target)
    source.run(ddl)
    found = _missing(source, target, plan)
    assert [item.statement for item in found] == expected
    for item in found:
        target.run(item.statement)
    assert _missing(source, target, plan) == ()


def test_a_sequence_belongs_to_its_column(source: Database, target: Database) -> None:
    for database in (source, target):
        database.run(SCHEMA)
    plan = _begun(source, target)
    source.run(
        "ALTER TABLE t ADD COLUMN a smallserial, ADD COLUMN b serial, ADD COLUMN c bigserial"
    )
    for item in _missing(source, target, plan):
        target.run(item.statement)
    for question in (
        "SELECT string_agg(pg_get_serial_sequence('t', c), ' ') FROM unnest('{a,b,c}'::text[]) c",
        "SELECT string_agg(s::text, ' ' ORDER BY sequencename) FROM pg_sequences s",
    ):
        assert target.value(question) == source.value(question)


LIMITS = """
CREATE TABLE t (id int PRIMARY KEY, a int CONSTRAINT few CHECK (a < 10), b int, r int4range,
                CONSTRAINT one UNIQUE (b), CONSTRAINT apart EXCLUDE USING gist (r WITH &&));
CREATE UNIQUE INDEX pair ON t (a, lower(b::text)) WHERE a > 0;
CREATE TABLE part (id int, y int CONSTRAINT up CHECK (y >= 0), UNIQUE (y)) PARTITION BY RANGE (y);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
"""
OWN = "ALTER TABLE t ADD CONSTRAINT own CHECK (b > 0); CREATE UNIQUE INDEX own_too ON t (a)"

LOOSENED: dict[str, tuple[str, list[str]]] = {
    "nothing": ("SELECT 1", []),
    "a check": ("ALTER TABLE t DROP CONSTRAINT few", ["ALTER TABLE public.t DROP CONSTRAINT few;"]),
    "unique": ("ALTER TABLE t DROP CONSTRAINT one", ["ALTER TABLE public.t DROP CONSTRAINT one;"]),
    "an exclusion": (
        "ALTER TABLE t DROP CONSTRAINT apart",
        ["ALTER TABLE public.t DROP CONSTRAINT apart;"],
    ),
    "an index": ("DROP INDEX pair", ["DROP INDEX public.pair;"]),
    "unique by another name": (
        "ALTER TABLE t DROP CONSTRAINT one; CREATE UNIQUE INDEX other ON t (b)",
        [],
    ),
    "a check by another name": ("ALTER TABLE t RENAME CONSTRAINT few TO less", []),
    "another primary key": (
        "ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (id, b)",
        [
            (
                "ALTER TABLE public.t DROP CONSTRAINT t_pkey;"
                " ALTER TABLE public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id, b);"
            )
        ],
    ),
    "of a partitioned table": (
        "ALTER TABLE part DROP CONSTRAINT up; ALTER TABLE part DROP CONSTRAINT part_y_key",
        [
            "ALTER TABLE public.part DROP CONSTRAINT up;",
            "ALTER TABLE public.part DROP CONSTRAINT part_y_key;",
        ],
    ),
}


@pytest.mark.parametrize("case", list(LOOSENED))
def test_what_refuses_rows_here_alone(source: Database, target: Database, case: str) -> None:
    """What the target had on its own is left to it."""
    ddl, expected = LOOSENED[case]
    for database in (source, target):
        database.run(LIMITS)
    target.run(OWN)
    plan = _begun(source, target)
    target.run("CREATE UNIQUE INDEX made_since ON t (r)")
    source.run(ddl)
    found = _missing(source, target, plan)
    assert {item.statement for item in found} == set(expected)
    for item in found:
        target.run(item.statement)
    assert _missing(source, target, plan) == ()


@pytest.mark.parametrize("version", [10, 11, 12, 14, 16])
def test_older_servers(servers: Servers, make_database: MakeDatabase, version: int) -> None:
    script = SCHEMA + LIMITS.replace(", UNIQUE (y)", "").replace("TABLE t ", "TABLE u ").replace(
        " ON t ", " ON u "
    )
    server = servers.get(version)
    source, target = make_database(server, script), make_database(server, script)
    plan = _begun(source, target)
    source.run(
        "CREATE DOMAIN d AS int; CREATE TYPE c AS (x d); ALTER TABLE t ADD COLUMN c c[];"
        "ALTER TABLE t ADD COLUMN n serial; ALTER TYPE pt ADD ATTRIBUTE z int;"
        "ALTER DOMAIN small DROP CONSTRAINT low; ALTER TABLE u DROP CONSTRAINT one;"
        "ALTER TABLE part DROP CONSTRAINT up; ALTER TYPE mood RENAME TO humor"
    )
    found = _missing(source, target, plan)
    assert len(found) == 10
    for item in found:
        target.run(item.statement)
    assert _missing(source, target, plan) == ()
