"""Each statement ``drift`` asks for mends what it says, and nothing is asked for without need."""

from __future__ import annotations

import pytest

from azext_dms_pg.engine.drift.statements import MissingStatement, drift
from azext_dms_pg.engine.values import Plan
from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.engine import planned, session

SCHEMA = """
CREATE TYPE color AS ENUM ('red', 'blue');
CREATE TABLE "T %" (id int PRIMARY KEY, v text, c color, n int NOT NULL, only_here int);
CREATE TABLE part (id int NOT NULL, y int NOT NULL) PARTITION BY RANGE (y);
CREATE TABLE part_1 PARTITION OF part (PRIMARY KEY (y)) FOR VALUES FROM (0) TO (10);
INSERT INTO "T %" VALUES (1, 'v', 'red', 1);
"""
TABLE = 'ALTER TABLE public."T %"'

CASES: dict[str, tuple[str, list[str] | None]] = {
    "nothing": ("SELECT 1", []),
    "an index": ('CREATE INDEX ON "T %" (v)', []),
    "a column": (
        'ALTER TABLE "T %" ADD COLUMN "a""; x" varchar(7)',
        [f'{TABLE} ADD COLUMN "a""; x" character varying(7);'],
    ),
    "a serial": (
        'ALTER TABLE "T %" ADD COLUMN s serial',
        [
            'CREATE SEQUENCE public."T %_s_seq";',
            (
                f"{TABLE} ADD COLUMN s integer DEFAULT"
                " nextval('public.\"T %_s_seq\"'::regclass) NOT NULL;"
            ),
        ],
    ),
    "an identity": (
        'ALTER TABLE "T %" ADD COLUMN s bigint GENERATED ALWAYS AS IDENTITY',
        [f"{TABLE} ADD COLUMN s bigint GENERATED ALWAYS AS IDENTITY NOT NULL;"],
    ),
    "a collated column": (
        'ALTER TABLE "T %" ADD COLUMN s text COLLATE "C"',
        [f'{TABLE} ADD COLUMN s text COLLATE pg_catalog."C";'],
    ),
    "another name": (
        'ALTER TABLE "T %" RENAME v TO "V"',
        [f'{TABLE} RENAME COLUMN v TO "V";'],
    ),
    "names that swap meaning": (
        'ALTER TABLE "T %" RENAME v TO w; ALTER TABLE "T %" ADD COLUMN v int',
        None,
    ),
    "a dropped column": ('ALTER TABLE "T %" DROP COLUMN v', [f"{TABLE} DROP COLUMN v;"]),
    "a wider type": (
        'ALTER TABLE "T %" ALTER n TYPE bigint',
        [f"{TABLE} ALTER COLUMN n TYPE bigint;"],
    ),
    "another type": (
        'ALTER TABLE "T %" ALTER n TYPE text USING n::text',
        [f"{TABLE} ALTER COLUMN n TYPE text USING n::text;"],
    ),
    "NULLs allowed": (
        'ALTER TABLE "T %" ALTER n DROP NOT NULL',
        [f"{TABLE} ALTER COLUMN n DROP NOT NULL;"],
    ),
    "another table name": (
        (
            'CREATE SCHEMA other; ALTER TABLE "T %" SET SCHEMA other;'
            'ALTER TABLE other."T %" RENAME TO t'
        ),
        ['ALTER TABLE public."T %" SET SCHEMA other; ALTER TABLE other."T %" RENAME TO t;'],
    ),
    "an enum label": (
        "ALTER TYPE color ADD VALUE 'it''s' BEFORE 'blue'",
        ["ALTER TYPE public.color ADD VALUE 'it''s' BEFORE 'blue';"],
    ),
    "enum labels at the end": (
        "ALTER TYPE color ADD VALUE 'x'; ALTER TYPE color ADD VALUE 'y'",
        [
            "ALTER TYPE public.color ADD VALUE 'x' AFTER 'blue';",
            "ALTER TYPE public.color ADD VALUE 'y' AFTER 'x';",
        ],
    ),
    "a renamed label": (
        "ALTER TYPE color RENAME VALUE 'red' TO 'RED'",
        ["ALTER TYPE public.color RENAME VALUE 'red' TO 'RED';"],
    ),
    "a new enum": (
        "CREATE TYPE size AS ENUM ('s', 'l'); ALTER TABLE \"T %\" ADD COLUMN s size[]",
        [
            "CREATE TYPE public.size AS ENUM ('s', 'l');",
            f"{TABLE} ADD COLUMN s public.size[];",
        ],
    ),
    "a column of a partitioned table": (
        "ALTER TABLE part ADD COLUMN t text",
        ["ALTER TABLE public.part ADD COLUMN t text;"],
    ),
    "a new partition": ("CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20)", []),
    "a dropped table": ('DROP TABLE "T %"', []),
    "a new table": ("CREATE TABLE new (a int)", []),
}
SINCE_11: dict[str, tuple[str, list[str] | None]] = {
    "a default": (
        'ALTER TABLE "T %" ADD COLUMN d numeric(9,2) NOT NULL DEFAULT 1.50',
        [
            (
                f"{TABLE} ADD COLUMN d numeric(9,2) DEFAULT '1.50' NOT NULL;"
                f" {TABLE} ALTER COLUMN d SET DEFAULT 1.50;"
            )
        ],
    ),
    "a default that is gone": (
        (
            "ALTER TABLE \"T %\" ADD COLUMN d text DEFAULT 'it''s';"
            'ALTER TABLE "T %" ALTER d DROP DEFAULT'
        ),
        [f"{TABLE} ADD COLUMN d text DEFAULT 'it''s'; {TABLE} ALTER COLUMN d DROP DEFAULT;"],
    ),
}
SINCE_12: dict[str, tuple[str, list[str] | None]] = {
    "a generated column": (
        'ALTER TABLE "T %" ADD COLUMN g int GENERATED ALWAYS AS (n * 2) STORED',
        [f"{TABLE} ADD COLUMN g integer GENERATED ALWAYS AS ((n * 2)) STORED;"],
    ),
}


