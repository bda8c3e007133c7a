"""Cancel and delete leave nothing behind, whenever they are said."""

from __future__ import annotations

import pytest

from tests.acceptance.tutorial import CHANGES, PROJECT, Pair, Tutorial
from tests.support import catalogue, oracle

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize("phase", ["at once", "loading", "ready", "after a crash", "cutting over"])
def test_cancel_leaves_nothing_behind(tutorial: Tutorial, dvdrental: Pair, phase: str) -> None:
    with dvdrental.target.connect(autocommit=False) as lock:
        if phase == "loading":
            tutorial.create_slowly(dvdrental)
            tutorial.until("RUNNING")
        else:
            tutorial.create(dvdrental)
        if phase not in {"at once", "loading"}:
            tutorial.until("READY_TO_COMPLETE")
        if phase == "after a crash":
            tutorial.kill_workers()
        if phase == "cutting over":
            lock.execute("LOCK TABLE actor IN SHARE MODE")
            dvdrental.source.run(CHANGES)
            tutorial.cutover()
        tutorial.cancel()
        if phase != "cutting over":
            lock.rollback()
            tutorial.until("Canceled", "CANCELLED")
    tutorial.until("Canceled", "CANCELLED", "COMPLETE")

    _nothing_of_ours(dvdrental)
    tutorial.delete()
    assert tutorial.dms(f"az dms project task list {PROJECT}") == []
    assert tutorial.workers() == []


def test_a_running_task_is_deleted_only_when_that_is_said(
    tutorial: Tutorial, dvdrental: Pair
) -> None:
    tutorial.create(dvdrental)
    tutorial.until("READY_TO_COMPLETE")
    delete = f"az dms project task delete {PROJECT} -n runnowtask -y"
    assert "--delete-running-tasks" in tutorial.refused(delete)
    tutorial.dms(f"{delete} --delete-running-tasks")
    _nothing_of_ours(dvdrental)
    assert tutorial.workers() == []


def _nothing_of_ours(pair: Pair) -> None:
    assert oracle.source_leftovers(pair.source) == []
    assert oracle.target_leftovers(pair.target) == []
    assert catalogue.difference(pair.before, oracle.snapshot(pair.target)) == []
