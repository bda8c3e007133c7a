"""While somebody's lock keeps a migration waiting, ``show`` names who it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from azext_dms_pg.postgres.blocking import without_constants
from tests.fix_proxy import MakeProxy
from tests.support.databases import Database
from tests.support.migrate import Mover, Task

T = "CREATE TABLE t (id int PRIMARY KEY, v text);"
KEYED = T + "CREATE TABLE child (t int PRIMARY KEY REFERENCES t);"


@contextmanager
def _locked(database: Database, statement: str) -> Iterator[psycopg.Connection]:
    """Somebody's forgotten transaction."""
    with database.connect(autocommit=False, application_name="forgetful") as holder:
        holder.execute(statement.encode())
        yield holder


def _names(task: Task, holder: psycopg.Connection, side: str, table: str) -> None:
    """Wait until ``show`` says who is in the way, and how to end it."""
    pid = holder.info.backend_pid

    def told() -> bool:
        words = task.problem()
        return f"process {pid} " in words and "forgetful" in words

    task.until(told, f"a word about process {pid}")
    words = task.problem()
    assert f"on the {side} for a lock on {table}" in words
    assert f"SELECT pg_terminate_backend({pid});" in words


def test_before_the_load(source: Database, target: Database, mover: Mover) -> None:
    source.run(T + "INSERT INTO t VALUES (1, 'one')")
    target.run(T)
    with _locked(target, "LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE") as holder:
        task = mover.start(source, target)
        _names(task, holder, "target", "public.t")
        assert "LOCK TABLE t IN SHARE" in task.problem()
        assert task.state == "INITIALIAZING"
        # Told for as long as it lasts.
        _names(task, holder, "target", "public.t")
    task.ready()
    assert "forgetful" not in task.problem()
    task.finish()
    assert not task.compare().differences


def test_while_checking(source: Database, target: Database, mover: Mover) -> None:
    source.run(T)
    target.run(T + "INSERT INTO t VALUES (1, 'in the way')")
    task = mover.start(source, target)
    task.refused()
    with _locked(target, "LOCK TABLE t") as holder:
        task.backend.tasks.restart(task.where)
        _names(task, holder, "target", "public.t")
        assert task.state == "VALIDATING"
    # The lock is gone, the row is not.
    task.refused()


@pytest.mark.slow
def test_a_lock_that_was_not_to_be_had(source: Database, target: Database, mover: Mover) -> None:
    """Dropping a foreign key gives up after a while, so that others do not queue behind it."""
    source.run(KEYED)
    target.run(KEYED)
    with _locked(target, "LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE") as holder:
        task = mover.start(source, target)
        _names(task, holder, "target", "public.t")
        task.until(lambda: "lock timeout" in task.problem(), "the end of a wait")
        _names(task, holder, "target", "public.t")
    task.ready()
    task.finish()
    assert not task.compare().differences


def test_while_copying_from_the_source(source: Database, target: Database, mover: Mover) -> None:
    source.run(T + "INSERT INTO t VALUES (1, 'one')")
    target.run(T)
    with _locked(source, "LOCK TABLE t") as holder:
        task = mover.start(source, target)
        _names(task, holder, "source", "public.t")
    task.ready()
    task.finish()
    assert not task.compare().differences


def test_while_copying_into_the_target(source: Database, target: Database, mover: Mover) -> None:
    """Rows that travel beneath libpq wait as well as others."""
    large = "CREATE TABLE large (id int PRIMARY KEY, v text);"
    for database in (source, target):
        database.run(T + large)
    source.run(
        "INSERT INTO t VALUES (1, 'one');"
        "INSERT INTO large SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 5000) i"
    )
    task = mover.start(source, target, settings={"parallelTables": "1", "maxRate": "1MB"})
    task.until(lambda: "public.large" in task.tables(), "the load")
    with _locked(target, "LOCK TABLE t") as holder:
        _names(task, holder, "target", "public.t")
    task.ready()
    task.finish()
    assert not task.compare().differences


def test_while_streaming_and_at_the_cutover(
    source: Database, target: Database, mover: Mover
) -> None:
    source.run(KEYED + "INSERT INTO t VALUES (1, 'one')")
    target.run(KEYED)
    task = mover.start(source, target)
    task.ready()
    with _locked(target, "LOCK TABLE t IN SHARE MODE") as holder:
        source.run("INSERT INTO t VALUES (2, 'two'); INSERT INTO child VALUES (2)")
        _names(task, holder, "target", "public.t")
    task.until(lambda: not task.problem(), "nothing in the way")
    task.settle()
    # Adding the foreign key needs a lock that a mere reader's does not stop, but this one does.
    with _locked(target, "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE") as holder:
        task.cutover()
        _names(task, holder, "target", "public.t")
        assert task.state == "COMPLETING"
    task.reach("COMPLETE")
    task.end("Succeeded")
    assert not task.compare().differences


