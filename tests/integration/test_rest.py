"""Transactions that are still open when the cutover is asked for (hazard 9)."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import replace

import pytest

from azext_dms_pg.engine.cutover import rest
from azext_dms_pg.engine.values import Fence, FencePassed
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.states import MigrationState
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.replication import blockers, open_transactions
from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.loading import reach
from tests.support.migrate import Login, Mover
from tests.support.servers import VERSIONS


@pytest.fixture(params=["superuser", "replicator"])
def login(request: pytest.FixtureRequest) -> Login | None:
    """Who may see everything, and who sees of others' sessions nearly nothing."""
    return request.getfixturevalue("replicator") if request.param == "replicator" else None


def test_an_open_transaction_is_waited_for(
    mover: Mover, source: Database, target: Database, login: Login | None
) -> None:
    table = "CREATE TABLE t (id int PRIMARY KEY)"
    task = mover.ready_with(source, target, table, source_login=login)
    with source.connect(autocommit=False) as writer:
        writer.execute("INSERT INTO t VALUES (1)")
        pid = writer.info.backend_pid
        task.cutover()
        task.until(lambda: f"process {pid}" in task.problem(), f"a wait for {pid}")
        assert task.state == "COMPLETING"
        writer.execute("INSERT INTO t VALUES (2)")
        writer.commit()
    task.reach("COMPLETE")
    assert target.run("SELECT id FROM t ORDER BY id") == [(1,), (2,)]
    assert not {item["code"] for item in task.findings() if item["severity"] == "warning"}
    assert task.problem() == ""


def _reach(source: Database, login: Login | None) -> Connection:
    if login is None:
        return reach(source)
    return replace(reach(source), user=login.user, password=Secret(login.password))


class _Told:
    """What the journal was told; it is the only part that is not real."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def activity(self, sentence: str) -> None:
        pass

    def problem(self, message: str, action: str) -> None:
        pass

    def solved(self, message: str) -> None:
        pass

    def event(self, _severity: str, code: str, **texts: str) -> None:
        self.events.append((code, texts["message"]))


def test_the_slot_waits_for_an_open_transaction(
    mover: Mover, source: Database, target: Database, login: Login | None
) -> None:
    """``show`` says whom it waits for (hazard 5)."""
    for database in (source, target):
        database.run("CREATE TABLE t (id int PRIMARY KEY)")
    with source.connect(autocommit=False) as writer:
        writer.execute("INSERT INTO t VALUES (1)")
        pid = writer.info.backend_pid
        task = mover.start(source, target, source_login=login)
        task.until(lambda: f"process {pid} " in task.problem(), f"a wait for {pid}")
        assert task.state == MigrationState.INITIALIZING
        writer.commit()
    task.ready()
    assert task.problem() == ""
    task.finish()
    assert target.run("SELECT id FROM t") == [(1,)]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_shows_who_writes(
    servers: Servers, make_database: MakeDatabase, version: int
) -> None:
    """To a role that may replicate and nothing else; whoever only begins is nobody."""
    source = make_database(servers.get(version), "CREATE TABLE t (id int PRIMARY KEY)")
    login = Login(f"role_{secrets.token_hex(4)}", secrets.token_urlsafe(12))
    source.run(f"CREATE ROLE {login.user} LOGIN REPLICATION PASSWORD '{login.password}'")
    try:
        with (
            source.connect(autocommit=False) as writer,
            source.connect(autocommit=False) as later,
            source.connect(autocommit=False) as reader,
            connect(_reach(source, login), "source") as session,
        ):
            reader.execute("SELECT FROM t")
            writer.execute("INSERT INTO t VALUES (1)")
            waiting = threading.Thread(target=later.execute, args=("INSERT INTO t VALUES (1)",))
            waiting.start()
            waits = f"SELECT FROM pg_locks WHERE pid = {later.info.backend_pid} AND NOT granted"
            while not source.run(waits):
                time.sleep(0.02)
            pids = [writer.info.backend_pid, later.info.backend_pid]
            told = sorted(open_transactions(session))
            assert [words.split(" (")[0] for words in told] == sorted(f"process {p}" for p in pids)
            (found,) = blockers(_reach(source, login), later.info.backend_pid)
            assert found.startswith(f"process {pids[0]} (")
            writer.rollback()
            waiting.join()
    finally:
        source.run(f"DROP ROLE {login.user}")


def test_one_that_never_ends_is_told(
    source: Database, monkeypatch: pytest.MonkeyPatch, login: Login | None
) -> None:
    """Who holds the cutover up for ever is named, and the cutover goes on."""
    monkeypatch.setattr(rest, "_OPEN_PATIENCE", 0.5)
    source.run("CREATE TABLE t (id int)")
    told = _Told()
    judge = rest.Rest(told, source.name)  # type: ignore[arg-type]
    passed = FencePassed(Fence(nonce="", xid=0, lsn=1), 0)
    with (
        source.connect(autocommit=False) as writer,
        connect(_reach(source, login), "source") as session,
    ):
        writer.execute("INSERT INTO t VALUES (1)")
        pid = writer.info.backend_pid
        answers = []
        for _ in range(5):
            judge.look(session)
            answers.append(judge.has_come(passed))
            if answers[-1]:
                break
        assert answers[:2] == [False, False]
        assert answers[-1]
        writer.rollback()
    assert [code for code, _ in told.events] == ["TransactionsLeftOpen"]
    assert f"process {pid} " in told.events[0][1]
