"""--make-source-read-only: nobody writes to the source from the cutover on, and how that ends."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from azext_dms_pg.errors import ConflictError
from tests.support.databases import Database
from tests.support.migrate import PATIENCE, Login, Mover, Task

SCHEMA = "CREATE TABLE t (id int PRIMARY KEY, v text)"
SETTING = (
    "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
    " WHERE d.datname = current_database() AND setrole = 0"
)


def _start(mover: Mover, source: Database, target: Database, login: Login | None = None) -> Task:
    rows = "INSERT INTO t SELECT n, 'x' FROM generate_series(1, 500) n"
    return mover.ready_with(source, target, SCHEMA, rows, source_login=login)


def _cut_over(task: Task) -> None:
    task.backend.tasks.cutover(task.where, object_name=None, make_source_read_only=True)


def test_writers_are_ended_and_new_ones_refused(
    mover: Mover, source: Database, target: Database
) -> None:
    task = _start(mover, source, target)
    refused = threading.Event()

    def write() -> None:
        number = 1000
        while not refused.is_set():
            try:
                with source.connect() as connection:
                    while True:
                        number += 1
                        connection.execute("INSERT INTO t VALUES (%s, 'w')", [number])
            except psycopg.errors.ReadOnlySqlTransaction:
                refused.set()
            except psycopg.OperationalError:
                time.sleep(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    _cut_over(task)
    task.reach("COMPLETE")
    writer.join(PATIENCE)
    assert refused.is_set()
    codes = {finding["code"]: finding for finding in task.findings()}
    assert "SourceStillWritten" not in codes
    assert f'ALTER DATABASE "{source.name}" RESET' in codes["SourceMadeReadOnly"]["remedy"]
    assert source.value(SETTING) == ["default_transaction_read_only=on"]
    task.until(lambda: task.show()["state"] == "Succeeded", "the end")
    assert source.value("SELECT count(*) FROM t") == target.value("SELECT count(*) FROM t")


@pytest.mark.parametrize("before", ["", "off"])
def test_a_cancel_takes_it_back(
    mover: Mover, source: Database, target: Database, before: str
) -> None:
    task = _start(mover, source, target)
    if before:
        source.run(f'ALTER DATABASE "{source.name}" SET default_transaction_read_only = {before}')
    # An extra row on the target makes the cutover fail after the source was protected.
    target.run("INSERT INTO t VALUES (-1, 'extra')")
    _cut_over(task)
    task.reach("FAILED")
    assert source.value(SETTING) == ["default_transaction_read_only=on"]
    task.backend.tasks.cancel(task.where)
    deadline = time.monotonic() + PATIENCE
    while task.show()["state"] != "Canceled":
        assert time.monotonic() < deadline, task.story()
        time.sleep(0.1)
    assert source.run(SETTING) == ([(["default_transaction_read_only=off"],)] if before else [])
    source.run("INSERT INTO t VALUES (2000, 'again')")


@pytest.fixture
def role(source: Database) -> Iterator[Login]:
    """A role that may replicate but owns nothing."""
    name = f"mover_{os.getpid()}"
    source.server.run(f"CREATE ROLE {name} LOGIN REPLICATION PASSWORD 'x'")
    source.run(f'GRANT CREATE ON DATABASE "{source.name}" TO {name}')
    yield Login(name, "x")
    source.run(f"DROP OWNED BY {name} CASCADE")
    source.server.run(f"DROP ROLE {name}")


def test_without_the_rights_nothing_is_touched(
    mover: Mover, source: Database, target: Database, role: Login
) -> None:
    source.run(SCHEMA.replace("t (", "mine ("))
    source.run(f"ALTER TABLE mine OWNER TO {role.user}")
    target.run(SCHEMA.replace("t (", "mine ("))
    source.run("INSERT INTO mine SELECT n, 'x' FROM generate_series(1, 500) n")
    task = mover.start(source, target, source_login=role)
    task.ready()
    with source.connect() as other:
        with pytest.raises(ConflictError, match="may not alter the source database") as caught:
            _cut_over(task)
        assert "GRANT" in caught.value.action
        assert other.execute("SELECT 1").fetchone() == (1,)
        assert source.run(SETTING) == []
        assert task.state == "READY_TO_COMPLETE"
        source.server.run(f'ALTER DATABASE "{source.name}" OWNER TO {role.user}')
        try:
            with pytest.raises(ConflictError, match="may not end the sessions of postgres"):
                _cut_over(task)
        finally:
            source.server.run(f'ALTER DATABASE "{source.name}" OWNER TO postgres')
    task.cancel()
