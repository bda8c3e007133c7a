"""The tutorial, step by step, as the commands it gives.

Owns: the order of the commands and the words between them. The commands are the tutorial's own;
where it says ``eastus2``, this says ``local``.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from scenarios.demo.stage import Stage
from scenarios.demo.terminal import Terminal
from tests.support import oracle
from tests.support.servers import Server

SERVICE = "-g PostgresDemo --service-name PostgresCLI"
TASK = f"{SERVICE} --project-name PGMigration"
FAILED = {"Failed", "FailedInputValidation", "Faulted"}
PATIENCE = 300
WATCH_SECONDS = 4

Json = dict[str, Any]


class StoryError(RuntimeError):
    """The migration did not go the way the tutorial tells."""


@dataclass(frozen=True)
class Ending:
    """What is worth proving once the story is over.

    :param downtime: seconds from the last write to COMPLETE.
    :param cutover: the part of it after the cutover command had arrived.
    """

    catalogue_before: frozenset[str]
    downtime: float
    cutover: float
    changes_applied: int


def play(terminal: Terminal, stage: Stage) -> Ending:
    """Migrate ``dvdrental``, change our mind about ``newsletter``, clean up."""
    terminal.chapter(2, "Bring the schema over with pg_dump")
    before = _schema(terminal, stage)
    terminal.chapter(3, "A service, a project and a task")
    _resources(terminal, stage)
    terminal.chapter(4, "Watch it load while the shop stays open")
    _until(terminal, stage, "runnowtask", "READY_TO_COMPLETE")
    terminal.run(
        f"az dms project task show {TASK} --name Runnowtask --expand output"
        " --query 'properties.output[].migrationState | [0]'"
    )
    time.sleep(WATCH_SECONDS)  # the shop goes on; changes are applied as they happen
    terminal.run(
        f"az dms project task show {TASK} -n Runnowtask --expand output -o table", lines=40
    )
    terminal.chapter(5, "Close the shop and cut over")
    stage.shop.close()
    closed = datetime.now(timezone.utc)
    terminal.run(f"az dms project task cutover {TASK} --name Runnowtask --object-name dvdrental")
    last = _until(terminal, stage, "Runnowtask", "COMPLETE")
    ended, asked = (datetime.fromisoformat(last[name]) for name in ("endedOn", "cutoverOn"))
    terminal.run(
        f"az dms project task show {TASK} -n Runnowtask --expand output "
        "--query 'properties.output[?resultType==`DatabaseLevelOutput`] | [0]'",
        lines=40,
    )
    terminal.chapter(6, "Change your mind: cancel leaves nothing behind")
    _second_thoughts(terminal, stage)
    terminal.chapter(7, "Clean up, in the tutorial's order")
    terminal.run(f"az dms project task delete {TASK} -n runnowtask -y")
    terminal.run(f"az dms project delete {SERVICE} -n PGMigration -y")
    terminal.run("az dms delete -g PostgresDemo -n PostgresCLI -y")
    return Ending(
        before,
        (ended - closed).total_seconds(),
        (ended - asked).total_seconds(),
        last["appliedChanges"],
    )


def _schema(terminal: Terminal, stage: Stage) -> frozenset[str]:
    for database in (stage.source, stage.newsletter):
        name = database.name
        here, there = database.server, stage.target.server
        terminal.run(
            f"pg_dump -h {here.host} -p {here.port} -U postgres -d {name} -s > {name}Schema.sql"
        )
        there.create_database(name)
        terminal.run(
            f"psql -h {there.host} -p {there.port} -U postgres -d {name} -q -v ON_ERROR_STOP=1"
            f" < {name}Schema.sql",
            lines=0,
        )
    terminal.say("[dim]Foreign keys and triggers need no script: they are set aside and restored.")
    return oracle.snapshot(stage.target)


def _resources(terminal: Terminal, stage: Stage) -> None:
    _write(stage.directory / "source.json", _connection(stage.source.server, "dvdrental"))
    _write(stage.directory / "target.json", _connection(stage.target.server, "postgres"))
    options = [{"name": "dvdrental", "target_database_name": "dvdrental"}]
    _write(stage.directory / "option.json", options)
    terminal.run("cat source.json")
    terminal.run("cat option.json")
    terminal.run("az dms create -l local -g PostgresDemo -n PostgresCLI", lines=14)
    terminal.run(
        f"az dms project create -l local -n PGMigration {SERVICE}"
        " --source-platform PostgreSQL --target-platform AzureDbForPostgreSql"
        " --query '{id: id, state: provisioningState}'"
    )
    terminal.say(
        "[dim]The passwords are null in the files: az asks for them, or takes them from"
        " AZEXT_DMS_PG_SOURCE_PASSWORD and AZEXT_DMS_PG_TARGET_PASSWORD."
    )
    terminal.run(
        f"az dms project task create {TASK}"
        " --source-platform postgresql --target-platform azuredbforpostgresql"
        " --source-connection-json source.json --database-options-json option.json"
        " --target-connection-json target.json --task-type OnlineMigration -n runnowtask"
        " --query '{id: id, state: properties.state, taskType: properties.taskType}'"
    )


def _second_thoughts(terminal: Terminal, stage: Stage) -> None:
    _write(
        stage.directory / "newsletter.json",
        [{"name": "newsletter", "target_database_name": "newsletter"}],
    )
    terminal.run(
        f"az dms project task create {TASK} -n secondthoughts"
        " --source-connection-json source.json --target-connection-json target.json"
        " --database-options-json newsletter.json --query properties.state"
    )
    _until(terminal, stage, "secondthoughts", "READY_TO_COMPLETE")
    terminal.run(f"az dms project task cancel {TASK} -n secondthoughts --query properties.state")
    _until(terminal, stage, "secondthoughts", "CANCELLED")
    terminal.run(f"az dms project task delete {TASK} -n secondthoughts -y")
    left = oracle.source_leftovers(stage.newsletter)
    terminal.say(f"On the source there is left: {', '.join(left) or 'nothing'}.")
    if left:
        raise StoryError("the cancelled task left something behind")


def _until(terminal: Terminal, stage: Stage, name: str, wanted: str) -> Json:
    """Ask again and again until the database is in that state, telling what is new."""
    command = f"az dms project task show {TASK} --name {name} --expand output"
    told: tuple[object, ...] = ()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        task = json.loads(terminal.quietly(command))["properties"]
        progress = _progress(task["output"] or [])
        # Something new, or ten seconds of the same.
        news = (progress["state"], progress["done"], int(time.monotonic()) // 10)
        if news != told:
            terminal.say(_line(progress, stage.shop.transactions))
            told = news
        if progress["state"] == wanted:
            return progress
        if task["state"] in FAILED or progress["state"] in {"FAILED", "VALIDATION_FAILED"}:
            raise StoryError(json.dumps(task, indent=2))
    raise StoryError(f"{name} is not {wanted} after {PATIENCE} seconds: {told}")


def _progress(outputs: list[Json]) -> Json:
    database = next((o for o in outputs if o["resultType"] == "DatabaseLevelOutput"), {})
    tables = [o for o in outputs if o["resultType"] == "TableLevelOutput"]
    return {
        "state": database.get("migrationState", "UNDEFINED"),
        "done": database.get("fullLoadCompletedTables") or 0,
        "tables": len(tables),
        "rows": sum(table.get("fullLoadTotalRows") or 0 for table in tables),
        "appliedChanges": database.get("appliedChanges") or 0,
        "cutoverOn": database.get("cutoverOn"),
        "endedOn": database.get("endedOn"),
    }


def _line(progress: Json, transactions: int) -> str:
    return (
        f"  {time.strftime('%H:%M:%S')}  [bold]{progress['state']:<17}[/]"
        f"  {progress['done']:>2}/{progress['tables']:<2} tables"
        f"  {progress['rows']:>7,} rows"
        f"  {progress['appliedChanges']:>7,} changes"
        f"  [dim]shop: {transactions:,} commits[/]"
    )


def _connection(server: Server, database: str) -> Json:
    return {
        "userName": server.superuser,
        "password": None,
        "serverName": server.host,
        "databaseName": database,
        "port": server.port,
        "encryptConnection": False,
    }


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
