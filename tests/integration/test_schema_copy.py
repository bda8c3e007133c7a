"""--migrate-schema: the whole schema by pg_dump, or nothing at all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from azext_dms_pg.errors import MigrationError, ServerError
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.options import TaskOptions
from azext_dms_pg.postgres import tools
from tests.support import oracle
from tests.support.databases import Database
from tests.support.migrate import PATIENCE, Login, Mover, Task
from tests.support.servers import Server, client_program

WITH_SCHEMA = TaskOptions(migrate_schema=True)
SCHEMA = """
CREATE SCHEMA "Sales Dept";
CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN public.year AS integer CHECK (VALUE BETWEEN 1901 AND 2155);
CREATE TABLE public.artist (id serial PRIMARY KEY, name text NOT NULL, mood public.mood);
CREATE TABLE "Sales Dept"."Order; --" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    artist int NOT NULL REFERENCES public.artist,
    year public.year, amount numeric(10, 2) DEFAULT 1.5, note text);
CREATE INDEX "by note" ON "Sales Dept"."Order; --" (lower(note)) WHERE note IS NOT NULL;
CREATE TABLE public.log (at date NOT NULL, line text, PRIMARY KEY (at, line))
    PARTITION BY RANGE (at);
CREATE TABLE public.log_2026 PARTITION OF public.log
    FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW public.happy AS SELECT * FROM public.artist WHERE mood = 'happy';
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
-- Name: a line like pg_dump's own; Type: TABLE; Schema: public; Owner: nobody
/*
\\unrestrict nothing
*/
    NEW.note := coalesce(NEW.note, '') || '!';
    RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE INSERT ON "Sales Dept"."Order; --"
    FOR EACH ROW EXECUTE FUNCTION public.touch();