def test_a_row_and_a_prepared_transaction(source: Database, target: Database, mover: Mover) -> None:
    source.run(T + "INSERT INTO t VALUES (1, 'one'), (2, 'two')")
    target.run(T)
    task = mover.start(source, target)
    task.ready()
    with target.connect() as other:
        other.execute("BEGIN; UPDATE t SET v = 'theirs' WHERE id = 1")
        other.execute("PREPARE TRANSACTION 'theirs'")
        source.run("UPDATE t SET v = 'new' WHERE id = 1")
        task.until(lambda: "prepared transaction ('theirs')" in task.problem(), "its name")
        assert "for a lock on rows that are being changed" in task.problem()
        assert "ROLLBACK PREPARED" in task.problem()
        other.execute("ROLLBACK PREPARED 'theirs'")
    task.finish()
    assert not task.compare().differences


def test_a_cancel_does_not_wait_for_a_lock(
    source: Database, target: Database, mover: Mover
) -> None:
    """Before the load there is nothing to undo that would need it."""
    source.run(T + "INSERT INTO t VALUES (1, 'one')")
    target.run(T)
    with _locked(target, "LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE") as holder:
        task = mover.start(source, target)
        _names(task, holder, "target", "public.t")
        task.cancel()
    assert not task.problem()
    assert source.run("SELECT FROM pg_replication_slots WHERE database = current_database()") == []


def test_a_cancel_says_what_it_needs_a_lock_for(
    source: Database, target: Database, mover: Mover
) -> None:
    source.run(T + "INSERT INTO t VALUES (1, 'one')")
    target.run(T)
    task = mover.start(source, target)
    task.ready()
    with _locked(target, "LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE") as holder:
        source.run("INSERT INTO t VALUES (2, 'two')")
        _names(task, holder, "target", "public.t")
        task.backend.tasks.cancel(task.where)
        task.reach("CANCELLING")
        # The source is free already, whatever holds up the target.
        task.until(
            lambda: (
                not source.run(
                    "SELECT FROM pg_replication_slots WHERE database = current_database()"
                )
            ),
            "the slot gone",
        )
        _names(task, holder, "target", "public.t")
    task.end("Canceled")
    assert target.value("SELECT count(*) FROM t") == 0


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("LOCK TABLE  t\n IN SHARE MODE", "LOCK TABLE t IN SHARE MODE"),
        ("ALTER ROLE x PASSWORD 'secret'", "ALTER ROLE x PASSWORD '…'"),
        ("UPDATE t SET v = 'it''s', w = E'a\\'secret' WHERE b", "UPDATE t SET v = '…', w = E'…' W"),
        ("DO $do$ secret $x$ $do$", "DO '…'"),
        ("INSERT INTO t VALUES ('cut off secr", "INSERT INTO t VALUES ('…'"),
    ],
)
def test_constants_are_hidden(query: str, shown: str) -> None:
    assert without_constants(query).startswith(shown)
    assert "secr" not in without_constants(query)


def test_a_table_that_is_dropped_while_it_is_read_of(
    source: Database, target: Database, mover: Mover, make_proxy: MakeProxy
) -> None:
    """Whoever waits for the lock on it is told "could not open relation with OID"."""
    going = "CREATE TABLE going (id int PRIMARY KEY, v text CHECK (v <> ''));"
    proxy = make_proxy(source.server)
    task = mover.ready_with(source, target, T + going, source_by=proxy)
    mover.close()
    with _locked(source, "SELECT") as holder:
        # The table is in the survey, and gone when its constraints are asked for.
        proxy.before(
            b"pg_get_constraintdef(k.oid) as meaning", lambda: holder.execute("DROP TABLE going")
        )
        task.backend.tasks.restart(task.where)
        _names(task, holder, "source", "public.going")
        holder.commit()
    source.run("INSERT INTO t VALUES (1, 'later')")
    task.settle()
    task.finish()
    assert "SourceTableDropped" in {each["code"] for each in task.findings()}
    assert target.value("SELECT v FROM t") == "later"
