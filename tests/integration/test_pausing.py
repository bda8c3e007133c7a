"""A pause is no end: what was paused goes on, whatever became of the databases beside it."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time

import pytest

from azext_dms_pg.errors import ConflictError
from tests.fix_postgres import MakeDatabase
from tests.support import processes
from tests.support.databases import Database
from tests.support.migrate import SERVICE, Mover, Task

_UNKNOWN = "UNDEFINED"


def states(task: Task) -> list[str]:
    return [each["migrationState"] for each in task.level("DatabaseLevelOutput")]


def one_fails(
    mover: Mover, source: Database, target: Database, make_database: MakeDatabase
) -> tuple[Task, Database, Database]:
    """A task whose second database has failed while the first is ready."""
    failing, refusing = make_database(source.server), make_database(target.server)
    for database in (source, target, failing, refusing):
        database.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
    for database in (source, failing):
        database.run("INSERT INTO t VALUES (1, 'x')")
    task = mover.start(source, target, others=[(failing, refusing)])
    task.until(lambda: states(task) == ["READY_TO_COMPLETE"] * 2, "both ready")
    refusing.run("DELETE FROM t")
    failing.run("UPDATE t SET v = 'y'")
    task.until(lambda: states(task)[1] == "FAILED", "the end of the second database")
    task.ready()
    return task, failing, refusing


def test_a_paused_database_goes_on_beside_one_that_failed(
    mover: Mover, source: Database, target: Database, make_database: MakeDatabase
) -> None:
    task, _, _ = one_fails(mover, source, target, make_database)
    mover.backend.services.stop(SERVICE)
    assert task.show()["state"] == "Queued"
    assert states(task) == [_UNKNOWN, "FAILED"]
    with pytest.raises(ConflictError) as told:
        task.backend.tasks.cutover(task.where, object_name=source.name)
    assert told.value.code == "ServiceStopped"

    source.run("INSERT INTO t VALUES (2, 'late')")
    mover.backend.services.start(SERVICE)
    task.settle()
    task.backend.tasks.cutover(task.where, object_name=source.name)
    task.reach("COMPLETE")
    # All others have ended: now the failure is what the task came to.
    task.end("Failed")
    assert task.compare().clean, task.story()


@pytest.mark.parametrize("supervised", [True, False])
def test_a_failed_database_is_taken_up_again_beside_others(
    mover: Mover, source: Database, target: Database, make_database: MakeDatabase, supervised: bool
) -> None:
    task, _, refusing = one_fails(mover, source, target, make_database)
    refusing.run("INSERT INTO t VALUES (1, 'x')")
    if not supervised:
        mover.close()
    task.backend.tasks.restart(task.where)
    assert states(task)[1] != "FAILED"
    task.until(lambda: states(task) == ["READY_TO_COMPLETE"] * 2, "both ready")
    assert task.show()["errors"] == []
    task.finish()
    assert task.compare().clean, task.story()
    assert refusing.value("SELECT v FROM t") == "y"


@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_nobody_works_on_when_the_state_is_gone(
    mover: Mover, source: Database, target: Database, how: str
) -> None:
    task = mover.ready_with(source, target, "CREATE TABLE t (id int PRIMARY KEY, v text)")
    elsewhere = mover.directory.with_name("elsewhere")
    if how == "moved":
        mover.directory.rename(elsewhere)
    else:
        shutil.rmtree(mover.directory)
    deadline = time.monotonic() + 30
    while mover.workers():
        assert time.monotonic() < deadline, "they live on"
        time.sleep(0.1)
    assert not mover.directory.exists()
    slot = "FROM pg_replication_slots WHERE database = current_database()"
    assert source.value(f"SELECT array_agg(active) {slot}") == [False]
    if how == "deleted":
        source.run(f"SELECT pg_drop_replication_slot(slot_name) {slot}")
        return
    elsewhere.rename(mover.directory)
    source.run("INSERT INTO t VALUES (1, 'late')")
    task.backend.tasks.restart(task.where)
    task.settle()
    task.finish()
    assert task.compare().clean, task.story()


def test_a_start_while_the_service_is_being_stopped(
    mover: Mover, source: Database, target: Database
) -> None:
    task = mover.ready_with(source, target, "CREATE TABLE t (id int PRIMARY KEY, v text)")
    (worker,) = (pid for pid in mover.workers() if "--database" in processes.command_line(pid))
    mover.suspend(worker)
    told: list[str] = []

    def stop() -> None:
        with pytest.raises(ConflictError) as refused:
            mover.backend.services.stop(SERVICE)
        told.append(refused.value.code)

    stopping = threading.Thread(target=stop)
    stopping.start()
    task.until(
        lambda: mover.backend.services.show(SERVICE)["provisioningState"] == "Stopping", "a stop"
    )
    mover.backend.services.start(SERVICE)
    stopping.join(30)
    assert told == ["StartedMeanwhile"]
    assert mover.backend.services.show(SERVICE)["provisioningState"] == "Succeeded"
    os.kill(worker, signal.SIGCONT)
    source.run("INSERT INTO t VALUES (1, 'late')")
    task.settle()
    task.finish()
