"""Cancelling late, and deleting what cannot be cleaned up: what is left is told, or is nothing."""

from __future__ import annotations

import secrets

import pytest

from azext_dms_pg.errors import ConflictError, NotFoundError
from tests.support import oracle
from tests.support.databases import Database
from tests.support.migrate import Login, Mover

TABLES = """
CREATE TABLE t (id int PRIMARY KEY, n int);
CREATE TABLE outside (id int PRIMARY KEY, t int REFERENCES t);
"""
ROWS = "INSERT INTO t SELECT i, 0 FROM generate_series(1, 100) i"


def test_another_table_refers_to_what_was_filled(
    mover: Mover, source: Database, target: Database
) -> None:
    """The cutover had brought its key back before it failed."""
    source.run(TABLES + ROWS)
    target.run(TABLES)
    task = mover.start(source, target, tables=["public.t"])
    task.ready()
    target.run("INSERT INTO t VALUES (-1, -1)")
    task.cutover()
    task.end("Failed")
    task.cancel()
    assert "LeftBehind" not in {finding["code"] for finding in task.findings()}, task.story()
    assert target.value("SELECT count(*) FROM t") == 0
    assert not oracle.target_leftovers(target)
    assert oracle.snapshot(target) == task.before


@pytest.mark.parametrize("running", [True, False])
def test_what_a_delete_cannot_clean_up(
    mover: Mover, source: Database, target: Database, replicator: Login, running: bool
) -> None:
    """The task is the only one who knows what is left; it goes when it is told a second time."""
    source.run(TABLES + ROWS)
    source.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {replicator.user}")
    target.run(TABLES)
    task = mover.start(source, target, tables=["public.t"], source_login=replicator)
    task.ready()
    source.run(f"ALTER ROLE {replicator.user} PASSWORD 'another one'")
    if not running:
        source.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE usename = '{replicator.user}'"
        )
        task.end("Failed")
    with pytest.raises(ConflictError) as told:
        task.backend.tasks.delete(task.where, delete_running_tasks=True)
    assert told.value.code == "LeftBehind"
    slot = source.value(
        "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
    )
    assert slot in f"{told.value.message} {told.value.action}"
    task.backend.tasks.delete(task.where, delete_running_tasks=True)
    with pytest.raises(NotFoundError):
        task.show()
    source.run(f"SELECT pg_drop_replication_slot('{slot}')")


def test_a_cancel_with_leftovers_is_finished_by_another(
    mover: Mover, source: Database, target: Database
) -> None:
    source.run(TABLES + ROWS)
    target.run(TABLES)
    login = Login(f"role_{secrets.token_hex(4)}", secrets.token_urlsafe(12))
    target.run(f"CREATE ROLE {login.user} SUPERUSER LOGIN PASSWORD '{login.password}'")
    task = mover.start(source, target, tables=["public.t"], target_login=login)
    task.ready()
    target.run(f"ALTER ROLE {login.user} PASSWORD 'another one'")
    target.run(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{login.user}'"
    )
    task.cancel()
    assert "cancel again" in task.database()["activity"], task.story()
    assert oracle.target_leftovers(target)
    for refused in (
        lambda: task.backend.tasks.restart(task.where),
        lambda: task.backend.tasks.delete(task.where, delete_running_tasks=False),
    ):
        with pytest.raises(ConflictError) as told:
            refused()
        assert "cancel" in told.value.action

    target.run(f"ALTER ROLE {login.user} PASSWORD '{login.password}'")
    task.cancel()
    assert task.database()["activity"] == "cancelled"
    assert "LeftBehind" not in str(task.show()["errors"]), task.story()
    assert oracle.target_leftovers(target) == []
    assert oracle.snapshot(target) == task.before
    assert target.value("SELECT count(*) FROM t") == 0
    assert [path.name for path in (task.directory / "vault").iterdir()] == ["key"]
    task.backend.tasks.delete(task.where, delete_running_tasks=False)
    target.run(f"DROP ROLE {login.user}")
