"""Our engine, in a process of its own: ``python -m benchmarks.ours`` with the request on stdin.

The time that counts starts when the process has its request (a worker is up already when a
database's turn comes). For a load it ends when the tables are there with their indexes: survey,
plan, slot, snapshot, copy, progress reports, bookkeeping. For a backlog it ends when everything
up to a given position is durable on the target, with its progress row.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from azext_dms_pg.engine.deferral import IndexBuilder, defer, restore_indexes
from azext_dms_pg.engine.load import load
from azext_dms_pg.engine.load.budget import Budget
from azext_dms_pg.engine.planning.plan import make_plan
from azext_dms_pg.engine.stream import Course, Follower
from azext_dms_pg.engine.values import Applied, LoadProgress, Plan, Position
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.model.task_input import DatabaseInput
from azext_dms_pg.postgres import checkpoint, publication, replication
from azext_dms_pg.postgres.catalog import surveys
from azext_dms_pg.postgres.connect import connect

NAME = "dms_pg_bench"
Session = psycopg.Connection[Any]


def full_load(
    source: Connection, target: Connection, settings: MigrationSettings
) -> dict[str, Any]:
    """Everything a first start does up to the moment the change stream would begin."""
    started = time.monotonic()
    reports: list[LoadProgress] = []
    stages: dict[str, float] = {}
    with connect(source, "source") as at_source, connect(target, "target") as at_target:
        plan = _begin(at_source, at_target, settings)
        defer(at_target, plan, NAME, settings)
        publication.create(at_source, NAME, plan.published)
        stages["prepared"] = time.monotonic() - started
        jobs = settings.index_jobs
        with (
            tempfile.TemporaryDirectory() as slots,
            IndexBuilder(at_target, target, NAME, jobs, lambda: False) as builder,
            replication.create_slot(source, NAME, plan.plugin) as session,
        ):
            stages["slot"] = time.monotonic() - started
            checkpoint.start_load(at_target, NAME, session.handle.consistent_lsn)
            load(
                plan,
                session.handle,
                source,
                target,
                NAME,
                settings,
                Budget(Path(slots), settings.parallel_tables),
                reports.append,
                lambda: False,
                builder.loaded,
            )
        stages["loaded"] = time.monotonic() - started
        restore_indexes(at_target, target, NAME, settings)
        seconds = time.monotonic() - started
        replication.drop_slot(at_source, NAME)
        publication.drop(at_source, NAME)
        checkpoint.forget(at_target, NAME)
    return {**_used(), "seconds": seconds, **{name: round(at, 2) for name, at in stages.items()}}


def follow(
    source: Connection,
    target: Connection,
    settings: MigrationSettings,
    slot: str,
    *,
    until: int = 0,
    seconds: float = 0.0,
) -> dict[str, Any]:
    """Apply the changes a slot holds.

    :param until: end once everything up to this position is durable.
    :param seconds: or end after so long, and say how far behind it was meanwhile.
    """
    with connect(source, "source") as at_source, connect(target, "target") as at_target:
        plan = _begin(at_source, at_target, settings)
        status = replication.slot_status(at_source, slot)
        start = status.confirmed_lsn if status is not None else None
        checkpoint.start_load(at_target, NAME, start or 0)
        checkpoint.set_phase(at_target, NAME, checkpoint.LOADED)
    before, started = _cpu(), time.monotonic()
    follower = Follower(Course(plan, source, target, NAME, slot, NAME, settings))
    lags: list[float] = []
    changes = 0
    for event in follower.events():
        passed = time.monotonic() - started
        if isinstance(event, Position):
            changes = event.received_changes
            lags.append(event.lag)
            if until and event.applied_lsn >= until:
                break
        elif until and isinstance(event, Applied) and event.lsn >= until:
            break
        if seconds and passed >= seconds:
            break
    passed = time.monotonic() - started
    used = _cpu() - before
    follower.close()
    lags.sort()
    return {
        **_used(),
        "seconds": passed,
        "changes": changes,
        **({"lag_p95": round(lags[int(len(lags) * 0.95)], 3)} if seconds and lags else {}),
        "cpu_share": round(used / passed, 2),
    }


def _begin(at_source: Session, at_target: Session, settings: MigrationSettings) -> Plan:
    """Survey, plan, and the bookkeeping on the target."""
    database = DatabaseInput(at_source.info.dbname, at_target.info.dbname)
    plan = make_plan(*surveys(at_source, at_target), database, settings)
    checkpoint.install(at_target)
    checkpoint.begin(
        at_target,
        checkpoint.Checkpoint(NAME, "bench", NAME, NAME, checkpoint.PREPARED, "{}", None, None),
    )
    return plan


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _used() -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu": round(_cpu(), 2), "rss_mib": peak >> 10}


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Start the process, wait for it, return what it measured.

    :raises RuntimeError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ours"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2])
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _connection(wire: dict[str, Any]) -> Connection:
    return replace(Connection.from_wire(wire), password=Secret(wire["password"]))


def main() -> None:
    request = json.load(sys.stdin)
    ends = _connection(request["source"]), _connection(request["target"])
    settings = MigrationSettings(**request.get("settings", {}))
    more = request.get("follow")
    answer = follow(*ends, settings, **more) if more else full_load(*ends, settings)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
