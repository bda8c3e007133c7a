"""The reference pages name every setting, output key and metric there is."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from knack.help_files import helps

import azext_dms_pg.cli.help  # noqa: F401 - fills knack's table
from azext_dms_pg.backends.base import TaskAddress
from azext_dms_pg.cli import metrics, view
from azext_dms_pg.cli.report import facts
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.model.states import MigrationState, TaskState
from azext_dms_pg.model.task_input import DatabaseInput
from azext_dms_pg.state import report, resources
from azext_dms_pg.state.report import Standing
from tests.support import simulated

DOCS = Path(__file__).parents[2] / "docs"
SETTINGS = (DOCS / "settings.md").read_text()
OUTPUT = (DOCS / "output.md").read_text()
WATCHING = (DOCS / "watching.md").read_text()


def _rows(page: str) -> dict[str, str]:
    return dict(re.findall(r"^\| `(\w+)` \| `?([^`|]*?)`? \|", page, re.MULTILINE))


def test_every_setting_has_its_default() -> None:
    rows = _rows(SETTINGS)
    for item in fields(MigrationSettings):
        first, *rest = item.name.split("_")
        name = first + "".join(word.capitalize() for word in rest)
        said = rows.pop(name)
        if item.name == "plugin":
            assert said == "chosen"
            continue
        given = DatabaseInput("d", "d", migration_setting={name: said})
        assert getattr(MigrationSettings.of(given), item.name) == item.default
        assert name in helps["dms project task create"]
    assert rows == {}


def test_every_output_key_is_explained(tmp_path: Path) -> None:
    task = simulated.make(tmp_path)
    journal = task.journals[0]
    journal.reset_tables([("public", "t", "binary", 1)])
    journal.event("error", "Broken", message="m", action="a")
    journal.state(MigrationState.FAILED)
    task.state(TaskState.FAILED)
    snapshot = resources.snapshot(task.store, resources.get_task(task.store, task.task.id))
    entries = report.output(snapshot, Standing(TaskState.FAILED))
    assert len({entry["resultType"] for entry in entries}) == 5
    for entry in entries:
        assert entry["resultType"] in OUTPUT
        for key, value in entry.items():
            assert f"`{key}" in OUTPUT, f"{entry['resultType']}.{key}"
            if isinstance(value, dict):
                for inner in value:
                    assert f"`{key}.{inner}`" in OUTPUT
    for state in MigrationState:
        if state not in {MigrationState.CONFIGURING, MigrationState.STARTING}:  # Azure's own
            assert f"`{state.value}`" in OUTPUT


def test_every_key_of_the_report_is_named() -> None:
    found = facts.gather({"properties": {"state": "Running"}}, {})
    for key in found:
        assert f"`{key}`" in OUTPUT


def test_every_metric_is_listed() -> None:
    database = {"resultType": "DatabaseLevelOutput", "databaseName": "d"}
    table = {"resultType": "TableLevelOutput", "databaseName": "d", "tableName": "t"}
    seen = view.of({"properties": {"output": [database, table]}})
    text = metrics.text(seen, TaskAddress("g", "s", "p", "t"))
    for name in re.findall(r"^# TYPE (\w+)", text, re.MULTILINE):
        short = name.removeprefix("dms_pg_table_")
        assert f"`{name}`" in WATCHING or f"`…{short}`" in WATCHING, name


PAGES = [*sorted(DOCS.rglob("*.md")), DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text()
    for page in [*DOCS.glob("*.md"), *(DOCS / "how-to").glob("*.md")]:
        if page.name != "README.md":
            assert f"({page.relative_to(DOCS)})" in index, page
