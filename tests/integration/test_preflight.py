"""Each finding is made where there is reason to, and its remedy is SQL that takes it away."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from azext_dms_pg.engine.preflight import preflight
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.model.states import Severity
from azext_dms_pg.model.task_input import DatabaseInput
from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.engine import Login, surveyed
from tests.support.servers import Server


def findings(
    source: Database,
    target: Database,
    *tables: str,
    logins: tuple[Login | None, Login | None] = (None, None),
    slots: frozenset[str] = frozenset(),
    **settings: str,
) -> tuple[Finding, ...]:
    asked = DatabaseInput(source.name, target.name, tables or None, migration_setting=settings)
    return preflight(
        surveyed(source, login=logins[0]),
        surveyed(target, contents=True, login=logins[1]),
        asked,
        MigrationSettings.of(asked),
        slots or frozenset({"dms_pg_one"}),
    )


def codes(found: tuple[Finding, ...]) -> set[str]:
    return {finding.code for finding in found}


T = "CREATE TABLE t (id int PRIMARY KEY, v text);"
# A table of an extension that was never analysed: its number of rows is unknown.
CONFIGURED = (
    "CREATE TABLE kept (a int) WITH (autovacuum_enabled = off); INSERT INTO kept VALUES (1);"
    "ALTER EXTENSION earthdistance ADD TABLE kept"
)
BLOCKER, WARNING, INFO = Severity.BLOCKER, Severity.WARNING, Severity.INFO


@dataclass(frozen=True)
class Case:
    """SQL for both sides, what is to be found, and where its remedy is run ('' : by hand)."""

    code: str
    severity: Severity
    source: str
    target: str
    where: str = ""
    subject: str = ""


CASES = [
    Case("NothingToMigrate", BLOCKER, "", ""),
    Case("TableMissingOnTarget", BLOCKER, T, "", subject="public.t"),
    Case(
        "NoReplicaIdentity",
        BLOCKER,
        'CREATE TABLE "T%" (a int)',
        'CREATE TABLE "T%" (a int)',
        "source",
        "public.T%",
    ),
    Case("NoReplicaIdentity", BLOCKER, T + "ALTER TABLE t REPLICA IDENTITY NOTHING", T, "source"),
    Case(
        "NoReplicaIdentity", BLOCKER, "CREATE TABLE t (id int PRIMARY KEY DEFERRABLE)", T, "source"
    ),
    Case(
        "RowsMatchedWhole",
        WARNING,
        "CREATE TABLE t (a int); ALTER TABLE t REPLICA IDENTITY FULL",
        "CREATE TABLE t (a int)",
    ),
    Case(
        "NoKeyOnTarget",
        WARNING,
        'CREATE TABLE t ("I d" int PRIMARY KEY)',
        'CREATE TABLE t ("I d" int)',
        "target",
    ),
    Case("TargetNotEmpty", BLOCKER, T, T + "INSERT INTO t VALUES (1)", "target", "public.t"),
    Case(
        "RowsRouted", INFO, T, "CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)"
    ),
    Case(
        "ColumnMissingOnTarget",
        BLOCKER,
        'CREATE TABLE t (id int PRIMARY KEY, "V ""x" bit(3))',
        "CREATE TABLE t (id int PRIMARY KEY)",
        "target",
    ),
    Case("ColumnOnlyOnTarget", BLOCKER, T, T + "ALTER TABLE t ADD x int NOT NULL"),
    Case("ColumnOnlyOnTarget", INFO, T, T + "ALTER TABLE t ADD x int NOT NULL DEFAULT 1"),
    Case(
        "ColumnTypesDiffer",
        WARNING,
        T,
        "CREATE TABLE t (id int PRIMARY KEY, v varchar(3))",
        "target",
    ),
    Case("NullsNotAllowed", WARNING, T, T + "ALTER TABLE t ALTER v SET NOT NULL", "target"),
    Case(
        "GeneratedOnlyOnSource",
        BLOCKER,
        T + "ALTER TABLE t ADD g int GENERATED ALWAYS AS (id) STORED",
        T + "ALTER TABLE t ADD g int",
    ),
    Case(
        "GeneratedOnlyOnTarget",
        WARNING,
        T + "ALTER TABLE t ADD g int",
        T + "ALTER TABLE t ADD g int GENERATED ALWAYS AS (id) STORED",
        "target",
    ),
    Case(
        "CollationsDiffer",
        WARNING,
        T + 'ALTER TABLE t ADD c text COLLATE "C"',
        T + "ALTER TABLE t ADD c text",
        "target",
    ),
    Case(
        "CollationsDiffer",
        WARNING,
        T + "ALTER TABLE t ADD c text",
        T + 'ALTER TABLE t ADD c text COLLATE "C"',
        "target",
    ),
    Case(
        "IdentityDiffers",
        INFO,
        T + "ALTER TABLE t ALTER id ADD GENERATED ALWAYS AS IDENTITY",
        T,
        "target",
    ),
    Case("DefaultMissing", INFO, T + "ALTER TABLE t ALTER v SET DEFAULT 'x'", T),
    Case("ExtensionMissing", WARNING, T + "CREATE EXTENSION pg_trgm", T, "target"),
    Case(
        "EnumLabelsDiffer",
        BLOCKER,
        "CREATE TYPE e AS ENUM ('a', 'it''s', 'b', 'z');CREATE TABLE t (id int PRIMARY KEY, e e)",
        "CREATE TYPE e AS ENUM ('a', 'b');CREATE TABLE t (id int PRIMARY KEY, e e)",
    ),
    Case(
        "DomainNotValid",
        WARNING,
        "CREATE DOMAIN d AS int; CREATE TABLE t (id int PRIMARY KEY, d d[])",
        "CREATE DOMAIN d AS int; CREATE TABLE t (id int PRIMARY KEY, d d[]);"
        "ALTER DOMAIN d ADD CONSTRAINT low CHECK (VALUE < 10) NOT VALID",
        "target",
        "public.d.low",
    ),
    Case(
        "EnumLabelsDiffer",
        WARNING,
        T + "CREATE TYPE e AS ENUM ('a', 'x')",
        T + "CREATE TYPE e AS ENUM ('x')",
        "target",
    ),
    Case("SequenceMissing", WARNING, T + 'CREATE SEQUENCE "s %" INCREMENT -2 CYCLE', T, "target"),
    Case(
        "SequenceSmaller",
        WARNING,
        T + "CREATE SEQUENCE s",
        T + "CREATE SEQUENCE s AS smallint MAXVALUE 100",
        "target",
    ),
    Case(
        "SequenceSmaller",
        WARNING,
        T + "CREATE SEQUENCE s MINVALUE -10 START -10",
        T + "CREATE SEQUENCE s",
        "target",
    ),
    Case("ForeignKeysDropped", INFO, T, T + "CREATE TABLE x (t int REFERENCES t)"),
    Case(
        "RuleDisabled",
        INFO,
        T,
        T + "CREATE RULE r AS ON INSERT TO t DO ALSO SELECT 1;ALTER TABLE t ENABLE ALWAYS RULE r",
    ),
    Case(
        "EventTrigger",
        WARNING,
        T,
        T + "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE"
        " plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER \"e t\" ON ddl_command_end"
        " EXECUTE FUNCTION f()",
        "target",
    ),
    Case("UnloggedTable", WARNING, T + "CREATE UNLOGGED TABLE u (a int)", T, "source"),
    Case("ExtensionTable", INFO, T + "CREATE EXTENSION earthdistance CASCADE;" + CONFIGURED, T),
    Case(
        "OwnSchemaOnSource",
        WARNING,
        T + "CREATE SCHEMA dms_pg; CREATE TABLE dms_pg.notes (id int PRIMARY KEY)",
        T,
        "source",
        "schema dms_pg",
    ),
    Case(
        "OwnSchemaHoldsOthers",
        WARNING,
        T,
        T + "CREATE SCHEMA dms_pg; CREATE VIEW dms_pg.seen AS SELECT 1",
        "target",
    ),
    Case(
        "OwnSchemaNameTaken",
        BLOCKER,
        T,
        T + "CREATE SCHEMA dms_pg; CREATE TABLE dms_pg.migration (id int)",
        "target",
        "dms_pg.migration",
    ),
    Case(
        "ForeignTable",
        WARNING,
        T + "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA"
        " WRAPPER w; CREATE FOREIGN TABLE f (a int) SERVER s",
        T,
        subject="public.f",
    ),
    Case("MaterializedView", WARNING, T + "CREATE MATERIALIZED VIEW m AS SELECT 1", T),
    Case("LargeObjects", WARNING, T + "SELECT lo_create(0)", T),
    Case(
        "Inheritance",
        INFO,
        T + "CREATE TABLE i (PRIMARY KEY (id)) INHERITS (t)",
        T + "CREATE TABLE i (PRIMARY KEY (id)) INHERITS (t)",
    ),
    Case(
        "GeneratedColumnInKey",
        BLOCKER,
        "CREATE TABLE t (a int, id int GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY)",
        "CREATE TABLE t (a int, id int GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY)",
        "source",
        "public.t",
    ),
    Case(
        "StreamAsText",
        INFO,
        T,
        "CREATE TABLE t (id bigint PRIMARY KEY, v text)",
        subject="public.t",
    ),
    Case("SizeEstimate", INFO, T, T),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.severity}")
def test_found_and_mended(source: Database, target: Database, case: Case) -> None:
    source.run(case.source or "SELECT 1")
    target.run(case.target or "SELECT 1")
    found = [one for one in findings(source, target) if one.code == case.code]
    assert {one.severity for one in found} == {case.severity}
    if case.subject:
        assert found[0].subject == case.subject
    if case.where:
        {"source": source, "target": target}[case.where].run(found[0].remedy)
        assert case.code not in codes(findings(source, target))


def test_nothing_to_say(source: Database, target: Database) -> None:
    """Two like databases have no blocker and no warning."""
    for database in (source, target):
        database.run(T)
    found = findings(source, target)
    assert [one for one in found if one.severity is not Severity.INFO] == []


def test_temporary_tables_are_counted(source: Database, target: Database) -> None:
    for database in (source, target):
        database.run(T)
    with source.connect() as session:
        session.execute("CREATE TEMPORARY TABLE one (a int)")
        session.execute("CREATE TEMPORARY TABLE two (a int)")
        found = [one for one in findings(source, target) if one.code == "TemporaryTables"]
    assert [one.severity for one in found] == [INFO]
    assert "have 2 temporary tables" in found[0].message
    assert "TemporaryTables" not in codes(findings(source, target))


def test_names_that_mean_nothing(source: Database, target: Database) -> None:
    source.run(
        'CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY); CREATE TABLE "A" (i int);'
        "CREATE TABLE a (i int)"
    )
    found = [
        one
        for one in findings(source, target, "t", "nope", "public.a")
        if one.code == "TableNotFound"
    ]
    assert [one.subject for one in found] == ["t", "nope"]
    assert "app.t" in found[0].remedy


def test_selection_decides_how_bad_it_is(source: Database, target: Database) -> None:
    source.run(T + "CREATE UNLOGGED TABLE u (a int); CREATE TABLE keyless (a int)")
    target.run(
        T + "CREATE TABLE other (id int PRIMARY KEY);"
        "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES other"
    )
    chosen = findings(source, target, "t", "u")
    assert ("UnloggedTable", Severity.BLOCKER) in {(one.code, one.severity) for one in chosen}
    assert "ForeignKeyLeadsOut" in codes(chosen)
    assert "NoReplicaIdentity" not in codes(chosen)


def test_rows_that_are_there_may_be_given_up(source: Database, target: Database) -> None:
    for database in (source, target):
        database.run(T + "INSERT INTO t VALUES (1)")
    found = findings(source, target, nonEmptyTarget="truncate")
    assert "TargetWillBeEmptied" in codes(found)
    assert "TargetNotEmpty" not in codes(found)


def test_partitions_made_later(
    servers: Servers, make_database: MakeDatabase, target: Database
) -> None:
    script = """
        CREATE TABLE part (id int NOT NULL) PARTITION BY RANGE (id);
        CREATE TABLE part_1 PARTITION OF part (PRIMARY KEY (id)) FOR VALUES FROM (0) TO (10);
    """
    target.run(script)
    for version, expected in ((12, True), (13, False)):
        found = codes(findings(make_database(servers.get(version), script), target))
        assert ("LaterPartitionsNotFollowed" in found) is expected


def test_slots_for_all_databases_of_the_task(
    own_server: Callable[..., Server], target: Database
) -> None:
    """A task of three must not begin with two of them."""
    server = own_server(17, settings={"max_replication_slots": 3, "max_wal_senders": 3})
    source = Database(server, "postgres")
    slots = frozenset({"dms_pg_a", "dms_pg_b", "dms_pg_c"})
    server.run("SELECT pg_create_logical_replication_slot('dms_pg_a', 'pgoutput')")
    assert not {"NoFreeSlot", "NoFreeWalSender"} & codes(findings(source, target, slots=slots))
    server.run("SELECT pg_create_physical_replication_slot('standby')")
    assert "NoFreeSlot" in codes(findings(source, target, slots=slots))
    assert "NoFreeWalSender" in codes(findings(source, target, slots=slots | {"dms_pg_d"}))


def test_same_database(source: Database) -> None:
    source.run(T)
    assert "SourceIsTarget" in codes(findings(source, source))


def test_many_of_a_kind_are_one_story(source: Database, target: Database) -> None:
    source.run("".join(f"CREATE TABLE t{i} (id int PRIMARY KEY);" for i in range(60)))
    found = [one for one in findings(source, target) if one.code == "TableMissingOnTarget"]
    assert len(found) == 25
    assert "35 more" in found[-1].message


def test_transactions_in_the_way(servers: Servers, make_database: MakeDatabase) -> None:
    server = servers.get(15)
    source, target = make_database(server, T), make_database(servers.get(18), T)
    with source.connect(autocommit=False) as writer, source.connect() as other:
        writer.execute("INSERT INTO t VALUES (1)")
        other.execute("BEGIN")
        other.execute("INSERT INTO t VALUES (2)")
        other.execute("PREPARE TRANSACTION 'it''s'")
        seen = surveyed(source)
        assert [one.pid for one in seen.open_transactions] == [writer.info.backend_pid]
        # As if it had been open for long.
        old = replace(
            seen,
            open_transactions=tuple(replace(one, seconds=900.0) for one in seen.open_transactions),
        )
        asked = DatabaseInput(source.name, target.name)
        found = preflight(old, surveyed(target), asked, MigrationSettings(), frozenset({"s"}))
        by_code = {one.code: one for one in found}
        assert str(writer.info.backend_pid) in by_code["LongTransaction"].remedy
        other.execute(by_code["PreparedTransaction"].remedy.encode())
        writer.rollback()
    assert not codes(findings(source, target)) & {"LongTransaction", "PreparedTransaction"}


def test_a_source_that_cannot_decode(own_server: Callable[..., Server], target: Database) -> None:
    server = own_server(
        17,
        settings={
            "wal_level": "replica",
            "max_replication_slots": 0,
            "max_wal_senders": 0,
            "max_connections": 8,
            "wal_sender_timeout": "2s",
            "max_slot_wal_keep_size": "64MB",
        },
    )
    server.run(T)
    target.run(T)
    found = findings(Database(server, "postgres"), target)
    assert codes(found) >= {
        "WalLevelNotLogical",
        "NoFreeSlot",
        "NoFreeWalSender",
        "FewConnections",
        "WalSenderTimeoutShort",
        "SlotWalLimited",
    }
    for one in found:
        if "ALTER SYSTEM" in one.remedy and one.subject == "source":
            server.run(one.remedy.split(";")[0])


@pytest.fixture
def weak(source: Database, target: Database) -> Iterator[Login]:
    login = Login(f"weak_{secrets.token_hex(4)}", secrets.token_urlsafe(12))
    for database in (source, target):
        database.server.run(f"CREATE ROLE {login.user} LOGIN PASSWORD '{login.password}'")
    yield login
    for database in (source, target):
        database.run(f"DROP OWNED BY {login.user}")
        database.server.run(f"DROP ROLE {login.user}")


def test_rights_are_asked_for_until_they_suffice(
    source: Database, target: Database, weak: Login
) -> None:
    schema = """
        CREATE SCHEMA app; CREATE TABLE app.t (id serial PRIMARY KEY, v text);
        CREATE TABLE app.parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE app.parted_1 PARTITION OF app.parted FOR VALUES FROM (0) TO (10);
        ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;
        CREATE TABLE app.hidden (id int PRIMARY KEY);
        ALTER TABLE app.hidden ENABLE ROW LEVEL SECURITY;
        INSERT INTO app.hidden VALUES (1);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
        CREATE TRIGGER g BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION f();
        CREATE TABLE app.child (id int PRIMARY KEY REFERENCES app.t);
    """
    source.run(schema)
    target.run(schema)
    seen: set[str] = set()
    for _ in range(6):
        found = findings(source, target, "app.t", "app.parted", "app.child", logins=(weak, weak))
        seen |= codes(found)
        blockers = [one for one in found if one.severity is Severity.BLOCKER]
        if not blockers:
            break
        for one in blockers:
            on_source = "on the source" in one.message or one.subject.startswith("source")
            on_source |= one.code in {"NoReplicationRight", "NoSelectOnSequence"}
            (source if on_source else target).run(one.remedy)
    else:
        pytest.fail(f"still in the way: {blockers}")
    assert seen >= {
        "NoSchemaUsage",
        "NoSelect",
        "NoSelectOnSequence",
        "NoReplicationRight",
        "RowSecurity",
        "NoCreateOnDatabase",
        "NoWriteAccess",
        "NotOwnerOnTarget",
        "NoUpdateOnSequence",
        "DecodedAsText",
    }
