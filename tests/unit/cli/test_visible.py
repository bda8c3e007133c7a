"""What a name or a server's message may hold, it may not do to the terminal."""

from __future__ import annotations

import inspect
import io
import json
from typing import Any

import pytest
from rich.console import Console

from azext_dms_pg.backends.base import TaskAddress
from azext_dms_pg.cli import errors, findings, log_lines, tables, view
from azext_dms_pg.cli.lines import Lines
from azext_dms_pg.cli.pace import Pace
from azext_dms_pg.cli.report import facts
from azext_dms_pg.cli.report.page import page
from azext_dms_pg.cli.screen import Live
from azext_dms_pg.cli.visible import visible
from azext_dms_pg.errors import ServerError
from azext_dms_pg.model.states import MigrationState, TableState, TaskState

# Clears the screen, sets the title, turns the direction, hides, markup of rich and of HTML.
EVIL = "\x1b[2J\x1b]0;pwn\x07\x9b31m\u202egpj\u200b\x7f\ud800[bold red]x[/]<b>"
SHOWN = r"\x1b[2J\x1b]0;pwn\x07\x9b31m\u202egpj\u200b\x7f\ud800[bold red]x[/]<b>"
WHERE = TaskAddress("g", "s", "p", "t")


def _task(loaded: bool = False) -> dict[str, Any]:
    finding = {"severity": "error", "code": "C", "subject": EVIL, "message": EVIL, "remedy": EVIL}
    output = [
        {
            "resultType": "DatabaseLevelOutput",
            "databaseName": EVIL,
            "migrationState": MigrationState.RUNNING.value,
            "activity": EVIL,
            "initializationCompleted": loaded,
        },
        {
            "resultType": "TableLevelOutput",
            "databaseName": EVIL,
            "tableName": EVIL,
            "state": TableState.COMPLETED.value if loaded else TableState.FULL_LOAD.value,
            "cdcInsertCounter": 1,
        },
        {
            "resultType": "DatabaseLevelErrorOutput",
            "databaseName": EVIL,
            "errorMessage": f"{EVIL}\n12:00:00  all is well",
            "findings": [finding],
        },
        {"resultType": "ErrorOutput", "error": {"message": EVIL, "actionableMessage": EVIL}},
    ]
    properties = {"state": TaskState.RUNNING.value, "output": output, "errors": [{"message": EVIL}]}
    return {"name": EVIL, "id": EVIL, "properties": properties}


def _hidden(text: str, allowed: str = "\n") -> set[str]:
    return {char for char in text if not char.isprintable() and char not in allowed}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (EVIL, SHOWN),
        ("a\nb\tc\r", r"a\x0ab\x09c\x0d"),
        ("\u2028\u2029\ufeff\u2066\U000e0041", r"\u2028\u2029\ufeff\u2066\U000e0041"),
        ("Größe  „日本語“ 😀\u00a0é", "Größe  „日本語“ 😀\u00a0é"),
        ("", ""),
    ],
)
def test_what_steers_is_written_out(text: str, written: str) -> None:
    assert visible(text) == written
    assert visible(written) == written


def test_lines_stay_where_they_are_meant() -> None:
    assert visible("a\r\n\tb\rc\x1b\n", lines=True) == "a\n\tb\\x0dc\\x1b\n"


def test_every_table_is_shown() -> None:
    """Whatever a transformer takes from an answer: here every text of it is hostile."""
    transformers = [
        function
        for name, function in inspect.getmembers(tables, inspect.isfunction)
        if function.__module__ == tables.__name__ and not name.startswith("_")
    ]
    assert len(transformers) > 10
    for transform in transformers:
        first = next(iter(inspect.signature(transform).parameters))
        told: Any = _Hostile()
        rows = transform([told] if first in {"items", "output"} else told)
        for row in rows if isinstance(rows, list) else [rows]:
            assert not _hidden("".join(map(str, row.values()))), transform.__name__
    shown = str([row.values() for row in tables.task(_task())])
    assert shown.count("x1b[2J") >= 4


class _Hostile(dict[str, Any]):
    """Answers every question with the same text; asked for a list, with one of it."""

    def get(self, key: str, default: Any = None) -> Any:
        if key in {"sku", "error", "input", "compared"}:
            return _Hostile()
        if key in {"properties", "supportedTaskTypes", "nics", "output", "commands"}:
            return None
        lists = {"locations", "differingKeys", "subnetPrefixes", "pgHba"}
        if key in lists:
            return [EVIL]
        # Numbers and moments are read, not repeated.
        if key.endswith(("On", "Time", "Percent", "Rows", "Tables")) or key == "latency":
            return None
        return EVIL if key not in {"databases", "errors", "tables"} else default

    def __getitem__(self, key: str) -> Any:
        return self.get(key)


def test_a_name_has_one_line_and_a_message_its_lines() -> None:
    output = [
        {"resultType": "TableLevelOutput", "databaseName": "d", "tableName": "a\nb"},
        {"resultType": "ErrorOutput", "error": {"message": "a\nb"}},
    ]
    named, said = tables.task_output(output)
    assert named["Table"] == r"a\x0ab"
    assert said["Problem"] == "a\nb"


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("height", [40, 6])
def test_the_screen(loaded: bool, height: int) -> None:
    plain = io.StringIO()
    console = Console(file=plain, width=400, height=height, highlight=False, force_terminal=False)
    live = Live(plain, console=console)
    live.show(view.of(_task(loaded)), Pace(), f"see {EVIL}")
    live.trouble(EVIL)
    live.close()
    drawn = plain.getvalue()
    assert not _hidden(drawn)
    assert SHOWN in drawn, "markup is text, too"


def test_plain_lines() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.show(view.of(_task()), Pace(), EVIL)
    lines.trouble(EVIL)
    assert not _hidden(stream.getvalue())
    assert SHOWN in stream.getvalue()
    assert "\n12:00:00  all is well" not in stream.getvalue(), "forged"
    assert "\n          12:00:00  all is well" in stream.getvalue()


def test_a_line_of_the_log() -> None:
    names = ("at", "level", "database", "state", "code", "subject", "message")
    line = {name: f"{EVIL}{name}" for name in names}
    assert not _hidden(log_lines.as_text(line))
    assert json.loads(log_lines.as_json(line)) == line, "JSON stays as it is"


def test_an_error() -> None:
    shown: Any = errors.translated(ServerError(f"a\n{EVIL}", EVIL))
    assert str(shown) == f"a\n{SHOWN}"
    assert shown.recommendations == [SHOWN]


def test_findings_on_a_terminal() -> None:
    text = findings.text(findings.of(_task()), width=400)
    assert not _hidden(text)
    assert text.count(SHOWN) >= 3


def test_the_page_of_a_report() -> None:
    report = facts.gather(_task(), {"samples": [], "states": [], "comparisons": []})
    html = page(report)
    assert not _hidden(html)
    assert r"\x1b[2J" in html
    assert "[/]<b>" not in html
