"""Files written for the user: their mode, and that nobody's link is followed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from azext_dms_pg.backends.base import TaskAddress
from azext_dms_pg.cli import dispatch, files, metrics, prove
from azext_dms_pg.errors import StateError

WHERE = TaskAddress("g", "s", "p", "t")
TASK: dict[str, Any] = {"name": "t\ud800", "properties": {}}


@pytest.fixture(params=[0, 0o277])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tasks:
        def show(self, _where: TaskAddress, expand: str) -> dict[str, Any]:  # noqa: ARG002
            return TASK

        def history(self, _where: TaskAddress) -> dict[str, Any]:
            return {"samples": [], "states": [], "comparisons": []}

    class Backend:
        tasks = Tasks()

    monkeypatch.setattr(dispatch, "for_service", lambda *_: Backend())


def _report(path: Path) -> None:
    prove.report_task(None, "g", "s", "p", "t", file=str(path))


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("name", ["report.html", "report.json"])
def test_a_report_is_for_its_owner(tmp_path: Path, task: None, umask: None, name: str) -> None:
    path = tmp_path / name
    path.write_text("an older one")
    path.chmod(0o666)
    _report(path)
    assert _mode(path) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [name], "no draft is left"
    if name.endswith("json"):
        assert json.loads(path.read_text())["task"]["name"] == "t\ud800"


def test_the_collector_may_read_the_metrics(tmp_path: Path, umask: None) -> None:
    path = tmp_path / "x.prom"
    metrics.write(path, TASK, WHERE)
    assert _mode(path) == 0o644
    assert "dms_pg_task_state" in path.read_text()
    assert [each.name for each in tmp_path.iterdir()] == ["x.prom"]


@pytest.mark.parametrize(
    "planted", ["x.json", f".x.json.{os.getpid()}"], ids=["at the path", "at a draft's"]
)
def test_no_link_is_followed(tmp_path: Path, task: None, planted: str) -> None:
    precious, place = tmp_path / "precious", tmp_path / "place"
    place.mkdir()
    for write in (_report, lambda path: metrics.write(path, TASK, WHERE)):
        precious.write_text("precious")
        precious.chmod(0o600)
        (place / planted).unlink(missing_ok=True)
        (place / planted).symlink_to(precious)
        write(place / "x.json")
        assert (precious.read_text(), _mode(precious)) == ("precious", 0o600)
        assert not (place / "x.json").is_symlink()


def test_what_cannot_be_written_is_told(tmp_path: Path, task: None) -> None:
    with pytest.raises(StateError, match=r"missing/r\.html cannot be written: No such file"):
        _report(tmp_path / "missing" / "r.html")
    (tmp_path / "r.html").mkdir()
    with pytest.raises(StateError, match="cannot be written: Is a directory"):
        _report(tmp_path / "r.html")
    with pytest.raises(StateError, match=r"metrics file .* cannot be written"):
        metrics.write(tmp_path / "missing" / "x.prom", TASK, WHERE)
    assert [each.name for each in tmp_path.iterdir()] == ["r.html"]


def test_a_full_disk_keeps_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.prom"
    path.write_text("older")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.replace(path, "newer", files.PUBLIC)
    assert path.read_text() == "older"
    assert [each.name for each in tmp_path.iterdir()] == ["x.prom"]
