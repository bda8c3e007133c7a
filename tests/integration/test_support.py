"""The tools that find lies must not lie themselves: each finds what was planted for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.fix_proxy import MakeProxy
from tests.support import catalogue, oracle, packages, processes
from tests.support.databases import Database
from tests.support.servers import Server
from tests.support.writers import SCHEMA, Writers

OwnServer = Callable[..., Server]

TABLES = """
CREATE TABLE t (id int PRIMARY KEY, f float8, v text, b bytea);
INSERT INTO t SELECT i, i / 3.0, CASE WHEN i % 3 > 0 THEN 'v' || i END, '\\x00ff'
    FROM generate_series(1, 20) i;
CREATE TABLE no_key (v text);
INSERT INTO no_key VALUES ('a'), ('a'), (NULL);
CREATE TABLE child (t int CONSTRAINT child_fk REFERENCES t ON DELETE CASCADE);
CREATE SEQUENCE s;
SELECT nextval('s');
COMMENT ON CONSTRAINT child_fk ON child IS 'keep me';
"""


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE t SET f = f + 1e-15 WHERE id = 1",
        "UPDATE t SET v = '' WHERE v IS NULL AND id = 3",
        "UPDATE t SET b = '\\x00fe' WHERE id = 1",
        "UPDATE t SET id = 21 WHERE id = 20",
        "UPDATE t SET v = CASE id WHEN 1 THEN 'v2' ELSE 'v1' END WHERE id IN (1, 2)",
        "DELETE FROM no_key WHERE ctid = '(0,1)'",
        "INSERT INTO no_key VALUES ('a')",
        "UPDATE no_key SET v = '' WHERE v IS NULL",
        "SELECT setval('s', 1, false)",
        "CREATE SCHEMA dms_pg",
        "DROP TABLE child",
    ],
)
def test_the_oracle_sees_every_planted_difference(
    source: Database, target: Database, damage: str
) -> None:
    for database in (source, target):
        database.run(TABLES)
    assert oracle.compare(source, target).clean
    target.run(damage)
    assert not oracle.compare(source, target).clean


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE child DROP CONSTRAINT child_fk",
        (
            "ALTER TABLE child DROP CONSTRAINT child_fk, ADD CONSTRAINT child_fk"
            " FOREIGN KEY (t) REFERENCES t"
        ),
        (
            "ALTER TABLE child DROP CONSTRAINT child_fk, ADD CONSTRAINT child_fk"
            " FOREIGN KEY (t) REFERENCES t ON DELETE CASCADE"
        ),  # the comment went with it
        "ALTER TABLE child DISABLE TRIGGER ALL",
        "ALTER TABLE t ALTER v SET DEFAULT 'x'",
        "ALTER TABLE t SET (fillfactor = 70)",
        "CREATE INDEX ON t (v)",
    ],
)
def test_the_catalogue_sees_every_planted_change(target: Database, change: str) -> None:
    target.run(TABLES)
    before = oracle.snapshot(target)
    assert catalogue.difference(before, oracle.snapshot(target)) == []
    target.run(change)
    assert catalogue.difference(before, oracle.snapshot(target))


def test_the_oracle_sees_what_was_left_on_the_source(source: Database) -> None:
    source.run("CREATE PUBLICATION dms_pg_0123456789ab")
    source.run("SELECT pg_create_logical_replication_slot('dms_pg_0123456789ab', 'pgoutput')")
    assert len(oracle.source_leftovers(source)) == 2


def test_writers_keep_every_promise_through_crashes(own_server: OwnServer) -> None:
    server = own_server()
    database = Database(server, server.create_database("shop"))
    database.run(SCHEMA)
    with Writers(database, count=2, seed=7) as writers:
        writers.wait_for(100)
        server.immediate_restart()
        writers.wait_for(100)
        server.kill()
        server.run_again()
        writers.wait_for(100)
    assert writers.problems(database) == []
    database.run("DELETE FROM writers.journal WHERE txn = 3")
    database.run("INSERT INTO writers.heap VALUES (1, 'red', 1)")
    problems = " ".join(writers.problems(database))
    assert "lost 1 transactions: [3]" in problems
    assert "heap" in problems


def test_a_commit_whose_answer_was_dropped_took_place(
    source: Database, make_proxy: MakeProxy
) -> None:
    source.run("CREATE TABLE t (i int)")
    proxy = make_proxy(source.server)
    connection = source.connect(port=proxy.port, autocommit=False)
    connection.execute("INSERT INTO t VALUES (1)")
    proxy.drop_commit_reply()
    with pytest.raises(psycopg.OperationalError):
        connection.commit()
    assert proxy.dropped_commits == 1
    assert source.value("SELECT count(*) FROM t") == 1


def test_something_happens_at_the_next_commit_alone(
    source: Database, make_proxy: MakeProxy
) -> None:
    proxy, struck = make_proxy(source.server), []
    proxy.at_commit(lambda: struck.append(1))
    with source.connect(port=proxy.port, autocommit=False) as connection:
        for _ in range(2):
            connection.execute("SELECT 1")
            connection.commit()
    assert struck == [1]
    assert not proxy.disarm()


def test_a_cut_and_a_refusal_are_felt(source: Database, make_proxy: MakeProxy) -> None:
    proxy = make_proxy(source.server)
    with source.connect(port=proxy.port) as connection:
        assert proxy.cut(reset=True) == 1
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    proxy.refuse()
    with pytest.raises(psycopg.OperationalError):
        source.connect(port=proxy.port)
    proxy.resume()
    source.connect(port=proxy.port).close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_dies_with_whoever_started_it(tmp_path: Path, number: signal.Signals) -> None:
    script = (
        "import time; from tests.support.servers import Server; server = Server.start();"
        "print(server.pid, server.data, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=packages.ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid, data = parent.stdout.readline().split()
    parent.stdout.close()
    parent.send_signal(number)
    parent.wait()
    deadline = time.monotonic() + 20
    while processes.alive(int(pid)) or Path(data).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("package", packages.PACKAGES, ids=lambda each: each.name)
def test_packages_are_what_the_table_says(package: packages.Package, own_server: OwnServer) -> None:
    """Only the versions that are here already: the matrix fetches the others."""
    if package.source == "npm" and not os.environ.get("CI"):
        pytest.skip("fetched by the matrix")
    with contextlib.suppress(packages.Unavailable):
        if packages.find(package.major).package is not package:
            pytest.skip("another package of that version comes first")
    server = own_server(package.major, tls=package.tls)
    assert server.run("SHOW ssl") == [("on" if package.tls else "off",)]
    hstore = server.run("SELECT FROM pg_available_extensions WHERE name = 'hstore'")
    assert bool(hstore) == package.contrib
    assert server.run("SHOW server_version_num")[0][0].startswith(str(package.major))
    if package.tls:
        secure = server.connect(sslmode="verify-full", sslrootcert=str(server.ca_file))
        assert secure.pgconn.ssl_in_use
        secure.close()
