"""A task's JSON as a watcher sees it: ours, Azure's, and answers with hardly anything in them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from azext_dms_pg.backends.base import TaskAddress
from azext_dms_pg.cli import advice, findings, metrics, view, words
from azext_dms_pg.cli.lines import progress
from azext_dms_pg.cli.pace import Pace

WHERE = TaskAddress("Postgres Demo", "PostgresCLI", "PGMigration", "runnowtask")
# As the tutorial prints it: Azure knows neither percentages nor activities.
AZURE: dict[str, Any] = {
    "name": "runnowtask",
    "properties": {
        "state": "Running",
        "input": {
            "selectedDatabases": [{"name": "inventory", "targetDatabaseName": "inventory"}],
            "sourceConnectionInfo": {"serverName": "138.91.123.10", "port": 5432},
            "targetConnectionInfo": {"serverName": "t.example.com", "port": 5432},
        },
        "output": [
            {
                "resultType": "DatabaseLevelOutput",
                "databaseName": "inventory",
                "migrationState": "READY_TO_COMPLETE",
                "fullLoadCompletedTables": 2,
                "fullLoadQueuedTables": 0,
                "initializationCompleted": True,
                "latency": 0,
                "appliedChanges": 7,
                "startedOn": "2018-07-05T23:36:02.2783901+00:00",
            },
            {
                "resultType": "TableLevelOutput",
                "databaseName": "inventory",
                "tableName": "public.actor",
                "state": "COMPLETED",
                "fullLoadTotalRows": 112,
                "fullLoadEstFinishTime": "1970-01-01T00:00:00+00:00",
            },
        ],
    },
}


def test_azures_answer() -> None:
    seen = view.of(AZURE)
    (database,) = seen.databases
    assert seen.is_ready
    assert seen.waits_for_cutover == ("inventory",)
    assert seen.source == "138.91.123.10:5432"
    assert database.percent == 100.0
    assert database.started == datetime(2018, 7, 5, 23, 36, 2, 278390, tzinfo=timezone.utc)
    assert database.tables[0].percent == 100.0
    assert database.tables[0].finish is None


@pytest.mark.parametrize(
    "task",
    [
        {},
        {"properties": None},
        {"properties": {"output": [{}], "input": None, "errors": None}},
        {"properties": {"output": [{"resultType": "TableLevelOutput"}]}},
        {"properties": {"output": [{"resultType": "DatabaseLevelOutput", "latency": None}]}},
    ],
)
def test_nothing_may_be_missed(task: dict[str, Any]) -> None:
    seen = view.of(task)
    assert advice.next_step(seen, WHERE)
    assert metrics.text(seen, WHERE)
    assert not seen.is_ready


def test_the_advice_is_a_command_to_copy() -> None:
    said = advice.next_step(view.of(AZURE), WHERE)
    assert said.endswith(
        "az dms project task cutover -g 'Postgres Demo' --service-name PostgresCLI"
        " --project-name PGMigration -n runnowtask --object-name inventory"
    )


def test_a_failed_task_says_why_before_all() -> None:
    failed = {
        "properties": {"state": "Failed", "errors": [{"code": "SlotLost", "message": "Gone."}]}
    }
    assert advice.next_step(view.of(failed), WHERE) == "Gone."


def test_speeds_are_those_of_the_last_seconds() -> None:
    begin = datetime(2026, 1, 1, tzinfo=timezone.utc)
    samples = [
        {"databaseName": "d", "at": (begin + timedelta(seconds=5 * number)).isoformat(),
         "latency": 1.0, "applied": 0 if number < 8 else 1000 * (number - 7), "rows": 50 * number}
        for number in range(11)
    ]  # fmt: skip
    pace = Pace(samples)
    assert pace.changes_per_second("d") == 200.0
    assert pace.rows_per_second("d") == 10.0
    assert pace.change_rates("d", 3) == [200.0, 200.0, 200.0]
    assert pace.change_rates("unknown", 3) == []


def test_a_load_that_begins_anew_has_no_negative_speed() -> None:
    samples = [
        {"databaseName": "d", "at": f"2026-01-01T00:00:0{n}+00:00", "latency": 0, "applied": 9 - n,
         "rows": 9 - n}
        for n in range(3)
    ]  # fmt: skip
    assert Pace(samples).rows_per_second("d") == 0.0


def test_numbers_read_well() -> None:
    assert [words.duration(s) for s in (0.44, 42, 125, 11_220, 187_200)] == [
        "0.4s", "42s", "2m05s", "3h07m", "2d04h",
    ]  # fmt: skip
    assert [words.count(n) for n in (950, 12_345, 1_230_000)] == ["950", "12,345", "1.23M"]
    assert [words.size(n) for n in (0, 512, 3_500_000, 5 << 40)] == [
        "0 B", "512 B", "3.3 MB", "5.0 TB",
    ]  # fmt: skip
    assert words.sparkline([0, 0, 5, 10], 3) == "▁▅█"
    assert words.sparkline([0, 0], 5) == "▁▁"


def test_an_ended_database_shows_totals() -> None:
    entry = {**AZURE["properties"]["output"][0], "endedOn": "2018-07-06T00:00:00Z"}
    seen = view.of({"properties": {"output": [entry]}})
    assert progress(seen.databases[0], Pace()) == "0 rows, 7 changes"


def test_findings_gravest_first_with_statements_unbroken() -> None:
    statement = "ALTER SYSTEM SET wal_level = 'logical'; -- " + "x" * 100
    task = {
        "properties": {
            "output": [
                {
                    "resultType": "DatabaseLevelErrorOutput",
                    "databaseName": "d",
                    "findings": [
                        {"code": "A", "severity": "info", "subject": "s", "message": "m"},
                        {"code": "B", "severity": "blocker", "subject": "source",
                         "message": "wal_level is replica", "remedy": statement},
                    ],
                }
            ]
        }
    }  # fmt: skip
    found = findings.of(task)
    text = findings.text(found, 80)
    assert findings.blocking(found) == 1
    assert text.index("BLOCKER") < text.index("INFO")
    assert statement in text
    assert text.startswith("Findings: 1 blocker, 1 info.")


def test_prometheus_text_escapes_what_users_named() -> None:
    hostile = 'a"b\\c\nd'
    task = {
        "properties": {
            "state": "Running",
            "output": [
                {
                    "resultType": "DatabaseLevelOutput",
                    "databaseName": hostile,
                    "migrationState": "RUNNING",
                    "latency": 1.5,
                }
            ],
        }
    }
    text = metrics.text(view.of(task), WHERE)
    assert 'database="a\\"b\\\\c\\nd"} 1.5' in text
    for line in text.splitlines():
        assert line.startswith(("# HELP", "# TYPE", "dms_pg_"))
