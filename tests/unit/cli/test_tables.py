"""-o table: rows for every state of a task, and nothing that breaks on a missing key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azext_dms_pg.cli import tables

TABLE = {
    "resultType": "TableLevelOutput",
    "databaseName": "d",
    "tableName": "public.a",
    "state": "COMPLETED",
    "fullLoadTotalRows": 200,
    "fullLoadStartedOn": "2026-01-01T00:00:00+00:00",
    "fullLoadEndedOn": "2026-01-01T00:01:40Z",
    "cdcInsertCounter": 1,
    "cdcUpdateCounter": 2,
    "cdcDeleteCounter": 3,
}
DATABASE = {
    "resultType": "DatabaseLevelOutput",
    "databaseName": "d",
    "migrationState": "READY_TO_COMPLETE",
    "latency": 4,
    "fullLoadCompletedTables": 1,
    "fullLoadLoadingTables": 2,
}


def _task(**properties: Any) -> dict[str, Any]:
    return {"name": "t", "properties": properties}


def test_one_row_a_table() -> None:
    (row,) = tables.task(_task(output=[DATABASE, TABLE]))
    assert row == {
        "Database": "d",
        "Table": "public.a",
        "State": "COMPLETED",
        "Rows": 200,
        "%": "100",
        "Rows/s": "2",
        "Loaded in": "1m40s",
        "Inserts": 1,
        "Updates": 2,
        "Deletes": 3,
        "Lag": "4s",
        "Migration": "READY_TO_COMPLETE",
    }


def test_seven_digits_of_a_second() -> None:
    """Azure writes them; Python 3.10 alone cannot read them."""
    times = {
        "fullLoadStartedOn": "2026-01-01T00:00:00.1234567Z",
        "fullLoadEndedOn": "2026-01-01T00:01:40.1234567+00:00",
    }
    (row,) = tables.task(_task(output=[DATABASE, {**TABLE, **times}]))
    assert row["Loaded in"] == "1m40s"


def test_databases_while_there_are_no_tables() -> None:
    (row,) = tables.task(_task(output=[DATABASE]))
    assert row["Tables"] == "1/3"


def test_errors_come_below() -> None:
    output = [
        TABLE,
        {"resultType": "ErrorOutput", "error": {"message": "m", "actionableMessage": "a"}},
        {"resultType": "DatabaseLevelErrorOutput", "databaseName": "d", "errorMessage": "e"},
        {"resultType": "DatabaseLevelErrorOutput", "databaseName": "d", "errorMessage": None},
    ]
    rows = tables.task(_task(output=output))
    assert [row.get("Problem") for row in rows] == [None, "m a", "e"]


def test_one_row_without_output() -> None:
    selected = [{"name": "a", "targetDatabaseName": "b"}]
    (row,) = tables.task(_task(state="Running", input={"selectedDatabases": selected}))
    assert row["Databases"] == "a -> b"
    assert "Error" not in row
    (failed,) = tables.task(_task(state="Faulted", errors=[{"message": "died"}]))
    assert failed["Error"] == "died"


def test_commands() -> None:
    command = {"commandType": "c", "state": "Accepted", "input": {"databaseName": "d"}}
    (row,) = tables.task(_task(commands=[command]))
    assert (row["Database"], row["State"]) == ("d", "Accepted")


def test_nothing_breaks_on_empty_answers() -> None:
    transforms: list[Callable[[dict[str, Any]], Any]] = [
        tables.service,
        tables.service_status,
        tables.name_availability,
        tables.project,
        tables.task,
        tables.network,
    ]
    for transform in transforms:
        assert transform({})
    assert tables.task(_task(output=[{"resultType": "TableLevelOutput"}]))
    assert tables.skus([{}])
    assert tables.findings([{}])


def test_estimates() -> None:
    loading = {**TABLE, "state": "FULL_LOAD", "fullLoadEndedOn": None}
    (row,) = tables.task(
        _task(output=[{**loading, "fullLoadEstFinishTime": "2999-01-01T00:00:00+00:00"}])
    )
    assert row["Loaded in"].endswith("left")
    (row,) = tables.task(
        _task(output=[{**loading, "fullLoadEstFinishTime": "1970-01-01T00:00:00+00:00"}])
    )
    assert row["Loaded in"] == ""
