"""The report says what is true at this moment, in the service's own words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from azext_dms_pg.model.states import MigrationState, TableState, TaskState
from azext_dms_pg.state import report
from azext_dms_pg.state.records import (
    DatabaseRecord,
    EventRecord,
    ProjectRecord,
    ServiceRecord,
    TableRecord,
    TaskRecord,
    TaskSnapshot,
)
from azext_dms_pg.state.report import Liveness

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
SERVICE = ServiceRecord(1, "PostgresDemo", "PostgresCLI", "local", "Local", {}, "Succeeded", "")
PROJECT = ProjectRecord(1, SERVICE, "PGMigration", "local", "PostgreSQL", "x", {}, "")
TASK = TaskRecord(
    id="dd27aa3aed714bffab3477db4261101c",
    project=PROJECT,
    name="runnowtask",
    input={
        "sourceConnectionInfo": {"serverName": "138.91.123.10"},
        "targetConnectionInfo": {"serverName": "t.postgres.database.azure.com"},
    },
    options={},
    state=TaskState.RUNNING,
    wanted="run",
    created_on="",
    started_on="2018-07-05T23:36:02.278390+00:00",
    ended_on=None,
)
DATABASE = DatabaseRecord(
    ordinal=0, name="inventory", target_name="inventory", state=MigrationState.READY_TO_COMPLETE,
    activity="in step", problem="", action="", started_on=TASK.started_on, ended_on=None,
    load_ended_on="x", cutover_on=None, inserts=50, updates=2, deletes=1, incoming=0, latency=0.4,
    applied_lsn="0/1", source_lsn="0/2", source_version="9.6", target_version="17.2",
    heartbeat=NOW.isoformat(),
)  # fmt: skip
TABLE = TableRecord(
    ordinal=0, schema="public", name="actor", state=TableState.COMPLETED, rows=112, bytes=46592,
    fraction=1.0, format="binary", started_on="a", ended_on="b", estimated_end=None, inserts=50,
    updates=2, deletes=1, errors=0, modified_on="c",
)  # fmt: skip
SNAPSHOT = TaskSnapshot(TASK, (DATABASE,), (TABLE,), (), ())


def _output(snapshot: TaskSnapshot, liveness: Liveness = Liveness.ALIVE) -> list[report.Json]:
    return report.output(snapshot, report.standing(snapshot, liveness, NOW))


def test_the_tutorials_first_migration_state_is_the_databases() -> None:
    states = [item["migrationState"] for item in _output(SNAPSHOT) if "migrationState" in item]
    assert states[0] == "READY_TO_COMPLETE"


def test_both_spellings() -> None:
    database, migration, table = _output(SNAPSHOT)
    assert database["id"] == "db|inventory"
    assert database["appliedChanges"] == 53
    assert migration["id"] == "dd27aa3a-ed71-4bff-ab34-77db4261101c"
    assert migration["sourceVersion"] == migration["sourceServerVersion"] == "PostgreSQL 9.6"
    assert table["id"] == "or|inventory|public|actor"
    assert table["tableName"] == "public.actor"
    assert table["dataErrorsCount"] == table["dataErrorsCounter"] == 0
    assert table["fullLoadTotalVolumeBytes"] == 46592
    assert table["fullLoadEstFinishTime"] == "1970-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("liveness", "state", "code"),
    [
        (Liveness.DEAD, TaskState.FAULTED, "WorkerNotRunning"),
        (Liveness.PAUSED, TaskState.QUEUED, "ServiceStopped"),
    ],
)
def test_nobody_at_work_is_said(liveness: Liveness, state: TaskState, code: str) -> None:
    now = report.standing(SNAPSHOT, liveness, NOW)
    assert now.state is state
    database = report.output(SNAPSHOT, now)[0]
    assert database["migrationState"] == "UNDEFINED"
    assert report.errors(SNAPSHOT, now)[0]["code"] == code


@pytest.mark.parametrize("state", [TaskState.RUNNING, TaskState.CANCELING])
def test_a_suspended_worker_is_not_running(state: TaskState) -> None:
    later = NOW + timedelta(seconds=40)
    silent = replace(DATABASE, problem="Process 7 is there.", action="kill -9 7")
    snapshot = replace(SNAPSHOT, task=replace(TASK, state=state), databases=(silent,))
    now = report.standing(snapshot, Liveness.ALIVE, later)
    assert now.state is TaskState.UNKNOWN
    assert "40 seconds" in now.problem
    database, *_, notes = report.output(snapshot, now)
    assert database["migrationState"] == "UNDEFINED"
    assert "40 seconds" in notes["errorMessage"]
    assert notes["errorMessage"].endswith("Process 7 is there. kill -9 7")


def test_a_finished_task_needs_no_worker() -> None:
    done = replace(
        SNAPSHOT,
        task=replace(TASK, state=TaskState.SUCCEEDED),
        databases=(replace(DATABASE, state=MigrationState.COMPLETE),),
    )
    database, migration, _ = _output(done, Liveness.DEAD)
    assert database["migrationState"] == "COMPLETE"
    assert migration["state"] == "COMPLETE"


def test_a_task_is_not_over_while_a_database_has_a_way_to_go() -> None:
    failed = replace(DATABASE, ordinal=1, name="other", state=MigrationState.FAILED)
    half = replace(
        SNAPSHOT, task=replace(TASK, state=TaskState.FAILED), databases=(DATABASE, failed)
    )
    now = report.standing(half, Liveness.DEAD, NOW)
    assert now.state is TaskState.FAULTED
    states = [item["migrationState"] for item in report.output(half, now)[:2]]
    assert states == ["UNDEFINED", "FAILED"]


def test_errors_come_as_error_outputs_with_what_to_do() -> None:
    event = EventRecord(7, 0, "t", "error", "SlotLost", "inventory", "The slot is gone.", "Cancel.")
    *_, error, events = _output(replace(SNAPSHOT, events=(event,)))
    assert error["resultType"] == "ErrorOutput"
    assert error["error"]["message"] == "inventory: The slot is gone."
    assert error["error"]["actionableMessage"] == "Cancel."
    assert events["resultType"] == "DatabaseLevelErrorOutput"
    assert events["events"][0]["eventTypeString"] == "error"
