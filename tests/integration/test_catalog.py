"""What a survey says about a database, on every version, and what is planned from two of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from azext_dms_pg.engine.planning.constancy import as_planned, unplaced
from azext_dms_pg.engine.planning.memory import recall, remember
from azext_dms_pg.engine.planning.plan import make_plan
from azext_dms_pg.engine.planning.resuming import resume_plan
from azext_dms_pg.engine.values import Plan
from azext_dms_pg.errors import MigrationError
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.model.task_input import DatabaseInput
from azext_dms_pg.postgres import catalog, publication
from azext_dms_pg.postgres.relations import Name, RelKind, ReplicaIdentity
from azext_dms_pg.postgres.survey import Survey
from tests.fix_postgres import MakeDatabase, Servers
from tests.support import awkward
from tests.support.databases import Database
from tests.support.engine import planned, session, surveyed
from tests.support.servers import VERSIONS

TABLES = """
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE DOMAIN age AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE kinds (
    id bigserial PRIMARY KEY, mood mood, moods mood[], age age, pair pair,
    ch char(5), bits bit(3), num numeric(9,2), span int4range, reg regclass, name name,
    at timestamptz, ints int[] NOT NULL, c text COLLATE "C"
);
CREATE TABLE by_index (a int NOT NULL, b text NOT NULL, c int);
CREATE UNIQUE INDEX by_index_ba ON by_index (b, a);
CREATE UNIQUE INDEX by_index_partial ON by_index (a) WHERE a > 0;
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_ba;
CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE, u int NOT NULL UNIQUE);
ALTER TABLE deferred REPLICA IDENTITY FULL;
CREATE TABLE filled AS SELECT i, repeat('x', 100) AS v FROM generate_series(1, 5000) i;
ANALYZE filled;
CREATE UNLOGGED TABLE fleeting (a int);
CREATE MATERIALIZED VIEW seen AS SELECT 1 AS a;
"""
PARTITIONED = """
CREATE TABLE part (id int NOT NULL, y int NOT NULL) PARTITION BY RANGE (y);
CREATE TABLE part_1 PARTITION OF part (PRIMARY KEY (id)) FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20) PARTITION BY LIST (id);
CREATE TABLE part_2_1 PARTITION OF part_2 (PRIMARY KEY (id)) FOR VALUES IN (1, 2);
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_survey(servers: Servers, make_database: MakeDatabase, version: int) -> None:
    database = make_database(servers.get(version), TABLES + PARTITIONED)
    found = surveyed(database, contents=True)
    server = found.server
    assert server.major == version
    assert server.database == database.name
    assert server.encoding == "UTF8"
    assert server.superuser
    assert server.replica_role
    assert server.system_identifier
    assert server.settings["wal_level"] == "logical"
    _assert_keys(found)
    _assert_columns(found)
    leaf = found.by_name[Name("public", "part_2_1")]
    assert [str(name) for name in leaf.ancestors] == ["public.part_2", "public.part"]
    assert leaf.root == Name("public", "part")
    assert found.by_name[leaf.root].kind is RelKind.PARTITIONED
    assert found.detail(leaf).bound == "FOR VALUES IN (1, 2)"
    filled = found.by_name[Name("public", "filled")]
    assert filled.rows == 5000
    assert filled.pages == database.value("SELECT pg_relation_size('filled') / 8192")
    assert found.detail(filled).has_rows
    assert found.detail(leaf).has_rows is False
    assert [(str(other.name), other.kind) for other in found.others] == [
        ("public.seen", "materialized view")
    ]
    (sequence,) = found.sequences
    assert sequence.owner == (Name("public", "kinds"), "id")
    assert sequence.used_by == (Name("public", "kinds"),)
    assert found.enums[Name("public", "mood")].labels == ("low", "high")


def _assert_keys(found: Survey) -> None:
    by_index = found.by_name[Name("public", "by_index")]
    assert by_index.replica_identity is ReplicaIdentity.INDEX
    assert by_index.identity_key == ("b", "a")
    assert by_index.unique_keys == (("b", "a"),)
    assert by_index.key == ()
    deferred = found.by_name[Name("public", "deferred")]
    assert deferred.key == ("id",)
    assert deferred.key_deferrable
    assert deferred.unique_keys == (("u",),)
    assert found.by_name[Name("public", "fleeting")].persistence == "u"


def _assert_columns(found: Survey) -> None:
    columns = {column.name: column for column in found.by_name[Name("public", "kinds")].columns}
    assert columns["ch"].cast_type == "bpchar"
    assert columns["ch"].type_name == "character(5)"
    assert columns["bits"].cast_type == '"bit"'
    assert columns["num"].type_name == "numeric(9,2)"
    assert columns["moods"].cast_type == "public.mood[]"
    assert {name: column.width for name, column in columns.items() if column.width > 0} == {
        "id": 8,
        "age": 4,
        "at": 8,
        "reg": 4,
    }
    assert {name for name, column in columns.items() if column.portable is None} == {"reg"}
    assert columns["age"].portable == "int4"
    assert columns["ints"].not_null
    assert not columns["mood"].not_null
    assert found.collations[(Name("public", "kinds"), "c")] == Name("pg_catalog", "C")


