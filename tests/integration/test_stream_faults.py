"""The change stream while it is held up, cut and robbed; names say which hazard is meant."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from azext_dms_pg.postgres.replication import SlotLostError, check_slot
from tests.fix_proxy import MakeProxy
from tests.support.databases import Database, copy_schema, create
from tests.support.migrate import Mover, Task
from tests.support.servers import Server

SCHEMA = """
CREATE TABLE t (id int PRIMARY KEY, v text);
CREATE TABLE log (note text);
ALTER TABLE log REPLICA IDENTITY FULL;
"""
_OURS = "slot_name LIKE 'dms\\_pg%' AND database = current_database()"
_SLOT = f"FROM pg_replication_slots WHERE {_OURS}"
_WALSENDER = (
    "SELECT pid, backend_start::text FROM pg_stat_replication"
    f" WHERE pid = (SELECT active_pid {_SLOT})"
)
_PUBLICATION = "SELECT count(*) FROM pg_publication WHERE pubname LIKE 'dms\\_pg%'"
_APPLIERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'dms-pg%'"
)


@pytest.fixture(params=["pgoutput", "test_decoding"])
def plugin(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def both(source: Database, target: Database) -> Iterator[tuple[Database, Database]]:
    for database in (source, target):
        database.run(SCHEMA)
    yield source, target
    source.run(f"ALTER DATABASE {source.name} RESET ALL")


def _write(source: Database, first: int, count: int) -> None:
    """Each row a transaction of its own, and a row without a key to go with it."""
    with source.connect() as connection:
        for n in range(first, first + count):
            connection.execute(
                "WITH new AS (INSERT INTO t VALUES (%s, %s) RETURNING v)"
                " INSERT INTO log SELECT v FROM new",
                (n, f"row {n % 7}"),
            )


def _finish(task: Task) -> None:
    task.finish()
    report = task.compare()
    assert report.clean, f"{report.text}\n{task.story()}"


def test_hazards_4_5_6_an_open_transaction_across_slot_and_publication(
    mover: Mover, both: tuple[Database, Database], plugin: str
) -> None:
    """What it wrote before and after either was made arrives once; ``show`` names it meanwhile."""
    source, target = both
    with source.connect(autocommit=False) as writer:
        writer.execute("INSERT INTO t VALUES (1, 'before'); INSERT INTO log VALUES ('before')")
        pid = writer.info.backend_pid
        task = mover.start(source, target, source_settings={"plugin": plugin})
        task.until(lambda: f"process {pid}" in task.problem(), f"a wait for {pid}")
        if plugin == "pgoutput":
            assert source.value(_PUBLICATION) == 1
        writer.execute("INSERT INTO t VALUES (2, 'between'); INSERT INTO log VALUES ('between')")
        _write(source, 100, 20)
        writer.commit()
    _write(source, 200, 20)
    task.ready()
    _finish(task)


def test_hazards_8_10_a_table_locked_for_longer_than_the_source_waits(
    mover: Mover, both: tuple[Database, Database], plugin: str
) -> None:
    """The walsender is answered all the time, and never told more than the target has."""
    source, target = both
    source.run(f"ALTER DATABASE {source.name} SET wal_sender_timeout = '1s'")
    task = mover.start(
        source, target, source_settings={"plugin": plugin}, settings={"batchChanges": "50"}
    )
    task.ready()
    task.until(lambda: bool(source.run(_WALSENDER)), "a walsender")
    walsender = source.run(_WALSENDER)
    with target.connect(autocommit=False) as locker:
        locker.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        mark = source.value("SELECT pg_current_wal_insert_lsn()::text")
        _write(source, 0, 50)
        # More than is read before the target has taken some of it.
        source.run("INSERT INTO t SELECT i, 'large' FROM generate_series(1000, 2000) i")
        for _ in range(40):
            assert source.run(_WALSENDER) == walsender
            assert not source.value(f"SELECT confirmed_flush_lsn > '{mark}' {_SLOT}")
            time.sleep(0.1)
        assert target.value("SELECT count(*) FROM log") == 0
    _write(source, 50, 50)
    task.settle()
    assert source.run(_WALSENDER) == walsender
    _finish(task)


def test_hazard_9_the_cutover_waits_for_what_was_received_but_not_applied(
    mover: Mover, both: tuple[Database, Database], plugin: str
) -> None:
    """Updates alone: numbers of rows would not tell that some are missing."""
    source, target = both
    _write(source, 0, 50)
    task = mover.start(source, target, source_settings={"plugin": plugin})
    task.ready()
    with target.connect(autocommit=False) as locker:
        locker.execute("LOCK TABLE t IN SHARE MODE")  # others may read
        for n in range(50):
            source.run(f"UPDATE t SET v = 'changed' WHERE id = {n}")
        task.cutover()
        for _ in range(30):
            assert task.state != "COMPLETE"
            time.sleep(0.1)
    task.reach("COMPLETE")
    task.end("Succeeded")
    report = task.compare()
    assert report.clean, f"{report.text}\n{task.story()}"


def test_hazards_7_16_commits_whose_answer_is_lost(
    mover: Mover,
    both: tuple[Database, Database],
    make_proxy: MakeProxy,
    plugin: str,
) -> None:
    """Rows without a key would be there twice if a transaction were applied again."""
    source, target = both
    proxy = make_proxy(target.server)
    task = mover.start(source, target, source_settings={"plugin": plugin}, target_by=proxy)
    task.ready()
    for n in range(4):
        proxy.drop_commit_reply(1)
        _write(source, n * 25, 25)
        task.until(lambda n=n: proxy.dropped_commits > n, "a lost answer")  # type: ignore[misc]
    _finish(task)


def test_hazards_7_15_sessions_ended_again_and_again(
    mover: Mover, both: tuple[Database, Database], plugin: str
) -> None:
    source, target = both
    task = mover.start(source, target, source_settings={"plugin": plugin})
    task.ready()
    for n in range(12):
        _write(source, n * 25, 25)
        (source if n % 4 == 3 else target).run(_APPLIERS)
    task.settle()
    _finish(task)


@pytest.mark.parametrize("how", ["dropped", "invalidated"])
def test_hazard_12_the_slot_is_lost(
    mover: Mover, target: Database, own_server: Callable[..., Server], how: str
) -> None:
    """The end, in words: to go on with another slot would leave a gap."""
    server = own_server(17, settings={"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB"})
    source = create(server, SCHEMA)
    copy_schema(source, target)
    _write(source, 0, 5)
    task = mover.start(source, target)
    task.ready()
    with target.connect(autocommit=False) as locker:
        locker.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        _write(source, 5, 5)
        if how == "dropped":
            source.run(f"SELECT pg_terminate_backend(active_pid) {_SLOT} AND active")
            task.until(lambda: _dropped(source), "a dropped slot")
        else:
            source.run("CREATE TABLE filler (v text)")
            task.until(lambda: _invalidated(source), "an invalidated slot")
    task.end("Failed")
    assert task.state == "FAILED"
    (error,) = task.show()["errors"]
    assert error["code"] == "SlotLost"
    assert "slot" in error["message"]
    # There is none to go on from.
    assert "is kept" not in task.database()["activity"]
    # Of what was written behind the lock, as much as had been sent.
    assert target.value("SELECT count(*) FROM t") in range(5, 11)
    task.cancel()


def test_hazard_12_the_source_was_put_back(source: Database) -> None:
    """Its slot came along, and would pass over what it commits until it is where it was."""
    name = f"put_back_{source.name}"
    source.run(f"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')")
    with source.connect() as connection:
        row = connection.execute("SELECT pg_current_wal_flush_lsn() - '0/0'").fetchone()
        assert row is not None
        check_slot(connection, name, int(row[0]))
        with pytest.raises(SlotLostError, match="put back to an earlier time"):
            check_slot(connection, name, int(row[0]) + (1 << 32))


# In the place of four bytes of length, of a message's kind, of a word.
SPOILT = {
    "an absurd length": ("pgoutput", b"\0\0\0\x08spoil me", b"\x7f\xff\xff\xffspoil me"),
    "a length that is negative": ("pgoutput", b"\0\0\0\x08spoil me", b"\xff\xff\xff\xfespoil me"),
    "a length that leaves bytes over": ("pgoutput", b"\0\0\0\x08spoil me", b"\0\0\0\x07spoil me"),
    "a value without an end": ("test_decoding", b"'spoil me'", b"'spoil me "),
    "an operation nobody knows": ("test_decoding", b": INSERT: id", b": UPSERT: id"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_server_that_sends_nonsense(
    mover: Mover, both: tuple[Database, Database], make_proxy: MakeProxy, how: str
) -> None:
    """Refused in words, nothing of it written; once the server talks sense all is as it was."""
    source, target = both
    plugin, old, new = SPOILT[how]
    proxy = make_proxy(source.server)
    task = mover.start(source, target, source_settings={"plugin": plugin}, source_by=proxy)
    task.ready()
    proxy.spoil(old, new)
    source.run("INSERT INTO t VALUES (1, 'spoil me')")
    task.until(lambda: proxy.spoiled == 1, "a spoilt message")
    task.end("Failed")
    (error,) = task.show()["errors"]
    assert "source sent" in error["message"], error
    assert target.value("SELECT count(*) FROM t") == 0
    task.backend.tasks.restart(task.where)
    task.ready()
    _finish(task)


def _dropped(source: Database) -> bool:
    source.run(
        "DO $$ BEGIN"
        f" PERFORM pg_terminate_backend(active_pid) {_SLOT} AND active;"
        f" PERFORM pg_drop_replication_slot(slot_name) {_SLOT};"
        " EXCEPTION WHEN object_in_use THEN NULL; END $$"
    )
    return source.run(f"SELECT {_SLOT}") == []


def _invalidated(source: Database) -> bool:
    source.run("INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
    source.run("SELECT pg_switch_wal()")
    source.run("CHECKPOINT")
    return bool(source.run(f"SELECT {_SLOT} AND wal_status = 'lost'"))
