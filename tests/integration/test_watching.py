"""watch, log, report and the table, by the real az, on a task as a worker would have written it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import MigrationState, Severity, TaskState
from azext_dms_pg.state import history
from azext_dms_pg.state import log as format_
from azext_dms_pg.state.locks import is_held
from azext_dms_pg.state.records import Comparison
from tests.support import simulated, terminal
from tests.support.azcli import Az
from tests.support.simulated import GROUP, NAMES, PASSWORD, PROJECT, SERVICE, TASK, Simulated

_TABLES = [("public", "actor", "binary", 8192), ("public", "rental", "text", 8192 * 9)]
_HOUR = "2026-01-01T0{}:00:00+00:00"


@pytest.fixture
def az(tmp_path: Path) -> Az:
    """The working tree as the extension."""
    return Az(tmp_path / "az")


@pytest.fixture
def task(az: Az) -> Simulated:
    """A task whose two databases are being loaded."""
    made = simulated.make(az.config, "dvdrental", "sales")
    for journal in made.journals:
        journal.state(MigrationState.VALIDATING, "checking source and target")
        journal.findings(
            [Finding("NoKey", Severity.WARNING, "public.rental", "It has no key.", "ALTER TABLE …")]
        )
        journal.reset_tables(_TABLES)
        journal.state(MigrationState.RUNNING, "copying the tables")
        journal.progress(
            {
                ("public", "actor"): {
                    "state": "COMPLETED", "rows": 200, "fraction": 1.0,
                    "started_on": _HOUR.format(0), "ended_on": _HOUR.format(1),
                },
                ("public", "rental"): {
                    "state": "FULL_LOAD", "rows": 900, "fraction": 0.5,
                    "started_on": _HOUR.format(0),
                },
            },
            [], None,
        )  # fmt: skip
    return made


def _stream(task: Simulated) -> None:
    for journal in task.journals:
        journal.progress(
            {("public", "rental"): {"state": "COMPLETED", "fraction": 1.0, "inserts+": 7}},
            [7, 0, 0],
            {"incoming": 3, "latency": 2.0, "applied_lsn": "0/1", "source_lsn": "0/2"},
        )
        journal.load_ended()
        journal.state(MigrationState.READY_TO_COMPLETE, "in step with the source")
        journal.sample()


def _complete(task: Simulated) -> None:
    for journal in task.journals:
        journal.state(MigrationState.COMPLETING, "applying everything up to the fence")
        journal.state(MigrationState.COMPLETE, "cut over")
    task.state(TaskState.SUCCEEDED)


def _environment(az: Az) -> dict[str, str]:
    return {
        **os.environ,
        "AZURE_CONFIG_DIR": str(az.config),
        "AZURE_EXTENSION_DIR": str(az.extensions),
    }


def _reacting(az: Az, reactions: dict[str, Callable[[], None]], *arguments: str) -> str:
    """Run ``az dms project task …``; each reaction follows the first line that holds its text."""
    command = [sys.executable, "-m", "azure.cli", "dms", "project", "task", *arguments]
    left = dict(reactions)
    said = ""
    with subprocess.Popen(
        command, env=_environment(az), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            for text in [text for text in left if text in line]:
                left.pop(text)()
    assert process.returncode == 0
    return said


def _on_terminal(az: Az, *more: str, interrupt_after: str | None = None) -> terminal.Seen:
    command = [sys.executable, "-m", "azure.cli", "dms", "project", "task", "watch", *NAMES, *more]
    return terminal.run(command, _environment(az), interrupt_after=interrupt_after)


def test_the_table_has_a_row_a_table(az: Az, task: Simulated) -> None:
    with task.alive():
        done = az.run("dms", "project", "task", "show", *NAMES, "--expand", "output", "-o", "table")
    lines = done.out.splitlines()
    for head in ("Table", "State", "Rows", "%", "Inserts", "Lag"):
        assert head in lines[0]
    assert len(lines) == 2 + 4
    assert "50" in next(line for line in lines if "sales" in line and "public.rental" in line)


def test_showing_loads_neither_rich_nor_psycopg_nor_an_sdk(az: Az, task: Simulated) -> None:
    done = az.run("dms", "project", "task", "show", *NAMES, PYTHONVERBOSE="1")
    assert done.code == 0
    loaded = {line.split("'")[1] for line in done.err.splitlines() if line.startswith("import '")}
    for name in ("rich", "psycopg", "azure.mgmt.datamigration", "azext_dms_pg.cli.screen"):
        assert name not in loaded
    assert "azext_dms_pg.cli.task" in loaded


def test_lines_until_it_is_complete(az: Az, task: Simulated, tmp_path: Path) -> None:
    numbers = tmp_path / "dms.prom"
    with task.alive():
        said = _reacting(
            az,
            {"sales: RUNNING": lambda: _stream(task), "Ready.": lambda: _complete(task)},
            "watch", *NAMES, "--interval", "0.2", "--metrics-file", str(numbers),
        )  # fmt: skip
    assert "sales: RUNNING  copying the tables; 55 % loaded, 1 of 2 tables" in said
    assert "dvdrental: READY_TO_COMPLETE" in said
    assert "az dms project task cutover" in said
    assert "sales: COMPLETE" in said
    assert "task report" in said
    assert 'task="runnowtask",database="sales"} 7' in numbers.read_text()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".dms")]


def test_until_ready_ends_there(az: Az, task: Simulated) -> None:
    with task.alive():
        _stream(task)
        done = az.run("dms", "project", "task", "watch", *NAMES, "--until", "ready")
    assert done.code == 0
    assert "Ready." in done.out


def test_a_failed_task_fails_the_watching(az: Az, task: Simulated) -> None:
    task.journals[0].event("error", "SlotLost", message="The slot is gone.", action="Cancel it.")
    task.journals[0].state(MigrationState.FAILED, "The slot is gone.")
    task.state(TaskState.FAILED)
    done = az.run("dms", "project", "task", "watch", *NAMES)
    assert done.code == 1
    assert "The slot is gone. Cancel it." in done.err


def test_a_dead_worker_ends_the_watching_with_the_command_that_helps(
    az: Az, task: Simulated
) -> None:
    task.state(TaskState.RUNNING)
    done = az.run("dms", "project", "task", "watch", *NAMES)
    assert done.code == 1
    assert "az dms project task restart" in done.err


def test_a_task_that_is_not_there_is_an_ordinary_error(az: Az, task: Simulated) -> None:
    done = az.run("dms", "project", "task", "watch", *NAMES[:-1], "nobody")
    assert done.code == 3
    assert "nobody" in done.err


def test_the_screen(az: Az, task: Simulated) -> None:
    _stream(task)
    _complete(task)
    seen = _on_terminal(az)
    assert seen.code == 0
    assert "╭" in seen.text
    assert "COMPLETE" in seen.text
    assert "point the applications at the target" in seen.text


@pytest.mark.parametrize(("more", "code"), [((), 0), (("--until", "complete"), 130)])
def test_ctrl_c_leaves_the_migration_running(
    az: Az, task: Simulated, more: tuple[str, ...], code: int
) -> None:
    with task.alive():
        seen = _on_terminal(az, *more, interrupt_after="leaves the migration running")
        assert is_held(task.directory.run / f"{task.task.id}.lock")
    assert seen.code == code
    assert "the migration goes on" in seen.text
    assert "Traceback" not in seen.text


def test_the_log_of_all_processes(az: Az, task: Simulated) -> None:
    for writer, database in (("supervisor", ""), ("0", "dvdrental"), ("1", "sales")):
        path = task.directory.log / f"{task.task.id}.{writer}.log"
        path.write_text(
            "".join(
                json.dumps(
                    {"at": f"2026-01-01T00:00:0{n}.000+00:00", "level": "INFO",
                     "message": f"{writer} {n}", **({"database": database} if database else {})}
                ) + "\n"
                for n in range(3)
            )
        )  # fmt: skip
    done = az.run("dms", "project", "task", "log", *NAMES, "--tail", "3")
    assert [line.split()[-2:] for line in done.out.splitlines()] == [
        ["0", "2"], ["1", "2"], ["supervisor", "2"],
    ]  # fmt: skip
    raw = az.run("dms", "project", "task", "log", *NAMES, "--json")
    assert len([json.loads(line) for line in raw.out.splitlines()]) == 9


def test_following_the_log_ends_with_the_task(az: Az, task: Simulated) -> None:
    path = task.directory.log / f"{task.task.id}.0.log"
    first, second = (json.dumps(format_.line("INFO", f"line {number}")) for number in (1, 2))
    path.write_text(first + "\n")

    def go_on() -> None:
        path.write_text(first + "\n" + second + "\n")
        _complete(task)

    with task.alive():
        said = _reacting(az, {"line 1": go_on}, "log", *NAMES, "--follow")
    assert [line.split()[-1] for line in said.splitlines()] == ["1", "2"]


def test_the_report(az: Az, task: Simulated, tmp_path: Path) -> None:
    _stream(task)
    _complete(task)
    record = Comparison(0, "public", "actor", _HOUR.format(2), 200, 199, "a", "b", False, ("(7)",))
    history.keep_comparisons(task.store, task.task.id, [record])
    file = tmp_path / "report.html"
    said = az.check("dms", "project", "task", "report", *NAMES, "--file", str(file))
    assert said["verdict"] == "differs"
    text = file.read_text()
    for word in ("dvdrental", "public.rental", "It has no key.", "keys (7)", "<svg"):
        assert word in text
    assert PASSWORD not in text
    facts = az.check("dms", "project", "task", "report", *NAMES)
    assert facts["totals"]["tables"] == 4
    assert facts["databases"][0]["downtimeSeconds"] >= 0
    other = tmp_path / "report.json"
    az.check("dms", "project", "task", "report", *NAMES, "--file", str(other))
    assert json.loads(other.read_text())["task"]["state"] == "Succeeded"


def test_a_report_needs_a_name_that_says_its_form(az: Az, task: Simulated, tmp_path: Path) -> None:
    done = az.run("dms", "project", "task", "report", *NAMES, "--file", str(tmp_path / "report"))
    assert done.code == 1
    assert ".html or .json" in done.err


def test_a_task_on_azure_is_watched_from_its_output_alone(
    signed_in: Az, arm: object, tmp_path: Path
) -> None:
    subnet = (
        "/subscriptions/97181df2-909d-420b-ab93-1bff15acb6b7/resourceGroups/ERNetwork/providers"
        "/Microsoft.Network/virtualNetworks/CorpVnet/subnets/Good"
    )
    signed_in.check(
        "dms", "create", "-g", GROUP, "-n", SERVICE, "-l", "eastus2",
        "--sku-name", "Premium_4vCores", "--subnet", subnet, "--skip-network-check",
    )  # fmt: skip
    signed_in.check(
        "dms", "project", "create", "-g", GROUP, "--service-name", SERVICE, "-n", PROJECT,
        "--source-platform", "PostgreSQL", "--target-platform", "AzureDbForPostgreSql",
    )  # fmt: skip
    created = signed_in.run(
        "dms", "project", "task", "create", *NAMES, "--wait-until", "ready",
        "--source-server", "a", "--source-user", "u", "--target-server", "b", "--target-user", "u",
        "--databases", "Inventory",
        AZEXT_DMS_PG_SOURCE_PASSWORD=PASSWORD, AZEXT_DMS_PG_TARGET_PASSWORD=PASSWORD,
    )  # fmt: skip
    assert created.code == 0, created.err
    assert created.json["name"] == TASK
    assert "READY_TO_COMPLETE" in created.err
    watched = signed_in.run(
        "dms", "project", "task", "watch", *NAMES, "--until", "ready", "--interval", "0.1"
    )
    assert watched.code == 0, watched.err
    assert "Inventory: READY_TO_COMPLETE" in watched.out
    report = tmp_path / "azure.html"
    signed_in.check("dms", "project", "task", "report", *NAMES, "--file", str(report))
    assert "Inventory" in report.read_text()
    log = signed_in.run("dms", "project", "task", "log", *NAMES)
    assert log.code == 1
    assert "keeps no log" in log.err
    for flag in ("--validate-only", "--migrate-schema"):
        refused = signed_in.run(
            "dms", "project", "task", "create", *NAMES[:-1], "other", flag,
            "--source-server", "a", "--source-user", "u", "--target-server", "b",
            "--target-user", "u", "--databases", "Inventory",
            AZEXT_DMS_PG_SOURCE_PASSWORD=PASSWORD, AZEXT_DMS_PG_TARGET_PASSWORD=PASSWORD,
        )  # fmt: skip
        assert refused.code == 1
        assert "-l local" in refused.err
