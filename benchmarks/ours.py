"""Our engine, in a process of its own: ``python -m benchmarks.ours`` with the request on stdin.

The time that counts starts when the process has its request (a worker is up already when a
database's turn comes) and ends when the tables are there with their indexes: survey, plan, slot,
snapshot, copy, progress reports, bookkeeping.
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

from azext_dms_pg.engine.deferral import defer, restore_indexes

from azext_dms_pg.engine.budget import Budget
from azext_dms_pg.engine.load import load
from azext_dms_pg.engine.plan import make_plan
from azext_dms_pg.engine.values import LoadProgress
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.model.task_input import DatabaseInput
from azext_dms_pg.postgres import checkpoint, publication, replication
from azext_dms_pg.postgres.catalog import survey
from azext_dms_pg.postgres.connect import connect

NAME = "dms_pg_bench"


def full_load(
    source: Connection, target: Connection, settings: MigrationSettings
) -> dict[str, Any]:
    """Everything a first start does up to the moment the change stream would begin."""
    started = time.monotonic()
    reports: list[LoadProgress] = []
    stages: dict[str, float] = {}
    with connect(source, "source") as at_source, connect(target, "target") as at_target:
        database = DatabaseInput(source.database, target.database)
        plan = make_plan(survey(at_source), survey(at_target), database, settings)
        checkpoint.install(at_target)
        checkpoint.begin(
            at_target,
            checkpoint.Checkpoint(
                NAME, "bench", NAME, NAME, checkpoint.PREPARED, "{}", None, None
            ),
        )
        defer(at_target, plan, NAME, settings)
        publication.create(at_source, NAME, [route.source for route in plan.routes])
        stages["prepared"] = time.monotonic() - started
        with (
            tempfile.TemporaryDirectory() as slots,
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
            )
        stages["loaded"] = time.monotonic() - started
        restore_indexes(at_target, target, NAME, settings)
        seconds = time.monotonic() - started
        replication.drop_slot(at_source, NAME)
        publication.drop(at_source, NAME)
        checkpoint.forget(at_target, NAME)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds,
        "cpu": round(usage.ru_utime + usage.ru_stime, 2),
        "rss_mib": usage.ru_maxrss >> 10,
        **{name: round(at, 2) for name, at in stages.items()},
    }


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
        raise RuntimeError(done.stderr.strip()[-2000:])
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _connection(wire: dict[str, Any]) -> Connection:
    return replace(Connection.from_wire(wire), password=Secret(wire["password"]))


def main() -> None:
    request = json.load(sys.stdin)
    answer = full_load(
        _connection(request["source"]),
        _connection(request["target"]),
        MigrationSettings(**request.get("settings", {})),
    )
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
