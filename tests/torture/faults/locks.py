"""Locks, deadlocks and transactions of others."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from tests.torture.case import Case

_NOBODY_WAITS = 3.0
_TELLING = 60.0


def lock_target(case: Case) -> bool:
    with (
        contextlib.suppress(psycopg.OperationalError),
        case.target.connect(autocommit=False, application_name="torture lock") as connection,
    ):
        connection.execute("SET lock_timeout = '3s'")
        connection.execute("LOCK TABLE writers.item, writers.heap IN ACCESS EXCLUSIVE MODE")
        if case.random.random() < 0.5:
            time.sleep(case.random.uniform(0.5, 2.5))
        else:
            _until_told(case, connection.info.backend_pid)
        return True
    return False


def _until_told(case: Case, pid: int) -> None:
    """Keep the lock until ``show`` names its holder, or nobody waits for it any more."""
    began = waited = time.monotonic()
    while f"process {pid} " not in str(case.show()["output"]):
        now = time.monotonic()
        if _keeps_us_waiting(case, pid):
            waited = now
        elif now - waited > _NOBODY_WAITS:
            return
        if now - began > _TELLING:
            raise AssertionError(f"show does not say that process {pid} is in the way")
        time.sleep(0.2)


def _keeps_us_waiting(case: Case, pid: int) -> bool:
    return bool(
        case.target.run(
            "SELECT FROM pg_stat_activity WHERE application_name LIKE 'dms-pg %'"
            f" AND {pid} = ANY (pg_blocking_pids(pid))"
        )
    )


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
