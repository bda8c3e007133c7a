"""What each fault does. Every one ends with the world mended, except the terminal ones.

A fault answers whether it hit anything: a session that was not there cannot be terminated.
Owns the damage; ``catalog`` says when it makes sense, ``case`` goes on afterwards.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from azext_dms_pg.errors import ConflictError, StateError
from tests.support.databases import Database
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.torture.door import Direct

if TYPE_CHECKING:
    from tests.torture.case import Case

ROOT = Path(__file__).resolve().parents[2]
_TRY_AGAIN = 75

# -- processes -----------------------------------------------------------------------------


def kill_worker(case: Case) -> bool:
    return case.kill("worker")


def kill_worker_again(case: Case) -> bool:
    hits = 0
    for _ in range(3):
        hits += case.kill("worker")
        time.sleep(case.random.uniform(0.5, 1.2))
    return hits > 0


def kill_supervisor(case: Case) -> bool:
    return case.kill("supervisor")


def reboot(case: Case) -> bool:
    hit = case.kill_all()
    case.start_service()
    return hit


def freeze(case: Case) -> bool:
    """Longer than wal_sender_timeout, which the case has set to one second."""
    pids = [pid for pid in (case.pid("worker"), case.pid("supervisor")) if pid is not None]
    if case.random.random() < 0.5:
        pids = pids[:1]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2.5)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    return bool(pids)


def stop_and_start(case: Case) -> bool:
    case.door.stop_service()
    state = case.show()["state"]
    if state not in {"Queued", "Succeeded", "Failed"}:
        raise AssertionError(f"the service is stopped, the task {state}")
    # A process lets go of its lock a moment before it ends.
    case.until(lambda: not case.processes(), "the end of processes", seconds=5, nurse=False)
    case.start_service()
    return True


def second_supervisor(case: Case) -> bool:
    """The task is being worked on: another supervisor must refuse."""
    before = case.pid("supervisor")
    if before is None:
        return False
    done = subprocess.run(
        [sys.executable, "-m", "azext_dms_pg.worker", case.task_id,
         "--state-dir", str(case.directory)],
        capture_output=True, text=True, timeout=30, check=False, cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if case.pid("supervisor") != before:
        return False
    if done.returncode != _TRY_AGAIN or "Another worker" not in done.stderr:
        raise AssertionError(f"second supervisor: {done.returncode} {done.stderr[-500:]}")
    return True


def second_machine(case: Case) -> bool:
    """A copy of the state directory elsewhere: the lock on the target must refuse it."""
    copy = case.directory.with_name(case.directory.name + "-copy")
    shutil.rmtree(copy, ignore_errors=True)
    for name in ("run", "log"):
        (copy / name).mkdir(parents=True, mode=0o700)
    shutil.copytree(case.directory / "vault", copy / "vault")
    with (
        contextlib.closing(sqlite3.connect(case.directory / "state.db")) as ours,
        contextlib.closing(sqlite3.connect(copy / "state.db")) as theirs,
    ):
        ours.backup(theirs)
    pid = case.pid("worker")
    with contextlib.closing(sqlite3.connect(copy / "state.db")) as theirs:
        done = subprocess.Popen(
            [sys.executable, "-m", "azext_dms_pg.worker", case.task_id, "--state-dir", str(copy)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        try:
            done.wait(60)
        except subprocess.TimeoutExpired:
            done.kill()
            done.wait()
        rows = theirs.execute("SELECT code FROM event WHERE severity = 'error'").fetchall()
    shutil.rmtree(copy, ignore_errors=True)
    if pid is None or case.pid("worker") != pid:
        return False
    if ("WorkerAlreadyRunning",) not in rows and case.show()["state"] == "Running":
        raise AssertionError(f"a second machine was not refused: {rows}")
    return True


# -- sessions ------------------------------------------------------------------------------


def _terminate(database: Database, condition: str) -> int:
    """End sessions of ours; how many. A server that is down has none."""
    with contextlib.suppress(psycopg.OperationalError):
        return len(
            database.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'dms-pg %' AND datname = current_database()"
                f" AND ({condition})"
            )
        )
    return 0


def _hunt(database: Database, condition: str, seconds: float = 2.0) -> bool:
    """Wait for such a session and end it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if _terminate(database, condition):
            return True
        time.sleep(0.02)
    return False


