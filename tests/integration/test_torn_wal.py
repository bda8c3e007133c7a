"""A source that crashed in the middle of a WAL record, and is idle ever after."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.support.databases import Database
from tests.support.migrate import Mover
from tests.support.servers import Server

T = "CREATE TABLE t (id int PRIMARY KEY, v text);"
# So many bytes into its last page does a record end that is torn there.
_PAGE = 8192
_TORN = 6000


@pytest.mark.parametrize(("version", "plugin"), [(16, "pgoutput"), (17, "test_decoding")])
def test_the_cutover_of_an_idle_source_ends(
    own_server: Callable[..., Server], target: Database, mover: Mover, version: int, plugin: str
) -> None:
    """The walsender of 16.2 waits for as much WAL as the torn record would have had."""
    server = own_server(version)
    source = Database(server, "postgres")
    source.run(T + "INSERT INTO t VALUES (1, 'one')")
    target.run(T)
    task = mover.start(source, target, source_settings={"plugin": plugin})
    task.ready()
    source.run("INSERT INTO t VALUES (2, 'two')")
    task.settle()
    _tear(source)
    server.immediate_restart()
    task.finish()
    assert not task.compare().differences


def _tear(source: Database) -> None:
    """Write a long record whose last page is not flushed: the server flushes whole pages only."""
    with source.connect() as connection:
        end = "pg_current_wal_insert_lsn() - '0/0'"
        # The insert position moves by little more than the record is long.
        (at,) = connection.execute(f"SELECT {end}".encode()).fetchone() or (0,)
        length = int(-at % _PAGE) + 10 * _PAGE + _TORN
        connection.execute(
            "SELECT pg_logical_emit_message(false, 'theirs', repeat('x', %s))", (length,)
        )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            flushed = connection.execute(
                "SELECT pg_current_wal_flush_lsn() > '0/0'::pg_lsn + %s", (at + 8 * _PAGE,)
            ).fetchone()
            if flushed == (True,):
                return
            time.sleep(0.05)
    raise AssertionError("the WAL writer did not write")
