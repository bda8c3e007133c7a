"""Tables of every shape arrive whole, and what cannot travel is reported, never skipped."""

from __future__ import annotations

import pytest

from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.definitions import catalogue, differences
from tests.support.migrate import Mover

PLUGINS = ["pgoutput", "test_decoding"]

KEYS = """
CREATE TABLE heap (a int, b text, c json);
ALTER TABLE heap REPLICA IDENTITY FULL;
CREATE TABLE by_index (a int NOT NULL, b text NOT NULL, c text);
CREATE UNIQUE INDEX by_index_key ON by_index (b, a);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_key;
CREATE TABLE by_included (a int NOT NULL, b text, c text);
CREATE UNIQUE INDEX by_included_key ON by_included (a) INCLUDE (c);
ALTER TABLE by_included REPLICA IDENTITY USING INDEX by_included_key;
CREATE TABLE full_with_key (a int PRIMARY KEY, b text, c text);
ALTER TABLE full_with_key REPLICA IDENTITY FULL;
CREATE TABLE full_nulls (a int UNIQUE, b text);
ALTER TABLE full_nulls REPLICA IDENTITY FULL;
CREATE TABLE key_last (c text, b text, a int, PRIMARY KEY (a, b));
CREATE TABLE no_columns ();
ALTER TABLE no_columns REPLICA IDENTITY FULL;
CREATE TABLE only_key (a int PRIMARY KEY);
CREATE TABLE empty (a int PRIMARY KEY, b text);
"""
KEYS_ROWS = """
INSERT INTO heap SELECT i % 3, NULLIF(repeat('x', i % 4), ''), '{"a": 1}'
    FROM generate_series(1, 60) i;
INSERT INTO by_index SELECT i, 'b' || i, 'c' FROM generate_series(1, 20) i;
INSERT INTO by_included SELECT i, 'b' || i, 'c' FROM generate_series(1, 20) i;
INSERT INTO full_with_key SELECT i, NULL, 'c' FROM generate_series(1, 20) i;
INSERT INTO full_nulls SELECT NULLIF(i, 5), 'b' FROM generate_series(1, 20) i;
INSERT INTO full_nulls VALUES (NULL, 'b'), (NULL, 'b'), (NULL, NULL);
INSERT INTO key_last SELECT 'c', 'b' || i, i FROM generate_series(1, 20) i;
INSERT INTO no_columns SELECT FROM generate_series(1, 7);
INSERT INTO only_key SELECT generate_series(1, 20);
"""
KEYS_CHANGES = [
    "DELETE FROM heap WHERE ctid = (SELECT min(ctid) FROM heap WHERE a = 1 AND b = 'x')",
    "DELETE FROM heap WHERE ctid = (SELECT min(ctid) FROM heap WHERE b IS NULL)",
    "UPDATE heap SET a = a + 10 WHERE ctid IN (SELECT ctid FROM heap WHERE a = 2 LIMIT 2)",
    "INSERT INTO heap SELECT * FROM heap WHERE a = 0",
    "UPDATE by_index SET c = 'n' WHERE a < 5; UPDATE by_index SET b = 'moved', a = 99 WHERE a = 6",
    "DELETE FROM by_index WHERE a = 7",
    "UPDATE by_included SET c = 'new' WHERE a < 5; UPDATE by_included SET a = -a WHERE a > 15",
    "DELETE FROM by_included WHERE a = 7",
    "UPDATE full_with_key SET b = 'x' WHERE a < 5; UPDATE full_with_key SET a = -a WHERE a > 15",
    "DELETE FROM full_with_key WHERE a = 7",
    "DELETE FROM full_nulls WHERE ctid = (SELECT min(ctid) FROM full_nulls WHERE a IS NULL)",
    (
        "UPDATE full_nulls SET b = 'c' WHERE ctid = (SELECT max(ctid) FROM full_nulls"
        " WHERE a IS NULL AND b = 'b')"
    ),
    "UPDATE key_last SET b = 'x' WHERE a = 3; DELETE FROM key_last WHERE a = 4",
    "INSERT INTO no_columns DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES",
    "UPDATE only_key SET a = a + 1000; DELETE FROM only_key WHERE a = 1003",
    "INSERT INTO empty SELECT i, 'b' FROM generate_series(1, 5) i; DELETE FROM empty WHERE a = 1",
]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_keys_and_replica_identities(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    mover.whole(
        source,
        target,
        schema=KEYS,
        data=KEYS_ROWS,
        changes=KEYS_CHANGES,
        source_settings={"plugin": plugin},
    )


def test_tables_without_replica_identity_are_refused(
    mover: Mover, source: Database, target: Database
) -> None:
    schema = """
        CREATE TABLE keyless (a int);
        CREATE TABLE nothing (a int PRIMARY KEY);
        ALTER TABLE nothing REPLICA IDENTITY NOTHING;
        CREATE TABLE late (a int, CONSTRAINT late_pkey PRIMARY KEY (a) DEFERRABLE);
        CREATE TABLE fine (a int PRIMARY KEY);
    """
    source.run(schema)
    target.run(schema)
    task = mover.start(source, target)
    task.refused()
    blockers = {item["subject"]: item for item in task.findings() if item["severity"] == "blocker"}
    assert {"public.keyless", "public.nothing", "public.late"} <= blockers.keys()
    assert "public.fine" not in blockers
    for name in ("keyless", "nothing", "late"):
        assert "REPLICA IDENTITY FULL" in blockers[f"public.{name}"]["remedy"]
        source.run(blockers[f"public.{name}"]["remedy"])
    # The remedies are SQL to run as they stand.
    source.run("INSERT INTO keyless VALUES (1), (1); INSERT INTO nothing VALUES (1)")
    task.backend.tasks.restart(task.where)
    task.ready()
    source.run("DELETE FROM keyless WHERE ctid = '(0,1)'; UPDATE nothing SET a = 2")
    task.finish()
    report = task.compare()
    assert report.clean, report.text


COLUMNS = """
CREATE TABLE always (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, b text);
CREATE TABLE by_default (id bigint GENERATED BY DEFAULT AS IDENTITY (INCREMENT BY -3) PRIMARY KEY);
CREATE TABLE always_not_key (
    k int PRIMARY KEY, n smallint GENERATED ALWAYS AS IDENTITY (START WITH 10 CYCLE MAXVALUE 12));
CREATE TABLE serials (id serial PRIMARY KEY, other bigserial, c text);
CREATE SEQUENCE free START 7;
CREATE TABLE draws (id int PRIMARY KEY DEFAULT nextval('free'), d date DEFAULT now() + '1 day');
CREATE TABLE generated (a int PRIMARY KEY, b int,
    twice int GENERATED ALWAYS AS (b * 2) STORED, c text, shout text
    GENERATED ALWAYS AS (upper(c)) STORED);
CREATE TABLE generated_full (a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
ALTER TABLE generated_full REPLICA IDENTITY FULL;
CREATE TABLE dropped_columns (a int PRIMARY KEY, gone text, b text, gone_too int, c text);
"""
COLUMNS_SOURCE = (
    COLUMNS
    + """
ALTER TABLE dropped_columns DROP COLUMN gone, DROP COLUMN gone_too, ADD COLUMN d int DEFAULT 5;
"""
)
# Other order of columns, and a target that generates where the source stores.
COLUMNS_TARGET = COLUMNS.replace(
    "CREATE TABLE dropped_columns (a int PRIMARY KEY, gone text, b text, gone_too int, c text);",
    "CREATE TABLE dropped_columns (d int DEFAULT 5, c text, a int PRIMARY KEY, b text);",
)
COLUMNS_ROWS = """
INSERT INTO always (b) SELECT 'x' FROM generate_series(1, 9);
INSERT INTO by_default SELECT FROM generate_series(1, 9);
INSERT INTO by_default VALUES (77);
INSERT INTO always_not_key SELECT i FROM generate_series(1, 9) i;
INSERT INTO serials (c) SELECT 'x' FROM generate_series(1, 9);
INSERT INTO draws SELECT FROM generate_series(1, 9);
INSERT INTO generated (a, b, c) SELECT i, i, 'c' || i FROM generate_series(1, 9) i;
INSERT INTO generated_full SELECT i % 3 FROM generate_series(1, 9) i;
INSERT INTO dropped_columns (a, b, c) SELECT i, 'b', 'c' FROM generate_series(1, 9) i;
"""
COLUMNS_CHANGES = [
    "INSERT INTO always (b) VALUES ('new'); UPDATE always SET b = 'y' WHERE id < 3",
    "INSERT INTO always OVERRIDING SYSTEM VALUE VALUES (1000, 'far')",
    "UPDATE always SET id = DEFAULT WHERE id = 4; DELETE FROM always WHERE id = 5",
    "INSERT INTO by_default DEFAULT VALUES; UPDATE by_default SET id = 500 WHERE id = 77",
    "UPDATE always_not_key SET n = DEFAULT WHERE k = 3; UPDATE always_not_key SET k = -k",
    (
        "INSERT INTO serials (c) VALUES ('new');"
        "UPDATE serials SET id = nextval('serials_other_seq')"
        " + 100 WHERE id = 3"
    ),
    "INSERT INTO draws DEFAULT VALUES; SELECT setval('free', 5000)",
    "INSERT INTO generated (a, b, c) VALUES (10, NULL, NULL)",
    "UPDATE generated SET b = -b WHERE a < 4",
    (
        "UPDATE generated SET a = a + 100, c = NULL WHERE a IN (5, 6); DELETE FROM generated"
        " WHERE a = 7"
    ),
    (
        "UPDATE generated_full SET a = 5 WHERE ctid = '(0,1)'; DELETE FROM generated_full"
        " WHERE ctid = '(0,2)'; INSERT INTO generated_full VALUES (9), (9)"
    ),
    (
        "UPDATE dropped_columns SET b = NULL, d = a WHERE a < 5; INSERT INTO dropped_columns"
        " VALUES (20, 'b', 'c', 8); DELETE FROM dropped_columns WHERE a = 9"
    ),
]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_identity_generated_serial_and_dropped_columns(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    mover.whole(
        source,
        target,
        schema=COLUMNS_SOURCE,
        target_schema=COLUMNS_TARGET,
        data=COLUMNS_ROWS,
        changes=COLUMNS_CHANGES,
        source_settings={"plugin": plugin},
    )
    # The application's next INSERTs find free numbers.
    target.run(
        "INSERT INTO always (b) VALUES ('after'); INSERT INTO by_default DEFAULT VALUES;"
        "INSERT INTO serials (c) VALUES ('after'); INSERT INTO draws DEFAULT VALUES"
    )
    assert target.value("SELECT max(id) FROM draws") == 5001


def test_what_only_18_has(mover: Mover, servers: Servers, make_database: MakeDatabase) -> None:
    """Virtual columns, temporal keys, NOT NULL as a constraint that may be NOT VALID."""
    server = servers.get(18, role="target")
    source, target = make_database(server), make_database(server)
    mover.whole(
        source,
        target,
        schema="""
            CREATE TABLE virtual (a int PRIMARY KEY, b int,
                v int GENERATED ALWAYS AS (b * 2) VIRTUAL, s int GENERATED ALWAYS AS (b) STORED);
            CREATE TABLE virtual_full (a int, v int GENERATED ALWAYS AS (a * 2));
            ALTER TABLE virtual_full REPLICA IDENTITY FULL;
            CREATE EXTENSION btree_gist;
            CREATE TABLE rooms (room int, during tstzrange, who text,
                CONSTRAINT rooms_pkey PRIMARY KEY (room, during WITHOUT OVERLAPS));
            ALTER TABLE rooms REPLICA IDENTITY FULL;
            CREATE TABLE stays (id int PRIMARY KEY, room int, during tstzrange,
                FOREIGN KEY (room, PERIOD during) REFERENCES rooms (room, PERIOD during));
            CREATE TABLE lax (a int PRIMARY KEY, b int, c int);
            ALTER TABLE lax ADD CONSTRAINT b_there NOT NULL b NOT VALID;
            ALTER TABLE lax ADD CONSTRAINT c_small CHECK (c < 10) NOT ENFORCED;
            CREATE TABLE loose (a int PRIMARY KEY REFERENCES lax NOT ENFORCED);
        """,
        data="""
            INSERT INTO virtual SELECT i, i FROM generate_series(1, 5) i;
            INSERT INTO virtual_full SELECT i FROM generate_series(1, 5) i;
            INSERT INTO rooms VALUES (1, '[2026-01-01,2026-02-01)', 'a'),
                (1, '[2026-02-01,2026-03-01)', 'b'), (2, '[2026-01-01,2026-03-01)', 'c');
            INSERT INTO stays VALUES (1, 1, '[2026-01-15,2026-02-15)');
            INSERT INTO lax SELECT i, i, i * 5 FROM generate_series(1, 5) i;
            INSERT INTO loose VALUES (99);
        """,
        changes=[
            "UPDATE virtual SET b = -b; UPDATE virtual SET a = 50 WHERE a = 3",
            "UPDATE virtual_full SET a = 9 WHERE a = 2; DELETE FROM virtual_full WHERE a = 3",
            (
                "UPDATE rooms SET who = 'z' WHERE room = 1; INSERT INTO rooms VALUES"
                " (3, '[2026-01-01,)', 'd'); DELETE FROM rooms WHERE room = 2"
            ),
            "UPDATE lax SET c = 99 WHERE a = 1; INSERT INTO loose VALUES (98)",
        ],
    )


UNIQUES = """
CREATE TABLE swaps (id int PRIMARY KEY, u int UNIQUE, d int UNIQUE DEFERRABLE INITIALLY DEFERRED,
    n int, CONSTRAINT n_key UNIQUE NULLS NOT DISTINCT (n));
CREATE TABLE partial (id int PRIMARY KEY, name text, live bool);
CREATE UNIQUE INDEX one_live ON partial (lower(name)) WHERE live;
CREATE TABLE meetings (id int PRIMARY KEY, during int4range,
    EXCLUDE USING gist (during WITH &&));
CREATE TABLE late_meetings (id int PRIMARY KEY, during int4range,
    EXCLUDE USING gist (during WITH &&) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE two_keys (a int, b int, PRIMARY KEY (a, b), UNIQUE (b, a));
"""
UNIQUES_ROWS = """
INSERT INTO swaps SELECT i, i, i, i FROM generate_series(1, 20) i;
INSERT INTO partial SELECT i, 'N' || i, true FROM generate_series(1, 10) i;
INSERT INTO meetings SELECT i, int4range(i * 10, i * 10 + 10) FROM generate_series(1, 10) i;
INSERT INTO late_meetings SELECT * FROM meetings;
INSERT INTO two_keys SELECT i, -i FROM generate_series(1, 10) i;
"""
UNIQUES_CHANGES = [
    # By way of a third value; at once where the constraint waits for the commit.
    (
        "UPDATE swaps SET u = 0 WHERE id = 1; UPDATE swaps SET u = 1 WHERE id = 2;"
        "UPDATE swaps SET u = 2 WHERE id = 1"
    ),
    "UPDATE swaps SET d = 21 - d",
    "UPDATE swaps SET n = NULL WHERE id = 3; UPDATE swaps SET n = 3 WHERE id = 4",
    "UPDATE swaps SET n = 4 WHERE id = 3; UPDATE swaps SET n = NULL WHERE id = 5",
    "UPDATE swaps SET id = id + 100; UPDATE swaps SET id = id - 99",
    (
        "DELETE FROM swaps WHERE id = 10; INSERT INTO swaps SELECT 10, 9, NULL, 9"
        " WHERE NOT EXISTS (SELECT FROM swaps WHERE u = 9 OR n = 9)"
    ),
    "UPDATE partial SET live = false WHERE id = 1; INSERT INTO partial VALUES (11, 'n1', true)",
    (
        "UPDATE partial SET name = 'n2x' WHERE id = 2; UPDATE partial SET name = 'N2' WHERE id = 3;"
        "UPDATE partial SET name = 'n3' WHERE id = 2"
    ),
    "DELETE FROM meetings WHERE id = 1; UPDATE meetings SET during = '[10,25)' WHERE id = 2",
    (
        "UPDATE meetings SET during = '[200,210)' WHERE id = 3;"
        "UPDATE meetings SET during = '[30,40)' WHERE id = 4;"
        "UPDATE meetings SET during = '[40,50)' WHERE id = 3"
    ),
    "UPDATE late_meetings SET during = int4range(110 - lower(during), 120 - lower(during))",
    (
        "UPDATE two_keys SET a = 0 WHERE a = 1; UPDATE two_keys SET a = 1, b = -1 WHERE a = 2;"
        "UPDATE two_keys SET a = 2, b = -2 WHERE a = 0"
    ),
]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_unique_values_change_hands(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    mover.whole(
        source,
        target,
        schema=UNIQUES,
        data=UNIQUES_ROWS,
        changes=UNIQUES_CHANGES,
        source_settings={"plugin": plugin},
    )


UNCHECKED = """
CREATE TABLE n (id int PRIMARY KEY, v int);
CREATE TABLE p (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (100);
"""
UNCHECKED_TOO = """
ALTER TABLE n ADD CONSTRAINT n_ck CHECK (v > 0) NOT VALID;
COMMENT ON CONSTRAINT n_ck ON n IS 'since last year';
ALTER TABLE p ADD CONSTRAINT p_ck CHECK (v > 0) NOT VALID;
"""


def test_old_rows_need_not_satisfy_what_is_not_valid(
    mover: Mover, source: Database, target: Database
) -> None:
    for database in (source, target):
        database.run(UNCHECKED)
    source.run("INSERT INTO n VALUES (1, -1), (2, 2); INSERT INTO p VALUES (1, -1)")
    for database in (source, target):
        database.run(UNCHECKED_TOO)
    if target.value("SELECT current_setting('server_version_num')::int") >= 180000:
        target.run("ALTER TABLE n ADD CONSTRAINT v_there NOT NULL v NOT VALID")
    source.run("INSERT INTO n VALUES (9, NULL)")
    before = catalogue(target)
    task = mover.start(source, target)
    task.ready()
    # Back before the cutover: what the source drops is missed while changes are applied.
    assert differences(before, target) == []
    source.run("INSERT INTO n VALUES (3, 3); DELETE FROM n WHERE id = 1; UPDATE p SET v = 1")
    task.finish()
    assert differences(before, target) == []
    report = task.compare()
    assert report.clean, report.text


RELATED = """
CREATE TABLE hen (id int PRIMARY KEY, egg int);
CREATE TABLE egg (id int PRIMARY KEY, hen int REFERENCES hen ON DELETE CASCADE ON UPDATE CASCADE);
ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg ON DELETE SET NULL
    DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree DEFERRABLE);
CREATE TABLE orders (id int PRIMARY KEY, hen int DEFAULT 1,
    CONSTRAINT "the hen" FOREIGN KEY (hen) REFERENCES hen MATCH FULL ON DELETE SET DEFAULT);
COMMENT ON CONSTRAINT "the hen" ON orders IS 'kept, ''quotes'' and all';
CREATE TABLE broken (id int PRIMARY KEY, hen int, size int);
ALTER TABLE broken ADD CONSTRAINT old_rows FOREIGN KEY (hen) REFERENCES hen NOT VALID;
ALTER TABLE broken ADD CONSTRAINT small CHECK (size < 10) NOT VALID;
COMMENT ON TABLE broken IS 'with a comment';
COMMENT ON COLUMN broken.hen IS 'and another';
CREATE INDEX hen_egg ON hen (egg) WITH (fillfactor = 50);
COMMENT ON INDEX hen_egg IS 'an index with a comment';
CREATE TABLE audit (at serial PRIMARY KEY, what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.audit (what) VALUES (TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $$;
CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON tree FOR EACH ROW EXECUTE PROCEDURE note();
CREATE TRIGGER off AFTER INSERT ON tree FOR EACH ROW EXECUTE PROCEDURE note();
ALTER TABLE tree DISABLE TRIGGER off;
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER swallow BEFORE INSERT OR UPDATE ON orders FOR EACH ROW
    WHEN (NEW.id > 500) EXECUTE PROCEDURE skip();
CREATE RULE gone AS ON DELETE TO egg WHERE OLD.id = 400 DO INSTEAD NOTHING;
"""
RELATED_ROWS = """
BEGIN;
INSERT INTO hen SELECT i, i FROM generate_series(1, 20) i;
INSERT INTO egg SELECT i, 21 - i FROM generate_series(1, 20) i;
COMMIT;
INSERT INTO tree SELECT i, NULLIF(i / 2, 0) FROM generate_series(1, 20) i;
INSERT INTO orders SELECT i, i FROM generate_series(1, 20) i;
SET session_replication_role = replica;
INSERT INTO broken SELECT i, 900 + i, 5 FROM generate_series(1, 5) i;
RESET session_replication_role;
"""
RELATED_CHANGES = [
    "BEGIN; INSERT INTO hen VALUES (50, 50); INSERT INTO egg VALUES (50, 50); COMMIT",
    "DELETE FROM hen WHERE id = 3",
    "UPDATE hen SET id = 333 WHERE id = 6 AND NOT EXISTS (SELECT FROM orders WHERE hen = 6)",
    "DELETE FROM egg WHERE id = 9",
    "BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO tree VALUES (100, 101), (101, 100); COMMIT",
    "DELETE FROM tree WHERE id IN (19, 20); UPDATE tree SET parent = 1 WHERE id > 10",
    "INSERT INTO broken VALUES (6, 1, 1); DELETE FROM broken WHERE id = 2",
    "INSERT INTO orders VALUES (21, NULL), (22, 5)",
]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_foreign_keys_triggers_rules_and_comments_stay(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    outcome = mover.whole(
        source,
        target,
        schema=RELATED,
        data=RELATED_ROWS,
        changes=RELATED_CHANGES,
        source_settings={"plugin": plugin},
    )
    assert outcome.report.source["public.audit"].rows > 20, "and none of it twice"


def test_constraints_on_the_target_alone(mover: Mover, source: Database, target: Database) -> None:
    """A foreign key that was valid before the migration and cannot be any more is reported."""
    source.run("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a int)")
    target.run(
        "CREATE TABLE a (id int PRIMARY KEY);"
        "CREATE TABLE b (id int PRIMARY KEY, a int CONSTRAINT a_there REFERENCES a)"
    )
    source.run("INSERT INTO b VALUES (1, 99)")
    task = mover.start(source, target)
    task.ready()
    task.finish()
    warnings = [item for item in task.findings() if "a_there" in item["message"]]
    assert warnings
    assert "VALIDATE CONSTRAINT" in warnings[0]["remedy"]
    report = task.compare(catalogue_before=None)
    assert report.clean, report.text
    assert target.value("SELECT convalidated FROM pg_constraint WHERE conname = 'a_there'") is False


def test_a_thousand_columns(mover: Mover, source: Database, target: Database) -> None:
    columns = ", ".join(f'"column {i}" {("int", "text")[i % 2]}' for i in range(1, 1000))
    values = ", ".join((f"{i}", f"'text {i}'")[i % 2] for i in range(1, 1000))
    mover.whole(
        source,
        target,
        schema=f"CREATE TABLE wide (id int PRIMARY KEY, {columns});"
        f"CREATE TABLE wide_heap (id int, {columns});ALTER TABLE wide_heap REPLICA IDENTITY FULL;",
        data=f"INSERT INTO wide VALUES (1, {values}), (2, {values});"
        "INSERT INTO wide_heap SELECT * FROM wide; INSERT INTO wide_heap SELECT * FROM wide",
        changes=[
            f"INSERT INTO wide VALUES (3, {values})",
            'UPDATE wide SET "column 2" = 0, "column 999" = NULL WHERE id = 1',
            "UPDATE wide_heap SET \"column 500\" = 0 WHERE ctid = '(0,1)'",
            "DELETE FROM wide_heap WHERE ctid = (SELECT max(ctid) FROM wide_heap)",
        ],
    )


def test_what_does_not_travel_is_reported(mover: Mover, source: Database, target: Database) -> None:
    schema = """
        CREATE TABLE fine (a int PRIMARY KEY);
        CREATE UNLOGGED TABLE scratch (a int PRIMARY KEY);
        CREATE MATERIALIZED VIEW summary AS SELECT count(*) FROM fine;
        CREATE VIEW plain AS SELECT * FROM fine;
        CREATE EXTENSION IF NOT EXISTS postgres_fdw;
        CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
        CREATE FOREIGN TABLE remote (a int) SERVER elsewhere;
    """
    source.run(schema)
    target.run(schema)
    source.run("INSERT INTO fine VALUES (1); INSERT INTO scratch VALUES (1)")
    source.run("SELECT lo_create(0); REFRESH MATERIALIZED VIEW summary")
    task = mover.start(source, target)
    task.ready()
    said = {item["subject"]: item["message"] for item in task.findings()}
    everything = " ".join([*said, *said.values()]).lower()
    for subject in ("public.scratch", "public.summary", "public.remote", "large object"):
        assert subject in everything, subject
    source.run("INSERT INTO fine VALUES (2)")
    task.finish()
    report = task.compare(only=["public.fine"])
    assert report.clean, report.text