def terminate_copy(case: Case) -> bool:
    side = case.random.choice([case.source, case.target])
    return _hunt(side, "application_name = 'dms-pg copy'")


def terminate_walsender(case: Case) -> bool:
    return _hunt(case.source, "backend_type = 'walsender'")


def terminate_snapshot_holder(case: Case) -> bool:
    return _hunt(case.source, "backend_type = 'walsender'")


def terminate_apply(case: Case) -> bool:
    return _hunt(case.target, "application_name LIKE 'dms-pg apply%'")


def terminate_source(case: Case) -> bool:
    return _hunt(case.source, "true")


def terminate_target(case: Case) -> bool:
    return _hunt(case.target, "true")


def terminate_storm(case: Case) -> bool:
    hits = 0
    for _ in range(12):
        side = case.random.choice([case.source, case.target])
        hits += _terminate(side, f"pid % 2 = {case.random.randint(0, 1)}")
        time.sleep(case.random.uniform(0.02, 0.25))
    return hits > 0


# -- servers -------------------------------------------------------------------------------


def _crash(case: Case, server: Server) -> None:
    if case.random.random() < 0.3:
        server.kill()
        server.run_again()
    else:
        server.immediate_restart()


def crash_source(case: Case) -> bool:
    _crash(case, case.pair.source)
    return True


def crash_target(case: Case) -> bool:
    _crash(case, case.pair.target)
    return True


def crash_target_often(case: Case) -> bool:
    for _ in range(3):
        _crash(case, case.pair.target)
        time.sleep(case.random.uniform(0.1, 1.5))
    return True


def crash_both(case: Case) -> bool:
    case.pair.source.stop("immediate")
    case.pair.target.stop("immediate")
    case.pair.target.run_again()
    case.pair.source.run_again()
    return True


def _down(case: Case, server: Server) -> bool:
    server.stop(case.random.choice(["fast", "immediate"]))
    time.sleep(case.random.uniform(1.0, 2.5))
    server.run_again()
    return True


def source_down(case: Case) -> bool:
    return _down(case, case.pair.source)


def target_down(case: Case) -> bool:
    return _down(case, case.pair.target)


# -- network -------------------------------------------------------------------------------


def cut_source(case: Case) -> bool:
    return case.source_proxy.cut(reset=case.random.random() < 0.3) > 0


def cut_target(case: Case) -> bool:
    return case.target_proxy.cut(reset=case.random.random() < 0.3) > 0


def reset_both(case: Case) -> bool:
    return case.source_proxy.cut(reset=True) + case.target_proxy.cut(reset=True) > 0


def network_gone(case: Case) -> bool:
    proxies = case.random.choice(
        [[case.source_proxy], [case.target_proxy], [case.source_proxy, case.target_proxy]]
    )
    for proxy in proxies:
        proxy.refuse()
        proxy.cut()
    time.sleep(case.random.uniform(0.5, 2.5))
    for proxy in proxies:
        proxy.resume()
    return True


def stall(case: Case) -> bool:
    proxy = case.random.choice([case.source_proxy, case.target_proxy])
    proxy.stall()
    time.sleep(case.random.uniform(0.5, 3.0))
    proxy.resume()
    return True


def _half_open(case: Case, proxy: Proxy) -> bool:
    """The server's words vanish for a while; then the network notices and cuts."""
    proxy.half_open()
    time.sleep(case.random.uniform(0.5, 2.0))
    hit = proxy.cut() > 0
    proxy.resume()
    return hit


def half_open_source(case: Case) -> bool:
    return _half_open(case, case.source_proxy)


def half_open_target(case: Case) -> bool:
    return _half_open(case, case.target_proxy)


def lose_commit(case: Case) -> bool:
    proxy = case.target_proxy
    before = proxy.dropped_commits
    times = case.random.choice([1, 1, 2, 3])
    proxy.drop_commit_reply(times)
    deadline = time.monotonic() + 4.0
    while proxy.dropped_commits < before + times and time.monotonic() < deadline:
        time.sleep(0.02)
    return proxy.dropped_commits > before


# -- disks ---------------------------------------------------------------------------------


