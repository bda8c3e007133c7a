"""Generated columns are computed on the target as they are on the source, also after a change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from azext_dms_pg.engine.drift.statements import drift, fingerprint
from azext_dms_pg.engine.planning.memory import recall, remember
from azext_dms_pg.engine.preflight import preflight
from azext_dms_pg.engine.values import Plan
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.model.states import Severity
from azext_dms_pg.model.task_input import DatabaseInput
from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.engine import planned, session, surveyed
from tests.support.migrate import Mover

BY_ITSELF = "by itself: "
SCHEMA = "CREATE TABLE g (id int PRIMARY KEY, a int, c int GENERATED ALWAYS AS (a * 3) STORED)"
VIRTUAL = SCHEMA.replace("STORED", "VIRTUAL")
PARTS = """
CREATE TABLE g (id int, a int, c int GENERATED ALWAYS AS (a * 3) STORED) PARTITION BY LIST (id);
CREATE TABLE g1 PARTITION OF g FOR VALUES IN (1);
CREATE TABLE g2 PARTITION OF g FOR VALUES IN (2);
"""
ROWS = "INSERT INTO g SELECT i, i FROM generate_series(1, 5) i"
SET = "ALTER TABLE g ALTER c SET EXPRESSION AS (a * 4)"
ANEW = "ALTER TABLE g DROP c, ADD c int GENERATED ALWAYS AS (a * 4) STORED"
TABLE = "ALTER TABLE public.g"
AGAIN = [
    f"{TABLE} DROP COLUMN c; /* what is made of it goes with it: make that again */",
    f"{TABLE} ADD COLUMN c integer GENERATED ALWAYS AS ((a * 4)) STORED;",
]


@pytest.fixture
def pair(
    request: pytest.FixtureRequest, servers: Servers, make_database: MakeDatabase
) -> tuple[Database, Database]:
    """Empty databases of two versions."""
    here, there = request.param
    return tuple(make_database(servers.get(version), "SELECT 1") for version in (here, there))  # type: ignore[return-value]


def between(*versions: tuple[int, int]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("pair", versions, indirect=True, ids=str)


def _told(source: Database, target: Database, plan: Plan) -> list[str]:
    with session(source) as here, session(target) as there:
        return [item.statement for item in drift(here, there, plan)]


def _begun(source: Database, target: Database, schema: str, there: str = "") -> Plan:
    source.run(schema)
    target.run(there or schema)
    source.run(ROWS if "PARTITION" not in schema else "INSERT INTO g VALUES (1, 1), (2, 2)")
    plan = planned(source, target)
    assert _told(source, target, plan) == []
    return plan


def _found(source: Database, target: Database) -> list[Finding]:
    asked = DatabaseInput(source.name, target.name, None)
    found = preflight(
        surveyed(source),
        surveyed(target, contents=True),
        asked,
        MigrationSettings.of(asked),
        frozenset({"dms_pg_one"}),
    )
    return [one for one in found if one.code == "GeneratedDiffers"]


@between((17, 17), (17, 18))
def test_pauses_until_the_target_computes_alike(
    mover: Mover, pair: tuple[Database, Database]
) -> None:
    source, target = pair
    task = mover.ready_with(source, target, SCHEMA, ROWS)
    source.run(SET)
    task.cutover()
    task.until(lambda: BY_ITSELF in task.problem(), "a pause with a statement")
    told = task.problem().split(BY_ITSELF, 1)[1].split("\n")[0]
    assert told == f"{TABLE} ALTER COLUMN c SET EXPRESSION AS ((a * 4));"
    target.run(told)
    task.reach("COMPLETE")
    assert target.value("SELECT sum(c) FROM g") == 60
    words = next(item for item in task.findings() if item["code"] == "TableRewritten")["message"]
    assert "but for generated columns" in words


def test_pauses_where_the_column_has_to_be_made_anew(
    mover: Mover, servers: Servers, make_database: MakeDatabase
) -> None:
    source, target = (make_database(servers.get(n), "SELECT 1") for n in (14, 16))
    task = mover.ready_with(source, target, SCHEMA, ROWS)
    source.run(ANEW)
    task.cutover()
    task.until(lambda: BY_ITSELF in task.problem(), "a pause with a statement")
    target.run(task.problem().split(BY_ITSELF, 1)[1].split("\n")[0])
    task.reach("COMPLETE")
    assert target.value("SELECT sum(c) FROM g") == 60


@between((17, 17), (17, 18), (17, 16))
def test_the_statement(pair: tuple[Database, Database]) -> None:
    source, target = pair
    plan = _begun(source, target, SCHEMA)
    memory = recall(remember(plan))
    assert memory.tables == plan.begun
    source.run(SET)
    told = _told(source, target, plan)
    if target.server.version < 17:
        assert told == AGAIN
    else:
        assert told == [f"{TABLE} ALTER COLUMN c SET EXPRESSION AS ((a * 4));"]
    for statement in told:
        target.run(statement)
    assert _told(source, target, plan) == []
    assert target.value("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef") == "(a * 4)"
    if target.server.version == source.server.version:
        source.run(SET.replace("4", "5"))
        assert _told(source, target, plan) == [told[0].replace("4", "5")]


@between((18, 18))
def test_virtual_columns(pair: tuple[Database, Database]) -> None:
    """18 gives them another expression, but not where the table has a check."""
    source, target = pair
    plan = _begun(source, target, VIRTUAL)
    with session(source) as here:
        before = fingerprint(here, "source")
        source.run(SET)
        assert fingerprint(here, "source") != before
    told = _told(source, target, plan)
    assert told == [f"{TABLE} ALTER COLUMN c SET EXPRESSION AS ((a * 4));"]
    target.run("ALTER TABLE g ADD CHECK (a > 0)")
    told = [text for text in _told(source, target, plan) if "CHECK" not in text]
    assert told == [text.replace("STORED", "VIRTUAL") for text in AGAIN]
    for statement in told:
        target.run(statement)
    assert _told(source, target, plan) == []


@between((17, 17))
def test_names_alone_change_no_expression(pair: tuple[Database, Database]) -> None:
    source, target = pair
    plan = _begun(source, target, SCHEMA)
    source.run("ALTER TABLE g RENAME a TO b; ALTER TABLE g RENAME c TO d")
    told = _told(source, target, plan)
    assert told
    assert all("RENAME COLUMN" in text for text in told)
    for statement in told:
        target.run(statement)
    assert _told(source, target, plan) == []
    source.run("ALTER TABLE g RENAME b TO e; ALTER TABLE g ALTER d SET EXPRESSION AS (e - 1)")
    told = _told(source, target, plan)
    assert told == [
        f"{TABLE} RENAME COLUMN b TO e;",
        f"{TABLE} ALTER COLUMN d SET EXPRESSION AS ((e - 1));",
    ]
    for statement in told:
        target.run(statement)
    assert _told(source, target, plan) == []


@between((17, 17))
def test_partitions(pair: tuple[Database, Database]) -> None:
    """Said once for all of them, or of the one that was changed by itself."""
    source, target = pair
    plan = _begun(source, target, PARTS)
    for here, name in (("g", "g"), ("g2", "g2")):
        source.run(f"ALTER TABLE {here} ALTER c SET EXPRESSION AS (a * {len(here) + 4})")
        told = _told(source, target, plan)
        expected = f"public.{name} ALTER COLUMN c SET EXPRESSION AS ((a * {len(here) + 4}));"
        assert told == [f"ALTER TABLE {expected}"]
        target.run(told[0])
        assert _told(source, target, plan) == []
    target.run("INSERT INTO g VALUES (1, 1), (2, 2)")
    assert target.value("SELECT sum(c) FROM g") == source.value("SELECT sum(c) FROM g")


@between((17, 17), (13, 17))
def test_what_was_different_at_the_beginning(pair: tuple[Database, Database]) -> None:
    """It is told, and does not pause; what comes later does."""
    source, target = pair
    plan = _begun(source, target, SCHEMA, SCHEMA.replace("3", "2"))
    (found,) = _found(source, target)
    assert found.severity is Severity.WARNING
    assert found.subject == "public.g.c"
    assert "generated as (a * 3) on the source and as (a * 2) on the target" in found.message
    source.run("VACUUM FULL g")
    assert _told(source, target, plan) == []
    target.run(found.remedy)
    assert _found(source, target) == []
    assert _told(source, target, plan) == []


@between((14, 16))
def test_the_remedy_before_17(pair: tuple[Database, Database]) -> None:
    source, target = pair
    source.run(SCHEMA)
    target.run(SCHEMA.replace("3", "2"))
    (found,) = _found(source, target)
    target.run(found.remedy)
    assert _found(source, target) == []


@between((17, 17))
def test_begun_by_an_earlier_version(pair: tuple[Database, Database]) -> None:
    """It did not keep the expressions: whether one has changed is not known."""
    source, target = pair
    plan = _begun(source, target, SCHEMA)
    kept = recall(remember(plan).replace('"formulas"', '"unknown"'))
    assert [table.formulas for table in kept.tables] == [{}]
    source.run(SET)
    assert _told(source, target, replace(plan, begun=kept.tables)) == []


@between((17, 17))
def test_a_column_that_came_since(pair: tuple[Database, Database]) -> None:
    source, target = pair
    plan = _begun(source, target, SCHEMA)
    add = "ALTER TABLE g ADD d int GENERATED ALWAYS AS (a + 1) STORED"
    source.run(add)
    target.run(add.replace("1", "2"))
    told = _told(source, target, plan)
    assert told == [f"{TABLE} ALTER COLUMN d SET EXPRESSION AS ((a + 1));"]
    target.run(told[0])
    assert _told(source, target, plan) == []


@between((17, 17), (14, 14), (14, 17))
@pytest.mark.parametrize(
    "expression", ["v IN ('a', 'b')", "a BETWEEN 1 AND 5 AND v LIKE 'a%'", "length(trim(v))"]
)
def test_what_prints_otherwise_once_it_was_read(
    pair: tuple[Database, Database], expression: str
) -> None:
    """The statement that is told ends the pause, whatever the target makes of its text."""
    source, target = pair
    plan = _begun(source, target, SCHEMA.replace("a int", "a int, v varchar(10)"))
    kind = "int" if "length" in expression else "bool"
    source.run(f"ALTER TABLE g ADD d {kind} GENERATED ALWAYS AS ({expression}) STORED")
    told = _told(source, target, plan)
    assert told
    for statement in told:
        target.run(statement)
    assert _told(source, target, plan) == []
    assert _found(source, target) == [] or source.server.version != target.server.version


@between((17, 17), (14, 14))
def test_another_expression_that_prints_otherwise(pair: tuple[Database, Database]) -> None:
    source, target = pair
    column = "d bool GENERATED ALWAYS AS (v IN ('a', 'b')) STORED"
    plan = _begun(source, target, f"CREATE TABLE g (id int PRIMARY KEY, v varchar(10), {column})")
    anew = column.replace("'b'", "'c'")
    source.run(f"ALTER TABLE g DROP d; ALTER TABLE g ADD {anew}")
    told = _told(source, target, plan)
    assert told
    for statement in told:
        target.run(statement)
    assert _told(source, target, plan) == []
