"""A migration at which nobody is at work for a while, so that changes wait in the slot."""

from __future__ import annotations

from tests.support.databases import Database
from tests.support.migrate import Mover, Task


def asleep(
    mover: Mover, source: Database, target: Database, schema: str, rows: str, *, plugin: str
) -> Task:
    """Ready for the cutover, and then its worker is gone."""
    task = mover.ready_with(source, target, schema, rows, source_settings={"plugin": plugin})
    mover.close()
    return task


def wake(task: Task) -> None:
    """Somebody is at work again, and has applied what was waiting."""
    task.backend.tasks.restart(task.where)
    task.ready()


def ends_equal(task: Task) -> None:
    """It goes on, is cut over, and both sides are equal."""
    wake(task)
    task.finish()
    report = task.compare(catalogue_before=None)
    assert report.clean, f"{report.text}\n{task.story()}"
