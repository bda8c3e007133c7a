"""The lock on the target: a dead predecessor of ours loses it, anybody else keeps it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from azext_dms_pg.engine.apply import session
from azext_dms_pg.engine.apply.session import ApplySession
from azext_dms_pg.engine.values import Plan
from azext_dms_pg.errors import ServerError
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.postgres.checkpoint import take_lock, try_lock
from azext_dms_pg.postgres.connect import connect
from tests.support.databases import Database
from tests.support.following import MIGRATION, Following


def _reach(database: Database) -> Connection:
    server = database.server
    return Connection(
        server=server.host,
        port=server.port,
        user=server.superuser,
        password=Secret(server.password),
        database=database.name,
    )


def test_a_predecessor_in_a_long_statement_is_ended(target: Database) -> None:
    first = connect(_reach(target), "target", "control 0123456789ab")
    assert take_lock(first, "m")

    def sleep() -> None:
        with pytest.raises(psycopg.OperationalError):
            first.execute("SELECT pg_sleep(60)")

    asleep = threading.Thread(target=sleep)
    asleep.start()
    with connect(_reach(target), "target", "control 0123456789ab") as second:
        assert take_lock(second, "m")
        assert take_lock(second, "other")
    asleep.join(10)
    assert not asleep.is_alive()
    first.close()


def test_somebody_else_keeps_it(target: Database) -> None:
    with (
        connect(_reach(target), "target", "control 0123456789ab") as first,
        connect(_reach(target), "target", "control ba9876543210") as second,
    ):
        assert take_lock(first, "m")
        assert not take_lock(second, "m")
        assert not try_lock(second, "m")
        assert first.execute("SELECT 1").fetchone() == (1,)


@pytest.fixture
def applying(source: Database, target: Database) -> Iterator[Plan]:
    """The plan of a stream that could be followed."""
    with Following(source, target, "CREATE TABLE t (id int PRIMARY KEY)") as following:
        following.stop()
        yield following.plan


def test_a_dead_appliers_lock_is_taken(target: Database, applying: Plan) -> None:
    """Its backend waits for somebody's row lock and has not noticed that its client has gone."""
    first = ApplySession(_reach(target), applying, MIGRATION, "0123456789ab")
    first.lock(lambda: False)

    def wait() -> None:
        with pytest.raises(psycopg.OperationalError):
            first.connection.execute("SELECT pg_sleep(60)")

    waiting = threading.Thread(target=wait)
    waiting.start()
    second = ApplySession(_reach(target), applying, MIGRATION, "0123456789ab")
    assert second.lock(lambda: False) > 0
    waiting.join(10)
    assert not waiting.is_alive()
    second.close()
    first.close()


def test_somebody_elses_applier_is_waited_for(
    target: Database, applying: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_LOCK_PATIENCE", 0.5)
    first = ApplySession(_reach(target), applying, MIGRATION, "0123456789ab")
    first.lock(lambda: False)
    second = ApplySession(_reach(target), applying, MIGRATION, "ba9876543210")
    with pytest.raises(ServerError) as held:
        second.lock(lambda: False)
    assert held.value.retryable
    second.close()
    first.close()
