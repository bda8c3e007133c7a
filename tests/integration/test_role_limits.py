"""What a role may not do or have is told in the server's words, and how to mend it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from azext_dms_pg.postgres.connect import connect
from tests.support.databases import Database
from tests.support.migrate import Login, Mover, _connection

TABLE = "CREATE TABLE t (id int PRIMARY KEY);"


@pytest.fixture
def weak(target: Database) -> Iterator[Login]:
    login = Login(f"weak_{secrets.token_hex(4)}", secrets.token_urlsafe(12))
    target.server.run(f"CREATE ROLE {login.user} LOGIN PASSWORD '{login.password}'")
    yield login
    target.run(f"DROP OWNED BY {login.user}")
    target.server.run(f"DROP ROLE {login.user}")


def test_no_temporary_tables(mover: Mover, source: Database, target: Database, weak: Login) -> None:
    for database in (source, target):
        database.run(TABLE)
    target.run(
        f"REVOKE TEMPORARY ON DATABASE {target.name} FROM PUBLIC;"
        f"GRANT CREATE ON DATABASE {target.name} TO {weak.user}; GRANT ALL ON t TO {weak.user}"
    )
    task = mover.start(source, target, target_login=weak)
    task.refused()
    (found,) = [one for one in task.findings() if one["code"] == "NoTemporaryOnDatabase"]
    target.run(str(found["remedy"]))
    task = mover.start(source, target, target_login=weak)
    task.ready()
    source.run("INSERT INTO t VALUES (1)")
    task.finish()
    assert target.value("SELECT count(*) FROM t") == 1


def test_connecting_writes_no_temporary_file(target: Database, weak: Login) -> None:
    target.run(f"ALTER ROLE {weak.user} SET temp_file_limit = 0")
    target.run(f"ALTER ROLE {weak.user} SET work_mem = '64kB'")
    connect(_connection(target, weak).to_database(target.name), "target").close()
