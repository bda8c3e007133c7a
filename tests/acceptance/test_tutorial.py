"""The tutorial from the first to the last command, and the queries it prints."""

from __future__ import annotations

import pytest

from tests.acceptance.tutorial import (
    CHANGES,
    PROJECT,
    SERVICE,
    Pair,
    Tutorial,
    database_level,
    tables,
)
from tests.support import databases
from tests.support.writers import SCHEMA as WRITERS_SCHEMA
from tests.support.writers import Writers

pytestmark = pytest.mark.acceptance

TASK_ID = (
    "/resourceGroups/PostgresDemo/providers/Microsoft.DataMigration/services/PostgresCLI"
    "/projects/PGMigration/tasks/runnowtask"
)
# Names and spellings of the tutorial's sample output and of the SDK, where the two differ.
DATABASE_KEYS = {
    "appliedChanges", "cdcDeleteCounter", "cdcInsertCounter", "cdcUpdateCounter", "databaseName",
    "endedOn", "fullLoadCompletedTables", "fullLoadErroredTables", "fullLoadLoadingTables",
    "fullLoadQueuedTables", "id", "incomingChanges", "initializationCompleted", "latency",
    "migrationState", "resultType", "startedOn",
}  # fmt: skip
MIGRATION_KEYS = {
    "databaseCount", "endedOn", "id", "resultType", "sourceServer", "sourceVersion",
    "sourceServerVersion", "startedOn", "state", "targetServer", "targetVersion",
    "targetServerVersion",
}  # fmt: skip
TABLE_KEYS = {
    "cdcDeleteCounter", "cdcInsertCounter", "cdcUpdateCounter", "dataErrorsCount",
    "dataErrorsCounter", "databaseName", "fullLoadEndedOn", "fullLoadEstFinishTime",
    "fullLoadStartedOn", "fullLoadTotalRows", "fullLoadTotalVolumeBytes", "id",
    "lastModifiedTime", "resultType", "state", "tableName", "totalChangesApplied",
}  # fmt: skip


def test_the_tutorial_moves_a_database_that_is_being_written_to(
    tutorial: Tutorial, dvdrental: Pair
) -> None:
    dvdrental.source.run(WRITERS_SCHEMA)
    databases.copy_schema(dvdrental.source, dvdrental.target, "--schema=writers")
    before = databases.Database(dvdrental.target.server, dvdrental.target.name)
    pair = Pair(dvdrental.source, before, _snapshot(before))

    with Writers(pair.source, count=2, pause=0.01) as writers:
        created = tutorial.create(pair)
        assert created["id"].endswith(TASK_ID)
        assert created["type"] == "Microsoft.DataMigration/services/projects/tasks"
        assert created["properties"]["taskType"] == (
            "Migrate.PostgreSql.AzureDbForPostgreSql.SyncV2"
        )
        assert not created["properties"].get("output")

        tutorial.until("READY_TO_COMPLETE")
        # The tutorial's own query: quoted and typed as it stands there.
        assert tutorial.show(query="properties.output[].migrationState | [0]") == (
            "READY_TO_COMPLETE"
        )
        writers.wait_for(20)
        pair.source.run(CHANGES)
        writers.stop()
    tutorial.cutover(pair.source.name.upper())
    done = tutorial.until("COMPLETE")

    assert writers.problems(pair.target) == []
    report = pair.report()
    assert report.clean, report.text
    _has_the_documented_shape(done, pair)
    after = tutorial.dms(f"az dms project task show {PROJECT} --name Runnowtask")
    assert after["properties"]["state"] == "Succeeded"
    assert not after["properties"].get("output")

    tutorial.delete()
    tutorial.dms(f"az dms project delete {SERVICE} -n PGMigration -y")
    tutorial.dms("az dms delete -g PostgresDemo -n PostgresCLI -y")
    assert tutorial.dms("az dms list -g PostgresDemo") == []
    assert tutorial.workers() == []


def test_queries_of_the_tutorial(tutorial: Tutorial, dvdrental: Pair) -> None:
    """The figures the tutorial tells its reader to look at before the cutover."""
    tutorial.create(dvdrental)
    tutorial.until("READY_TO_COMPLETE")
    dvdrental.source.run(CHANGES)
    _applied(tutorial, 57)
    shown = tutorial.show(
        query="properties.output[?resultType=='TableLevelOutput']."
        "{table: tableName, rows: fullLoadTotalRows, inserts: cdcInsertCounter,"
        " updates: cdcUpdateCounter, deletes: cdcDeleteCounter}"
    )
    assert {row["table"]: row for row in shown}["public.Film"] == {
        "table": "public.Film", "rows": 1000, "inserts": 0, "updates": 50, "deletes": 5,
    }  # fmt: skip
    query = "properties.output[?databaseName && migrationState].[incomingChanges, appliedChanges]"
    assert tutorial.show(query=query) == [[0, 57]]
    table = tutorial.type(
        f"az dms project task show {PROJECT} -n Runnowtask --expand output -o table"
    )
    assert table.code == 0
    assert "public.Film" in table.out


def test_names_compare_as_azure_compares_them(tutorial: Tutorial, dvdrental: Pair) -> None:
    tutorial.create(dvdrental)
    shown = tutorial.dms(
        "az dms project task show -g postgresdemo --service-name POSTGRESCLI"
        " --project-name pgmigration --name RUNNOWTASK"
    )
    assert shown["name"] == "runnowtask"
    again = tutorial.create_command(tutorial.files(dvdrental), "RunNowTask")
    assert "runnowtask" in tutorial.refused(again, **tutorial.passwords(dvdrental)).lower()


def test_what_is_not_there_is_named(tutorial: Tutorial) -> None:
    done = tutorial.type(f"az dms project task show {PROJECT} --name nosuchtask")
    assert done.code == 3
    assert "nosuchtask" in done.err
    elsewhere = tutorial.refused("az dms show -g PostgresDemo -n Elsewhere")
    assert "local" in elsewhere.lower(), elsewhere
    assert "Elsewhere" in elsewhere


def _applied(tutorial: Tutorial, changes: int) -> None:
    for _ in range(60):
        level = database_level(tutorial.show())
        if level["appliedChanges"] >= changes:
            return
    raise AssertionError(f"not {changes} changes: {level}")


def _has_the_documented_shape(properties: dict[str, object], pair: Pair) -> None:
    level = database_level(properties)
    assert level.keys() >= DATABASE_KEYS
    assert level["migrationState"] == "COMPLETE"
    assert level["fullLoadErroredTables"] == 0
    assert level["appliedChanges"] >= 57
    output = properties["output"]
    assert isinstance(output, list)
    migration = next(item for item in output if item["resultType"] == "MigrationLevelOutput")
    assert migration.keys() >= MIGRATION_KEYS
    assert migration["databaseCount"] == 1
    film = tables(properties)["public.Film"]
    assert film.keys() >= TABLE_KEYS
    assert (film["state"], film["fullLoadTotalRows"]) == ("COMPLETED", 1000)
    assert film["databaseName"] == pair.source.name


def _snapshot(database: databases.Database) -> frozenset[str]:
    from tests.support import oracle

    return oracle.snapshot(database)