CREATE FUNCTION public.watch() RETURNS event_trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION 'no DDL here'; END$$;
COMMENT ON TABLE public.artist IS 'they -- play';
"""
DATA = """
INSERT INTO public.artist (name, mood) SELECT 'n' || n, 'happy' FROM generate_series(1, 200) n;
INSERT INTO "Sales Dept"."Order; --" (artist, year) SELECT n, 2000 FROM generate_series(1, 200) n;
INSERT INTO public.log SELECT '2026-01-01'::date + n, 'x' FROM generate_series(1, 50) n;
"""
_WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dms-pg schema'"
    " AND datname = current_database() AND wait_event_type = 'Lock'"
)


def _end(task: Task) -> str:
    """The state the task ends in."""
    deadline = time.monotonic() + PATIENCE
    while True:
        state = str(task.show()["state"])
        if state in {"Succeeded", "Failed", "FailedInputValidation"}:
            return state
        assert time.monotonic() < deadline, task.story()
        time.sleep(0.1)


def test_the_whole_schema_travels(mover: Mover, source: Database, target: Database) -> None:
    source.run(SCHEMA + DATA)
    task = mover.start(source, target, options=WITH_SCHEMA)
    task.ready()
    source.run("UPDATE public.artist SET mood = 'sad' WHERE id % 2 = 0")
    source.run('INSERT INTO "Sales Dept"."Order; --" (artist) VALUES (7)')
    task.finish()
    report = oracle.compare(source, target)
    assert report.clean, report.text
    assert target.value("SELECT obj_description('public.artist'::regclass)") == "they -- play"
    assert target.value("SELECT count(*) FROM public.happy") == 100
    assert target.value("SELECT count(*) FROM pg_trigger WHERE tgname = 'touch'") == 1
    assert target.value("SELECT count(*) FROM pg_constraint WHERE contype = 'f'") == 1
    source_body, target_body = (
        side.value("SELECT prosrc FROM pg_proc WHERE proname = 'touch'")
        for side in (source, target)
    )
    assert source_body == target_body
    assert not list((mover.directory / "run").glob("*/passfile"))


def test_an_event_trigger_is_named_and_left_out(
    mover: Mover, source: Database, target: Database
) -> None:
    source.run(SCHEMA + "CREATE EVENT TRIGGER guard ON sql_drop EXECUTE FUNCTION public.watch()")
    try:
        task = mover.start(source, target, options=WITH_SCHEMA)
        task.ready()
        found = {finding["code"]: finding for finding in task.findings()}
        assert "guard" in found["EventTriggersNotCopied"]["message"]
        task.cancel()
    finally:
        source.run("ALTER EVENT TRIGGER guard DISABLE")


@pytest.mark.parametrize("blocked", [False, True])
def test_validating_leaves_no_schema_behind(
    mover: Mover, source: Database, target: Database, blocked: bool
) -> None:
    source.run(SCHEMA + ("CREATE TABLE public.no_identity (a int);" if blocked else ""))
    options = TaskOptions(validate_only=True, migrate_schema=True)
    task = mover.start(source, target, options=options)
    assert _end(task) == ("FailedInputValidation" if blocked else "Succeeded")
    assert target.run("SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []
    assert {finding["code"] for finding in task.findings()} >= (
        {"NoReplicaIdentity"} if blocked else set()
    )
    assert oracle.source_leftovers(source) == []
    assert oracle.target_leftovers(target) == []


def test_a_schema_that_is_there_is_left_alone(
    mover: Mover, source: Database, target: Database
) -> None:
    outcome = mover.whole(
        source, target, schema=SCHEMA, data=DATA, options=WITH_SCHEMA,
        changes=['DELETE FROM "Sales Dept"."Order; --" WHERE id < 10'],
    )  # fmt: skip
    assert "SchemaThereAlready" in outcome.codes()


def test_what_the_target_refuses_is_named_and_nothing_stays(
    mover: Mover, source: Database, target: Database
) -> None:
    source.run(SCHEMA)
    target.run("CREATE TYPE public.mood AS ENUM ('other')")
    task = mover.start(source, target, options=WITH_SCHEMA)
    assert _end(task) == "FailedInputValidation"
    said = task.show()["errors"][0]["message"]
    assert 'type "mood" already exists' in said
    assert "leave --migrate-schema out" in said
    assert target.run("SELECT 1 FROM pg_class WHERE relname = 'artist'") == []


def test_without_superuser_owners_stay_behind(
    mover: Mover, source: Database, target: Database, target_server: Server
) -> None:
    role = f"owner_{os.getpid()}"
    source.server.run(f"CREATE ROLE {role}")
    target_server.run(f"CREATE ROLE {role}_t LOGIN PASSWORD 'x'")
    try:
        source.run(SCHEMA + f"ALTER TABLE public.artist OWNER TO {role}")
        source.run(f"GRANT SELECT ON public.log TO {role}")
        target_server.run(f'ALTER DATABASE "{target.name}" OWNER TO {role}_t')
        target.run(f"GRANT ALL ON SCHEMA public TO {role}_t")
        task = mover.start(
            source, target, options=WITH_SCHEMA, target_login=Login(f"{role}_t", "x")
        )
        task.ready()
        assert "OwnersNotCopied" in {finding["code"] for finding in task.findings()}
        task.cancel()
    finally:
        source.run(f"DROP OWNED BY {role} CASCADE")
        source.server.run(f"DROP ROLE {role}")
        target.run(f"REASSIGN OWNED BY {role}_t TO postgres; DROP OWNED BY {role}_t")
        target_server.run(f"DROP ROLE {role}_t")


def test_nobody_gets_the_rights_of_the_target_user(
    mover: Mover, source: Database, target: Database
) -> None:
    """Who could call what with whose rights is lost together with the owners."""
    role = f"definer_{os.getpid()}"
    source.server.run(f"CREATE ROLE {role}")
    try:
        source.run(
            SCHEMA + 'CREATE FUNCTION public."do; --"(text, int[]) RETURNS void SECURITY DEFINER'
            " LANGUAGE plpgsql AS $$BEGIN EXECUTE $1; END$$;"
            'REVOKE ALL ON FUNCTION public."do; --"(text, int[]) FROM PUBLIC;'
            f'ALTER FUNCTION public."do; --"(text, int[]) OWNER TO {role}'
        )
        task = mover.start(source, target, options=WITH_SCHEMA)
        task.ready()
        assert "DefinerFunctionsClosed" in {finding["code"] for finding in task.findings()}
        assert (
            target.run(
                "SELECT proname, acl.grantee FROM pg_proc, aclexplode(coalesce(proacl,"
                " acldefault('f', proowner))) acl WHERE prosecdef AND acl.grantee = 0"
            )
            == []
        )
        task.cancel()
    finally:
        source.run(f"DROP OWNED BY {role} CASCADE")
        source.server.run(f"DROP ROLE {role}")


def test_no_tool_is_said_in_clear_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "_PLACES", ())
    monkeypatch.setattr(tools, "_PACKAGES", ())
    with pytest.raises(MigrationError, match="none was found") as caught:
        tools.find(17)
    assert "postgresql-client-17" in caught.value.action
    monkeypatch.setenv("PATH", str(Path(client_program("pg_dump")).parent))
    assert tools.find(10)[0].major >= 10
    with pytest.raises(MigrationError, match="version 99"):
        tools.find(99)


def test_tls_picks_a_pg_dump_that_can(own_server: Callable[..., Server], tmp_path: Path) -> None:
    """The embedded pg_dump 18 has no TLS; another one beside it is used instead."""
    server = own_server(15, tls=True)
    connection = Connection(
        server.host, server.superuser, Secret(server.password), "postgres", server.port,
        encrypt=True, trust_server_certificate=True,
    )  # fmt: skip
    candidates = sorted(tools.find(15), key=lambda item: -item.major)
    archive, used = tools.dump(candidates, connection, ["--schema-only", "-Fc"], tmp_path)
    assert archive.startswith(b"PGDMP")
    assert list(tmp_path.iterdir()) == []
    wrong = Connection(server.host, server.superuser, Secret("a:b\\c"), "postgres", server.port)
    with pytest.raises(ServerError, match="password authentication failed"):
        tools.dump([used], wrong, ["--schema-only"], tmp_path)


@contextmanager
def _dumping(mover: Mover, source: Database, target: Database) -> Iterator[Task]:
    """A task whose pg_dump waits for a lock."""
    source.run("CREATE TABLE t (id int PRIMARY KEY)")
    with source.connect(autocommit=False) as lock:
        lock.execute("LOCK TABLE t")
        task = mover.start(source, target, options=WITH_SCHEMA)
        task.until(lambda: bool(source.value(_WAITING)), "pg_dump")
        yield task


def test_a_kill_while_pg_dump_runs_leaves_no_password(
    mover: Mover, source: Database, target: Database
) -> None:
    run = mover.directory / "run"
    with _dumping(mover, source, target) as task:
        mover.close()
        for path in run.rglob("*"):
            if path.is_file():
                assert source.server.password.encode() not in path.read_bytes()
    task.backend.tasks.restart(task.where)
    task.ready()
    assert not [path for path in run.glob("*-0.*") if path.is_dir()]
    task.finish()


def test_a_cancel_is_heard_while_pg_dump_runs(
    mover: Mover, source: Database, target: Database
) -> None:
    with _dumping(mover, source, target) as task:
        task.cancel()
    assert "pg_dump" not in str(task.show()["errors"])
    assert target.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