@pytest.mark.parametrize("version", VERSIONS)
def test_survey_of_awkward_names(
    servers: Servers, make_database: MakeDatabase, version: int
) -> None:
    database = make_database(servers.get(version), awkward.schema(version))
    found = surveyed(database, contents=True)
    evil = found.by_name[Name("public", awkward.EVIL)]
    assert [column.name for column in evil.columns] == ["ID\n%", awkward.LONG]
    plan = planned(database, database)
    assert not plan.unrouted


def test_binary_only_where_both_sides_agree(source: Database, target: Database) -> None:
    script = "CREATE TYPE e AS ENUM ('x'); CREATE TABLE a (id int PRIMARY KEY, e e, r int4range);"
    source.run(script + "CREATE TABLE b (id int PRIMARY KEY, e e[]); CREATE TABLE c (v varchar(3))")
    target.run(
        "CREATE TYPE before AS ENUM ('y');"
        + script
        + "CREATE TABLE b (id int PRIMARY KEY, e e[]); CREATE TABLE c (v text)"
    )
    plan = planned(source, target)
    assert {route.label.name: route.binary for route in plan.routes} == {
        "a": True,
        "b": False,
        "c": False,
    }
    assert not plan.binary_stream
    assert planned(source, target, "a").binary_stream
    assert not planned(source, target, "a", binary=False).routes[0].binary


def test_selection(source: Database, target: Database) -> None:
    source.run(
        TABLES + PARTITIONED + 'CREATE SCHEMA "S.x"; CREATE TABLE "S.x"."T" (id int PRIMARY KEY);'
        'CREATE TABLE "Kinds" (id int PRIMARY KEY); CREATE EXTENSION hstore'
    )
    target.run(TABLES + PARTITIONED + 'CREATE SCHEMA "S.x"; CREATE TABLE "S.x"."T" (id int)')

    def chosen(*tables: str) -> list[str]:
        return [str(route.source.name) for route in planned(source, target, *tables).routes]

    assert chosen("part") == ["public.part_1", "public.part_2_1"]
    assert chosen("PUBLIC.PART_2") == ["public.part_2_1"]
    assert chosen("kinds") == ["public.kinds"]
    assert chosen("S.x.T", '"s.x"."t"') == ["S.x.T"]
    labels = planned(source, target, "part_1", "part").labels
    assert [str(label) for label in labels] == ["public.part"]
    plan = planned(source, target)
    assert [str(name) for name in plan.unrouted] == ["public.Kinds"]
    assert "public.fleeting" not in {str(route.source.name) for route in plan.routes}


def test_partitions_go_where_they_belong(source: Database, target: Database) -> None:
    source.run(
        PARTITIONED + "CREATE TYPE e AS ENUM ('x'); CREATE TABLE h (e e) PARTITION BY HASH (e);"
        "CREATE TABLE h_0 PARTITION OF h FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
        "CREATE TABLE flat (id int PRIMARY KEY)"
    )
    target.run(
        PARTITIONED.replace("TO (20)", "TO (30)")
        + "CREATE TYPE e AS ENUM ('x'); CREATE TABLE h (e e) PARTITION BY HASH (e);"
        "CREATE TABLE h_0 PARTITION OF h FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
        "CREATE TABLE flat (id int PRIMARY KEY) PARTITION BY RANGE (id)"
    )
    went = {str(r.source.name): str(r.target.name) for r in planned(source, target).routes}
    assert went == {
        "public.part_1": "public.part_1",
        # Another bound somewhere above: the root decides.
        "public.part_2_1": "public.part",
        # An enum's hash is that of its OID, which differs.
        "public.h_0": "public.h",
        "public.flat": "public.flat",
    }


def _resumed(source: Database, target: Database, plan: Plan, *tables: str) -> Plan:
    return resume_plan(
        surveyed(source),
        surveyed(target),
        DatabaseInput(source.name, target.name, tables or None),
        MigrationSettings(),
        recall(remember(plan)),
    )


def test_resume(source: Database, target: Database) -> None:
    for database in (source, target):
        database.run(PARTITIONED + "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (i int)")
    plan = planned(source, target)
    assert _resumed(source, target, plan) == plan
    source.run(
        "CREATE TABLE part_3 PARTITION OF part FOR VALUES FROM (20) TO (30);"
        "DROP TABLE b; CREATE TABLE new (id int); ALTER TABLE a RENAME TO z"
    )
    # A table is known by more than its name, on either side.
    for called in ("a", "z"):
        if called == "z":
            target.run("ALTER TABLE a RENAME TO z")
        again = _resumed(source, target, plan)
        assert [(r.source.name.name, r.target.name.name) for r in again.routes] == [
            ("z", called),
            ("part_1", "part_1"),
            ("part_2_1", "part_2_1"),
            ("part_3", "part"),
        ]
    source.run("CREATE TABLE b (i int)")
    with pytest.raises(MigrationError, match="created anew"):
        _resumed(source, target, plan)