def target_disk_full(case: Case) -> bool:
    disk = case.pair.tablespace()
    size = case.pair.target.log.stat().st_size
    disk.fill()
    time.sleep(case.random.uniform(1.5, 3.0))
    disk.free()
    with case.pair.target.log.open("rb") as log:
        log.seek(size)
        return b"No space left" in log.read()


def state_disk_full(case: Case) -> bool:
    disk = case.state_disk
    assert disk is not None
    # What show opens and writes (nothing) must go on; but a new file of SQLite's may not fit.
    disk.fill()
    time.sleep(case.random.uniform(1.5, 3.0))
    disk.free()
    return True


# -- locks ---------------------------------------------------------------------------------


def lock_target(case: Case) -> bool:
    with (
        contextlib.suppress(psycopg.OperationalError),
        case.target.connect(autocommit=False, application_name="torture lock") as connection,
    ):
        connection.execute("SET lock_timeout = '3s'")
        connection.execute("LOCK TABLE writers.item, writers.heap IN ACCESS EXCLUSIVE MODE")
        time.sleep(case.random.uniform(0.5, 2.5))
        return True
    return False


def deadlock_target(case: Case) -> bool:
    """Take tables in one order while we are taking them in another; somebody is the victim."""
    size = case.pair.target.log.stat().st_size
    names = ["writers.item", "writers.heap", "writers.journal"]
    for _ in range(6):
        case.random.shuffle(names)
        with (
            contextlib.suppress(psycopg.OperationalError),
            case.target.connect(autocommit=False, application_name="torture dead") as connection,
        ):
            connection.execute("SET lock_timeout = '2s'; SET deadlock_timeout = '10s'")
            for name in names:
                connection.execute(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE".encode())
                time.sleep(0.05)
    with case.pair.target.log.open("rb") as log:
        log.seek(size)
        return b"deadlock detected" in log.read()


def lock_source(case: Case) -> bool:
    with (
        contextlib.suppress(psycopg.OperationalError),
        case.source.connect(autocommit=False, application_name="torture lock") as connection,
    ):
        connection.execute("SET lock_timeout = '3s'")
        connection.execute("LOCK TABLE writers.item IN ACCESS EXCLUSIVE MODE")
        time.sleep(case.random.uniform(0.5, 2.0))
        return True
    return False


def open_transaction(case: Case) -> bool:
    """A slot becomes consistent only when the transactions before it have ended."""
    with case.source.connect(autocommit=False, application_name="torture idle") as connection:
        connection.execute("SELECT txid_current()")
        time.sleep(case.random.uniform(1.0, 3.0))
    return True


def prepared_transaction(case: Case) -> bool:
    name = f"torture {case.source.name}"
    with case.source.connect(autocommit=False) as connection:
        connection.execute("INSERT INTO writers.heap VALUES (0, 'prepared', 1)")
        connection.execute(f"PREPARE TRANSACTION '{name}'".encode())
    time.sleep(case.random.uniform(1.0, 3.0))
    # Taken back: the ledger knows no such row.
    case.source.run(f"ROLLBACK PREPARED '{name}'")
    return True


# -- our own files -------------------------------------------------------------------------


def _refused(case: Case, code: str) -> None:
    for what in ("show", "start"):
        try:
            eyes = Direct(case.directory)
            if what == "show":
                eyes.show()
            else:
                eyes.start_service()
        except StateError as error:
            if error.code != code:
                raise AssertionError(f"{what}: {error.code} instead of {code}") from error
        else:
            raise AssertionError(f"{what} answered from a state file it cannot read")
    if case.plan.typed:
        try:
            case.door.start_service()
        except ConflictError as error:
            if "state.db" not in error.message:
                raise AssertionError(f"az does not name the file: {error.message}") from error
        else:
            raise AssertionError("az answered from a state file it cannot read")


def corrupt_state(case: Case) -> bool:
    path = case.directory / "state.db"
    with case.watch.blind():
        case.kill_all()
        # Reading the file here would drop the locks of stores this process has open.
        case.close_store()
        _checkpoint(path)
        good = path.read_bytes()
        spoilt = bytearray(good)
        # The header, or the pages with the schema.
        at = case.random.choice([0, 100])
        spoilt[at : at + 64] = case.random.randbytes(64)
        path.write_bytes(bytes(spoilt))
        _refused(case, "StateCorrupt")
        path.write_bytes(good)
        for extra in ("-wal", "-shm"):
            path.with_name(path.name + extra).unlink(missing_ok=True)
        case.reopen()
    case.start_service()
    return True


def newer_state(case: Case) -> bool:
    path = case.directory / "state.db"
    with case.watch.blind():
        case.kill_all()
        _set_version(path, 99)
        _refused(case, "StateTooNew")
        _set_version(path, None)
    case.start_service()
    return True


def _checkpoint(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _set_version(path: Path, version: int | None) -> None:
    from azext_dms_pg.state.store import VERSION

    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION if version is None else version}")


# -- the end -------------------------------------------------------------------------------


def _slot(case: Case) -> str | None:
    rows = case.source.run(
        "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
    )
    return str(rows[0][0]) if rows else None


def drop_slot(case: Case) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        name = _slot(case)
        if name is not None:
            with contextlib.suppress(psycopg.Error):
                case.source.run(
                    "SELECT count(pg_terminate_backend(active_pid)) FROM pg_replication_slots"
                    f" WHERE slot_name = '{name}';"
                    f"SELECT pg_drop_replication_slot('{name}')"
                )
                return True
        time.sleep(0.01)
    raise AssertionError("the slot could not be dropped")


def invalidate_slot(case: Case) -> bool:
    """The worker is away, the source may keep next to no WAL, and much is written."""
    server = case.pair.source
    # Stopping both keeps the stream from being picked up again meanwhile.
    pids = [pid for pid in (case.pid("supervisor"), case.pid("worker")) if pid is not None]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        server.run("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
        server.run("SELECT pg_reload_conf()")
        _terminate(case.source, "backend_type = 'walsender'")
        deadline = time.monotonic() + 30
        while True:
            case.source.run(
                "CREATE TABLE IF NOT EXISTS pg_temp.x (v text);"
                "INSERT INTO pg_temp.x SELECT 1; SELECT pg_switch_wal()"
            )
            case.source.run("CREATE TEMP TABLE y AS SELECT 1; SELECT pg_switch_wal()")
            case.source.run("CHECKPOINT")
            lost = case.source.run(
                "SELECT FROM pg_replication_slots WHERE database = current_database()"
                " AND wal_status = 'lost'"
            )
            if lost:
                return True
            if time.monotonic() > deadline:
                raise AssertionError("the slot could not be invalidated")
    finally:
        server.run("ALTER SYSTEM RESET max_slot_wal_keep_size")
        server.run("SELECT pg_reload_conf()")
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


DO: dict[str, Callable[[Case], bool]] = {
    "kill worker": kill_worker,
    "kill worker again and again": kill_worker_again,
    "kill supervisor": kill_supervisor,
    "reboot": reboot,
    "freeze beyond wal_sender_timeout": freeze,
    "stop and start the service": stop_and_start,
    "second supervisor": second_supervisor,
    "second machine": second_machine,
    "terminate copy": terminate_copy,
    "terminate walsender": terminate_walsender,
    "terminate apply": terminate_apply,
    "terminate snapshot holder": terminate_snapshot_holder,
    "terminate all on the source": terminate_source,
    "terminate all on the target": terminate_target,
    "terminate in a storm": terminate_storm,
    "crash source": crash_source,
    "crash target": crash_target,
    "crash target in a row": crash_target_often,
    "crash both": crash_both,
    "source down for a while": source_down,
    "target down for a while": target_down,
    "cut source": cut_source,
    "cut target": cut_target,
    "reset both": reset_both,
    "network gone": network_gone,
    "stall": stall,
    "half-open source": half_open_source,
    "half-open target": half_open_target,
    "lose a COMMIT reply": lose_commit,
    "target disk full": target_disk_full,
    "state disk full": state_disk_full,
    "lock on the target": lock_target,
    "deadlock on the target": deadlock_target,
    "lock on the source": lock_source,
    "open transaction on the source": open_transaction,
    "prepared transaction on the source": prepared_transaction,
    "corrupt state file": corrupt_state,
    "newer state file": newer_state,
    "slot dropped": drop_slot,
    "slot invalidated": invalidate_slot,
}
