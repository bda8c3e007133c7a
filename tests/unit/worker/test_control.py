"""A worker hears of requests for as long as it lives, whatever happens to the store."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from azext_dms_pg.state import mailbox
from azext_dms_pg.worker.control import Control
from tests.support import simulated
from tests.support.simulated import Simulated


@contextmanager
def _broken(task: Simulated) -> Iterator[None]:
    """The store cannot be read."""
    for old, new in (("task", "gone"), ("gone", "task")):
        with task.store.transaction() as connection:
            connection.execute(f"ALTER TABLE {old} RENAME TO {new}")
        if new == "gone":
            yield


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_store_that_fails_once_is_asked_again(tmp_path: Path) -> None:
    task = simulated.make(tmp_path)
    control = Control(task.store, task.task.id, 0, None)
    before = threading.active_count()
    with _broken(task):
        time.sleep(1.0)
    assert threading.active_count() == before
    mailbox.ask(task.store, task.task.id, mailbox.CANCEL)
    _until(lambda: control.wanted() == mailbox.CANCEL)
    control.close()


def test_an_orphan_pauses_whatever_the_store_says(tmp_path: Path) -> None:
    task = simulated.make(tmp_path)
    child, parent = os.pipe()
    control = Control(task.store, task.task.id, 0, child)
    assert not control.stopping()
    with _broken(task):
        os.close(parent)
        _until(lambda: control.wanted() == mailbox.PAUSE)
    mailbox.ask(task.store, task.task.id, mailbox.CANCEL)
    time.sleep(0.6)
    assert control.wanted() == mailbox.PAUSE
    control.close()