@pytest.mark.parametrize("version", VERSIONS)
def test_publication(servers: Servers, make_database: MakeDatabase, version: int) -> None:
    script = awkward.schema(version) + "CREATE TABLE offspring () INHERITS (parent);"
    if version >= 18:
        script += (
            "CREATE TABLE g (a int, b int GENERATED ALWAYS AS (a) STORED);"
            "ALTER TABLE g REPLICA IDENTITY FULL"
        )
    database = make_database(servers.get(version), script)
    plan = planned(database, database)
    with session(database) as opened:
        # Run again it replaces what an interrupted start left.
        for _ in range(2):
            publication.create(opened, "dms_pg_test", plan.published)
        listed = opened.execute(
            "SELECT schemaname::text, tablename::text FROM pg_publication_tables"
        ).fetchall()
        assert {Name(*row) for row in listed} == {route.source.name for route in plan.routes}
        if version >= 18:
            opened.execute("INSERT INTO public.g VALUES (1)")
            opened.execute("UPDATE public.g SET a = 2")
        for _ in range(2):
            publication.drop(opened, "dms_pg_test")
        assert not publication.tables_of(opened, "dms_pg_test")


def test_later_partitions_are_published(source: Database) -> None:
    source.run(PARTITIONED)
    with session(source) as opened:
        publication.create(opened, "dms_pg_test", planned(source, source).published)
        source.run("CREATE TABLE part_3 PARTITION OF part FOR VALUES FROM (20) TO (30)")
        listed = opened.execute("SELECT tablename::text FROM pg_publication_tables").fetchall()
        assert ("part_3",) in listed


def test_plugin(source: Database, target: Database) -> None:
    for database in (source, target):
        database.run("CREATE TABLE a (id int PRIMARY KEY)")
    assert planned(source, target).plugin == "pgoutput"
    assert planned(source, target, plugin="test_decoding").plugin == "test_decoding"
    here, there = surveyed(target), surveyed(target)
    target.run(
        "CREATE TABLE v (a int, g int GENERATED ALWAYS AS (a) VIRTUAL);"
        "ALTER TABLE v REPLICA IDENTITY FULL"
    )
    asked = DatabaseInput("a", "b")
    assert make_plan(here, there, asked, MigrationSettings()).plugin == "pgoutput"
    here = surveyed(target)
    assert make_plan(here, here, asked, MigrationSettings()).plugin == "test_decoding"


def test_what_changed_between_plan_and_snapshot(source: Database, target: Database) -> None:
    for database in (source, target):
        database.run(PARTITIONED + "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (i int)")
    plan = planned(source, target, "a", "part")
    with session(source) as opened:
        source.run("CREATE TABLE new (i int); ALTER TABLE b ADD x int; CREATE INDEX ON a (id)")
        assert as_planned(opened, plan)
        assert not unplaced(plan)
        for change in (
            "ALTER TABLE a ADD COLUMN c int",
            "ALTER TABLE a RENAME TO z",
            "CREATE TABLE part_3 PARTITION OF part FOR VALUES FROM (20) TO (30)",
            "DROP TABLE part_1",
        ):
            source.run(change)
            assert not as_planned(opened, plan)
            plan = resume_or_plan(source, target, plan)
            assert as_planned(opened, plan)
        assert unplaced(plan) == ((Name("public", "z"), "c"),)


def resume_or_plan(source: Database, target: Database, plan: Plan) -> Plan:
    try:
        return _resumed(source, target, plan, "a", "part")
    except MigrationError:
        target.run("ALTER TABLE a RENAME TO z")
        return _resumed(source, target, plan, "a", "part")


@pytest.mark.parametrize("version", [90511, 90607])
def test_the_statements_for_9_on_what_comes_nearest(
    servers: Servers,
    make_database: MakeDatabase,
    monkeypatch: pytest.MonkeyPatch,
    version: int,
) -> None:
    """No 9.x server can be had; its catalogue is a part of what 10 has."""
    source = make_database(servers.get(10), TABLES)
    target = make_database(servers.get(18), TABLES)
    with session(source) as opened:
        reader = catalog._Reader(opened)
        monkeypatch.setattr(reader, "_version", version)
        found = reader.survey(contents=True)
    server = replace(found.server, version=version)
    found = replace(found, server=server)
    _assert_keys(found)
    _assert_columns(found)
    plan = make_plan(
        found, surveyed(target), DatabaseInput(source.name, target.name), MigrationSettings()
    )
    assert plan.plugin == "test_decoding"
    assert not plan.binary_stream
    assert {route.source.name.name for route in plan.routes} == {
        "kinds", "by_index", "deferred", "filled",
    }  # fmt: skip
    assert [route.source for route in plan.sequences] == [Name("public", "kinds_id_seq")]
