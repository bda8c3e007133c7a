"""Sessions ended by the server, ours among them or all of them."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import psycopg

from tests.support.databases import Database

if TYPE_CHECKING:
    from tests.torture.case import Case


def terminate(database: Database, condition: str) -> int:
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
        if terminate(database, condition):
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
        hits += terminate(side, f"pid % 2 = {case.random.randint(0, 1)}")
        time.sleep(case.random.uniform(0.02, 0.25))
    return hits > 0
