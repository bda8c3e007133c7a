"""Logs: several processes, rotation, order of time, and no password in them."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from azext_dms_pg.model.blotter import Blotter
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import MigrationState, Severity
from azext_dms_pg.model.task_input import DatabaseInput, TaskInput
from azext_dms_pg.state import log as format_
from azext_dms_pg.state.log import LogReader
from azext_dms_pg.state.paths import StateDir
from azext_dms_pg.worker import log as writing
from tests.support import simulated
from tests.support.simulated import PASSWORD


@pytest.fixture
def directory(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path / "dms-pg")
    made.create()
    return made


@pytest.fixture(autouse=True)
def logging_of_the_tests() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in list(root.handlers):
        root.removeHandler(handler)
        if handler not in handlers:
            handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)


def test_a_rotation_loses_and_repeats_nothing(
    directory: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(format_, "PIECE_BYTES", 2000)
    writing.write_to_file(directory, "t", "0", database="sales")
    reader = LogReader(directory, "t")
    found = []
    for number in range(60):
        writing.log.info("line %d", number)
        if number % 7 == 0:
            found += reader.more()
    found += reader.more()
    assert [line["message"] for line in found] == [f"line {number}" for number in range(60)]
    assert len(list(directory.log.iterdir())) > 2
    for path in directory.log.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_files_of_several_processes_in_order_of_time(directory: StateDir) -> None:
    for writer, at in (("0", "2026-01-01T00:00:02"), ("supervisor", "2026-01-01T00:00:01")):
        path = format_.log_path(directory, "t", writer)
        path.write_text(f'{{"at": "{at}", "level": "INFO", "message": "{writer}"}}\n{{"half')
    format_.raw_path(directory, "t").write_text("Fatal Python error\n")
    other = format_.log_path(directory, "other", "0")
    other.write_text('{"at": "2026-01-01", "level": "INFO", "message": "of another task"}\n')
    lines = LogReader(directory, "t").newest(None)
    assert [line["message"] for line in lines] == ["supervisor", "0", "Fatal Python error"]
    assert LogReader(directory, "t").newest(1)[0]["level"] == "RAW"
    assert LogReader(directory, "t").newest(0) == []


def test_no_password_gets_through(directory: StateDir) -> None:
    side = Connection("db.example.com", "migrator", Secret(PASSWORD))
    named = Connection("db.example.com", "postgres", Secret("postgres"))
    task = TaskInput(side, named, (DatabaseInput("sales", "sales"),))
    # A password that is also the name of a role would blot out half the log.
    assert writing.passwords(task) == {PASSWORD}
    writing.write_to_file(directory, "t", "0", Blotter(writing.passwords(task)))
    writing.log.warning("could not connect with %s", PASSWORD)
    try:
        int(PASSWORD)
    except ValueError:
        writing.log.exception("it failed")
    text = format_.log_path(directory, "t", "0").read_text()
    assert PASSWORD not in text
    assert "***" in text
    assert "Traceback" in text


def test_the_journal_is_written_down(tmp_path: Path) -> None:
    task = simulated.make(tmp_path)
    writing.write_to_file(task.directory, task.task.id, "0", database="dvdrental")
    journal = writing.LoggedJournal(task.store, task.task.id, 0)
    journal.state(MigrationState.VALIDATING, "checking")
    journal.findings(
        [Finding("NoKey", Severity.WARNING, "public.t", "It has no key.", "ALTER TABLE t …")]
    )
    for _ in range(3):
        journal.problem("The source does not answer.", "Start it.")
    journal.problem("", "")
    lines = LogReader(task.directory, task.task.id).newest(None)
    assert [(line["level"], line["message"]) for line in lines] == [
        ("INFO", "checking"),
        ("WARNING", "It has no key. ALTER TABLE t …"),
        ("WARNING", "The source does not answer. Start it."),
    ]
    assert lines[0]["state"] == "VALIDATING"
    assert lines[1]["code"] == "NoKey"
    assert {line["database"] for line in lines} == {"dvdrental"}
