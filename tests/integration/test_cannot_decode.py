"""Sources whose changes cannot be decoded as planned: said before anything is made."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from psycopg import sql

from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres.replication import create_slot
from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.loading import reach
from tests.support.migrate import Mover
from tests.support.servers import Server

T = "CREATE TABLE t (id int PRIMARY KEY, v text);"
TEXT = {"plugin": "test_decoding"}


@pytest.fixture
def bare(servers: Servers, make_database: MakeDatabase) -> Database:
    """On a server without contrib."""
    server = servers.get(16)
    if server.package.contrib:
        pytest.skip("every server here has test_decoding")
    return make_database(server, T)


def test_without_the_plugin(bare: Database, target: Database, mover: Mover) -> None:
    target.run(T)
    task = mover.start(bare, target, source_settings=TEXT)
    task.refused()
    (found,) = [one for one in task.findings() if one["code"] == "PluginMissing"]
    assert found["severity"] == "blocker"
    assert "postgresql-contrib" in found["remedy"]
    assert bare.run("SELECT FROM pg_replication_slots") == []


def test_a_plugin_that_went_away_after_the_check(bare: Database) -> None:
    with pytest.raises(MigrationError, match="not installed there") as caught:
        create_slot(reach(bare), "dms_pg_bare", "test_decoding")
    assert caught.value.code == "PluginMissing"
    assert bare.run("SELECT FROM pg_replication_slots") == []


def test_the_trial_does_not_wait_for_others(
    source: Database, target: Database, mover: Mover
) -> None:
    """A running transaction keeps a slot from being made, not the check from ending."""
    source.run(T)
    target.run(T)
    with source.connect(autocommit=False) as writer:
        writer.execute("INSERT INTO t VALUES (1, 'open')")
        task = mover.start(source, target, source_settings=TEXT)
        task.reach("INITIALIAZING")
        writer.commit()
    task.ready()
    task.finish()
    assert not task.compare().differences


def test_an_encoding_nothing_here_reads(
    source_server: Server, target: Database, mover: Mover, make_database: MakeDatabase
) -> None:
    name = f"{make_database(source_server).name}_tw"
    source_server.run(
        sql.SQL(
            "CREATE DATABASE {} ENCODING 'EUC_TW' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
        .format(sql.Identifier(name))
        .as_string()
    )
    source = Database(source_server, name)
    try:
        source.run(T)
        target.run(T)
        task = mover.start(source, target, source_settings=TEXT)
        task.refused()
        (found,) = [one for one in task.findings() if one["code"] == "EncodingUnsupported"]
        assert found["severity"] == "blocker"
        assert "sourceSetting" in found["remedy"]
    finally:
        source.drop()


def test_a_timeout_too_short_to_answer(
    own_server: Callable[..., Server], target: Database, mover: Mover
) -> None:
    """Since 12 our sessions may have their own; before, it stands in the way."""
    source = Database(own_server(17, settings={"wal_sender_timeout": "20ms"}), "postgres")
    source.run(T + "INSERT INTO t VALUES (1, 'one')")
    target.run(T)
    task = mover.start(source, target)
    task.ready()
    source.run("INSERT INTO t VALUES (2, 'two')")
    task.finish()
    assert not task.compare().differences


def test_a_timeout_nobody_but_the_administrator_can_change(
    own_server: Callable[..., Server], target: Database, mover: Mover
) -> None:
    source = Database(own_server(11, settings={"wal_sender_timeout": "20ms"}), "postgres")
    source.run(T)
    target.run(T)
    task = mover.start(source, target)
    task.refused()
    (found,) = [one for one in task.findings() if one["code"] == "WalSenderTimeoutTooShort"]
    for statement in found["remedy"].split(";")[:2]:
        source.run(statement)
    task.backend.tasks.restart(task.where)
    task.ready()
    task.cancel()
