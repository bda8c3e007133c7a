"""What nothing can mend: the slot is gone or was given up by the source."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

import psycopg

from tests.torture.faults.sessions import terminate

if TYPE_CHECKING:
    from tests.torture.case import Case


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
        terminate(case.source, "backend_type = 'walsender'")
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
