"""A copy of the state directory elsewhere: whoever works there leaves the migration alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from azext_dms_pg.backends.local import LocalBackend
from tests.support.databases import Database
from tests.support.elsewhere import copy_state
from tests.support.migrate import Mover, Task

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text);"
ROWS = "INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 6000) i"


def copied(task: Task, directory: Path) -> Task:
    """The same task as another machine sees it that got a copy of the directory."""
    copy_state(task.directory, directory)
    return Task(
        LocalBackend(directory), task.where, task.source, task.target, directory, task.before,
        task.given,
    )  # fmt: skip


@pytest.mark.parametrize("when", ["RUNNING", "READY_TO_COMPLETE"])
@pytest.mark.parametrize("what", ["work", "cancel"])
def test_is_refused_and_touches_nothing(
    mover: Mover, source: Database, target: Database, tmp_path: Path, when: str, what: str
) -> None:
    source.run(TABLE + ROWS)
    target.run(TABLE)
    task = mover.start(source, target, settings={"maxRate": "128kB"})
    task.reach(when)
    other = copied(task, tmp_path / "elsewhere")
    if what == "cancel":
        other.backend.tasks.cancel(other.where)
    else:
        other.backend.tasks.restart(other.where)
    other.end("Failed")
    assert "Another worker" in str(other.show()) or "another worker" in str(other.show())
    task.ready()
    source.run("INSERT INTO t VALUES (0, 'later')")
    task.finish()
    assert task.compare().clean, task.story()
