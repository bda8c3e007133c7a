"""Roles that may little, sessions set up to mislead, and encodings that differ."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.fix_postgres import MakeDatabase
from tests.support import kinds
from tests.support.databases import Database
from tests.support.migrate import Login, Mover
from tests.support.servers import Server

SCHEMA = """
CREATE TABLE parent (id int PRIMARY KEY, v text);
CREATE TABLE child (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent int REFERENCES parent ON DELETE CASCADE DEFERRABLE, d date, t timestamptz);
CREATE TABLE heap (a float8, b interval, c bytea);
ALTER TABLE heap REPLICA IDENTITY FULL;
CREATE TABLE parted (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000);
ALTER TABLE parted REPLICA IDENTITY FULL;
ALTER TABLE parted_1 REPLICA IDENTITY FULL;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a trigger fired'; END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON child
    FOR EACH ROW WHEN (pg_catalog.current_database() ~ 'target') EXECUTE PROCEDURE refuse();
"""
ROWS = """
INSERT INTO parent SELECT i, 'p' || i FROM generate_series(1, 50) i;
INSERT INTO child (parent, d, t) SELECT i, '2026-02-01', '2026-02-01 12:00+00'
    FROM generate_series(1, 50) i;
INSERT INTO heap SELECT 0.1 * i, '1 mon -3 days', '\\x005c' FROM generate_series(1, 20) i;
INSERT INTO parted SELECT i, 'x' FROM generate_series(1, 20) i;
"""
CHANGES = [
    "INSERT INTO child (parent, d, t) SELECT 1, '2026-12-11', now()",
    "DELETE FROM parent WHERE id = 7; UPDATE parent SET v = 'new' WHERE id < 5",
    "UPDATE heap SET b = '2 days' WHERE a < 1",
    "DELETE FROM heap WHERE a = (SELECT max(a) FROM heap)",
    "UPDATE parted SET v = 'y' WHERE id < 5",
]


@pytest.fixture
def role(source: Database, target: Database) -> Iterator[Login]:
    """A role without any right, of the same name on both servers."""
    login = Login(f"role_{secrets.token_hex(4)}", secrets.token_urlsafe(12))
    for server in (source.server, target.server):
        server.run(f"CREATE ROLE {login.user} LOGIN PASSWORD '{login.password}'")
    yield login
    for database in (source, target):
        database.server.run(f"ALTER DATABASE {database.name} OWNER TO postgres")
        database.run(f"REASSIGN OWNED BY {login.user} TO postgres; DROP OWNED BY {login.user}")
        database.server.run(f"DROP ROLE {login.user}")


@pytest.fixture
def target(target_server: Server, make_database: MakeDatabase) -> Database:
    """A name the trigger in the schema can tell."""
    return make_database(target_server, name=f"target_{secrets.token_hex(4)}")


def _run_as(database: Database, login: Login, script: str) -> None:
    with database.connect(user=login.user, password=login.password) as connection:
        connection.execute(script.encode())


def test_little_rights_on_both_sides(
    mover: Mover, source: Database, target: Database, role: Login
) -> None:
    """REPLICATION and SELECT on the source; the owner, no superuser, on the target."""
    source.run(SCHEMA)
    source.run(
        f"ALTER ROLE {role.user} REPLICATION; GRANT SELECT ON ALL TABLES IN SCHEMA public"
        f" TO {role.user}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {role.user}"
    )
    target.server.run(f"ALTER DATABASE {target.name} OWNER TO {role.user}")
    _run_as(target, role, SCHEMA)
    outcome = mover.whole(
        source, target, data=ROWS, changes=CHANGES, source_login=role, target_login=role
    )
    assert outcome.report.source["public.child"].rows == 50


def test_missing_rights_are_named(
    mover: Mover, source: Database, target: Database, role: Login
) -> None:
    for database in (source, target):
        database.run(SCHEMA)
    source.run(f"ALTER ROLE {role.user} REPLICATION; GRANT SELECT ON parent TO {role.user}")
    task = mover.start(source, target, source_login=role, target_login=role)
    task.refused()
    blockers = [item for item in task.findings() if item["severity"] == "blocker"]
    texts = " ".join(f"{item['subject']} {item['message']} {item['remedy']}" for item in blockers)
    assert "public.child" in texts
    assert "GRANT SELECT" in texts
    assert "public.parent" in texts, "the target user may not fill it"
    assert not target.run("SELECT FROM pg_namespace WHERE nspname = 'dms_pg'")


HOSTILE = {
    "search_path": "evil",
    "datestyle": "'SQL, DMY'",
    "intervalstyle": "sql_standard",
    "timezone": "'America/St_Johns'",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "statement_timeout": "30",
    "lock_timeout": "1",
    "idle_in_transaction_session_timeout": "1",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "default_transaction_isolation": "serializable",
    "standard_conforming_strings": "off",
    "client_encoding": "LATIN1",
    "row_security": "off",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "xmloption": "document",
    "synchronous_commit": "off",
    "work_mem": "'64kB'",
    "maintenance_work_mem": "'1MB'",
    "quote_all_identifiers": "on",
    "client_min_messages": "debug1",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "default_statistics_target": "1",
    "session_replication_role": "replica",
    "idle_session_timeout": "50",
    "transaction_timeout": "50",
    "plan_cache_mode": "force_generic_plan",
    "default_tablespace": "''",
    "check_function_bodies": "off",
    "debug_discard_caches": "0",
    "backslash_quote": "on",
    "gin_fuzzy_search_limit": "1",
    "wal_sender_timeout": "2000",
}


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_role_defaults_that_mislead(
    mover: Mover, source: Database, target: Database, role: Login, plugin: str
) -> None:
    chosen = [family for family in kinds.shared(source, target) if not family.extension]
    for database in (source, target):
        database.server.run(f"ALTER ROLE {role.user} SUPERUSER")
        known = {name for (name,) in database.run("SELECT name FROM pg_settings")}
        for name, value in HOSTILE.items():
            if name in known:
                database.run(
                    f"ALTER ROLE {role.user} IN DATABASE {database.name} SET {name} = {value}"
                )
    mover.whole(
        source,
        target,
        schema=kinds.schema(chosen) + "CREATE SCHEMA evil;",
        data=kinds.rows(chosen),
        changes=kinds.changes(chosen),
        source_login=role,
        target_login=role,
        source_settings={"plugin": plugin},
    )


EVIL = """
CREATE SCHEMA evil;
CREATE FUNCTION evil.trap() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION evil.eq(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT evil.trap()';
CREATE FUNCTION evil.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT evil.trap()';
CREATE FUNCTION evil.eq(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT evil.trap()';
CREATE FUNCTION evil.eq(name, text) RETURNS boolean LANGUAGE sql AS 'SELECT evil.trap()';
CREATE OPERATOR evil.= (FUNCTION = evil.eq, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR evil.= (FUNCTION = evil.eq, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR evil.= (FUNCTION = evil.eq, LEFTARG = oid, RIGHTARG = oid);
CREATE OPERATOR evil.= (FUNCTION = evil.eq, LEFTARG = name, RIGHTARG = text);
CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION evil.format_type(oid, int) RETURNS text LANGUAGE sql AS 'SELECT evil.trap()::text';
CREATE FUNCTION evil.pg_get_expr(pg_node_tree, oid) RETURNS text
    LANGUAGE sql AS 'SELECT evil.trap()::text';
CREATE FUNCTION evil.pg_advisory_xact_lock(bigint) RETURNS void
    LANGUAGE sql AS 'SELECT evil.trap()';
CREATE FUNCTION evil.array_agg(text) RETURNS text[]
    LANGUAGE sql AS 'SELECT evil.trap()::text::text[]';
CREATE TABLE evil.pg_class (oid oid, relname name, relnamespace oid, relkind "char");
CREATE TABLE evil.pg_namespace (oid oid, nspname name);
CREATE VIEW evil.pg_settings AS SELECT 'x'::text AS name, '1'::text AS setting;
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.trap());
CREATE DOMAIN evil.int8 AS pg_catalog.int8 CHECK (evil.trap());
CREATE DOMAIN evil.bytea AS pg_catalog.bytea CHECK (evil.trap());
ALTER TABLE evil.pg_class REPLICA IDENTITY FULL;
ALTER TABLE evil.pg_namespace REPLICA IDENTITY FULL;
"""


def test_schemas_that_shadow_the_catalogue(
    mover: Mover, source: Database, target: Database, role: Login
) -> None:
    """``=``, ``now``, ``text`` and ``pg_class`` of a schema that comes first in every path."""
    for database in (source, target):
        database.run(EVIL)
        database.server.run(f"ALTER ROLE {role.user} SUPERUSER")
        database.server.run(
            f"ALTER ROLE {role.user} SET search_path = evil, pg_catalog, public;"
            f"ALTER DATABASE {database.name} SET search_path = evil, pg_catalog, public"
        )
        with database.connect(options="-c search_path=public,pg_catalog") as connection:
            connection.execute(SCHEMA.encode())
    with source.connect(options="-c search_path=public") as connection:
        connection.execute(ROWS.encode())
    task = mover.start(source, target, source_login=role, target_login=role)
    task.ready()
    with source.connect(options="-c search_path=public") as connection:
        for statement in CHANGES:
            connection.execute(statement.encode())
    task.finish()
    report = task.compare()
    assert report.clean, report.text


def test_row_security(mover: Mover, source: Database, target: Database, role: Login) -> None:
    """Rows a policy would hide stop the task before it begins; BYPASSRLS lets all through."""
    schema = """
        CREATE TABLE secret (id int PRIMARY KEY, v text);
        ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
        CREATE POLICY lowest ON secret USING (id < 3);
    """
    for database in (source, target):
        database.run(schema)
    source.run(
        "INSERT INTO secret SELECT i, 'v' FROM generate_series(1, 9) i;"
        f"ALTER ROLE {role.user} REPLICATION; GRANT SELECT ON secret TO {role.user}"
    )
    task = mover.start(source, target, source_login=role)
    task.refused()
    blockers = [item for item in task.findings() if item["severity"] == "blocker"]
    assert [item["subject"] for item in blockers] == ["public.secret"]
    assert "BYPASSRLS" in blockers[0]["remedy"]
    source.run(f"ALTER ROLE {role.user} BYPASSRLS")
    task.backend.tasks.restart(task.where)
    task.ready()
    source.run("UPDATE secret SET v = 'new'")
    task.finish()
    report = task.compare()
    assert report.clean, report.text


def _create(server: Server, encoding: str) -> Database:
    name = f"{encoding.lower()}_{secrets.token_hex(4)}"
    server.run(
        f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
        " TEMPLATE template0"
    )
    return Database(server, name)


@pytest.fixture
def encoded(source_server: Server) -> Iterator[dict[str, Database]]:
    made = {name: _create(source_server, name) for name in ("LATIN1", "SQL_ASCII")}
    yield made
    for database in made.values():
        database.drop()


def _texts(database: Database) -> list[tuple[object, ...]]:
    with database.connect(client_encoding="utf8") as connection:
        return connection.execute("SELECT id, v, w, d FROM note ORDER BY id").fetchall()


NOTE = "CREATE TABLE note (id int PRIMARY KEY, v text, w varchar(9)[], d jsonb)"


@pytest.mark.parametrize(
    "options",
    [{}, {"settings": {"binary": "false"}}, {"source_settings": {"plugin": "test_decoding"}}],
    ids=["binary", "text", "test_decoding"],
)
def test_latin1_to_utf8(
    mover: Mover, encoded: dict[str, Database], target: Database, options: dict[str, object]
) -> None:
    source = encoded["LATIN1"]
    row = "'caf' || chr(233), ARRAY[chr(228) || chr(255), NULL], '{{\"a\": \"\\u00e9\"}}'"
    for database in (source, target):
        database.run(NOTE)
    source.run(
        f"INSERT INTO note VALUES (1, {row}), (2, {row})".replace("{{", "{").replace("}}", "}")
    )
    task = mover.start(source, target, **options)  # type: ignore[arg-type]
    task.ready()
    source.run(f"INSERT INTO note VALUES (3, {row})".replace("{{", "{").replace("}}", "}"))
    # Somebody else's message, which is none of our business whatever its bytes are.
    source.run("SELECT pg_logical_emit_message(true, 'a, sz: 1 content:' || chr(233), chr(233))")
    source.run("UPDATE note SET v = v || chr(252) WHERE id = 1")
    task.finish()
    assert _texts(target) == _texts(source)
    assert target.value("SELECT v FROM note WHERE id = 1") == "caféü"


def test_sql_ascii_is_warned_of(
    mover: Mover, encoded: dict[str, Database], target: Database
) -> None:
    """Its bytes may be anything: those that are UTF-8 arrive, others end it with words."""
    source = encoded["SQL_ASCII"]
    row = "INSERT INTO note VALUES (1, E'caf\\xc3\\xa9', NULL, NULL)"
    task = mover.ready_with(source, target, NOTE, row)
    warnings = [item for item in task.findings() if item["severity"] == "warning"]
    assert any("SQL_ASCII" in item["message"] for item in warnings)
    task.settle()
    assert target.value("SELECT v FROM note") == "café"
    source.run("INSERT INTO note VALUES (2, E'caf\\xe9', NULL, NULL)")
    task.reach("FAILED")
    words = " ".join(str(error) for error in task.show()["errors"])
    assert "UTF8" in words
    task.cancel()
