"""The lock on the target: a dead predecessor of ours loses it, anybody else keeps it."""

from __future__ import annotations

import threading

import psycopg
import pytest

from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.postgres.checkpoint import take_lock, try_lock
from azext_dms_pg.postgres.connect import connect
from tests.support.databases import Database


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