def _missing(source: Database, target: Database, plan: Plan) -> tuple[MissingStatement, ...]:
    with session(source) as here, session(target) as there:
        return drift(here, there, plan)


ALL = {**CASES, **SINCE_11, **SINCE_12}


@pytest.mark.parametrize("case", list(ALL))
def test_names_the_statement_that_mends_it(source: Database, target: Database, case: str) -> None:
    ddl, expected = ALL[case]
    for database in (source, target):
        database.run(SCHEMA)
    source.run('ALTER TABLE "T %" DROP COLUMN only_here')
    plan = planned(source, target)
    if "other" in ddl:
        target.run("CREATE SCHEMA other")
    source.run(ddl)
    found = _missing(source, target, plan)
    if expected is not None:
        assert [item.statement for item in found] == expected
    for item in found:
        target.run(item.statement)
    assert _missing(source, target, plan) == ()


@pytest.mark.parametrize("version", [10, 12, 14])
def test_older_servers(servers: Servers, make_database: MakeDatabase, version: int) -> None:
    server = servers.get(version)
    source, target = make_database(server, SCHEMA), make_database(server, SCHEMA)
    plan = planned(source, target)
    source.run(
        'ALTER TABLE "T %" ADD COLUMN d numeric(9,2) NOT NULL DEFAULT 1.50;'
        'ALTER TABLE "T %" RENAME v TO w; ALTER TABLE "T %" ALTER n TYPE bigint;'
        "ALTER TABLE part ADD COLUMN t text"
    )
    found = _missing(source, target, plan)
    assert len(found) == 4
    for item in found:
        target.run(item.statement)
    assert _missing(source, target, plan) == ()
    assert target.value('SELECT d FROM "T %"') == source.value('SELECT d FROM "T %"')
