"""The migration that is killed: tables of every kind of handling, and a writer that goes on.

Owns: what has to be true when it is over. Which step is struck is the hook's.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from azext_dms_pg.errors import ConflictError, DmsPgError, StateError
from tests.support import catalogue, databases, oracle, writers
from tests.support.databases import Database
from tests.support.migrate import Mover, Task
from tests.support.servers import Server

HOOK = Path(__file__).parent / "hook"
ENDINGS = ("cutover", "cancel")
SCHEMA = (
    writers.SCHEMA
    + """
CREATE TABLE hen (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
CREATE TABLE egg (id serial PRIMARY KEY, hen int REFERENCES hen ON DELETE CASCADE, weight numeric);
CREATE INDEX egg_weight ON egg (weight);
"""
)
ROWS = """
INSERT INTO hen (name) SELECT 'hen ' || i FROM generate_series(1, 50) i;
INSERT INTO egg (hen, weight) SELECT 1 + i % 50, i / 7.0 FROM generate_series(1, 20000) i;
"""
_PATIENCE = 90.0
_POLL = 0.03
_OVER = {"cutover": "Succeeded", "cancel": "Canceled"}
_BAD = {"Failed", "FailedInputValidation"}
_ROWS_LEFT = (
    "SELECT (SELECT count(*) FROM hen) + (SELECT count(*) FROM egg)"
    " + (SELECT count(*) FROM writers.item) + (SELECT count(*) FROM writers.journal)"
)


@dataclass(frozen=True)
class Told:
    """:param met: the steps in the order they came, up to each strike and after the last."""

    met: list[list[str]]
    problems: list[str]

    @property
    def strikes(self) -> int:
        return len(self.met) - 1


def tell(
    source_server: Server, target_server: Server, home: Path, ending: str, steps: Sequence[str] = ()
) -> Told:
    """One migration from its creation to its end.

    :param home: an empty directory.
    :param ending: one of ``ENDINGS``.
    :param steps: each is met by SIGKILL, one after the other.
    """
    (home / "wanted").write_text("\n".join(steps))
    source = databases.create(source_server, SCHEMA + ROWS)
    target = databases.create(target_server, SCHEMA)
    mover = Mover(home / "state")
    try:
        with _hooked(home):
            problems = _live(mover, source, target, ending)
    finally:
        mover.close()
        source.drop()
        target.drop()
    runs = (home / "met").read_text().split("\n\n")
    return Told([list(dict.fromkeys(run.splitlines())) for run in runs], problems)


def _live(mover: Mover, source: Database, target: Database, ending: str) -> list[str]:
    with writers.Writers(source, count=1, pause=0.02) as crowd:
        try:
            task = _start(mover, source, target)
            _tend(task, lambda: task.state == "READY_TO_COMPLETE")
            crowd.wait_for(5)
            if ending == "cutover":
                crowd.stop()
            _ask(task, ending)
            _tend(task, lambda: task.show()["state"] == _OVER[ending])
        except (AssertionError, DmsPgError) as error:
            return [f"{type(error).__name__}: {error}"]
    if ending == "cancel":
        return _taken_back(task)
    return [*task.compare().differences, *crowd.problems(target)]


def _start(mover: Mover, source: Database, target: Database) -> Task:
    settings = {"batchMilliseconds": "20"}
    try:
        return mover.start(source, target, settings=settings)
    except StateError as error:
        # Its process died before it was ready; then there is no task, and one is created again.
        if error.code != "WorkerDidNotStart":
            raise
        return mover.start(source, target, settings=settings)


def _ask(task: Task, ending: str) -> None:
    """Give the order, as often as it takes until somebody is there to hear it."""
    order = getattr(task.backend.tasks, ending)
    options = {"object_name": None} if ending == "cutover" else {}
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            order(task.where, **options)
        except ConflictError:
            assert time.monotonic() < deadline, f"{ending} was never taken\n{task.story()}"
            _tend(task, lambda: task.state == "READY_TO_COMPLETE")
        else:
            return


def _tend(task: Task, condition: Callable[[], bool]) -> None:
    """What a user does: look, and restart what has died."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        shown = task.show()
        assert shown["state"] not in _BAD, f"{shown['state']}\n{task.story()}"
        assert time.monotonic() < deadline, f"no end of it\n{task.story()}"
        if any(error["code"] == "WorkerNotRunning" for error in shown["errors"]):
            with contextlib.suppress(DmsPgError):
                task.backend.tasks.restart(task.where)
        time.sleep(_POLL)


def _taken_back(task: Task) -> list[str]:
    rows = task.target.value(_ROWS_LEFT)
    return [
        *([f"{rows} rows are left on the target"] if rows else []),
        *oracle.source_leftovers(task.source),
        *oracle.target_leftovers(task.target),
        *catalogue.difference(task.before, oracle.snapshot(task.target)),
    ]


@contextlib.contextmanager
def _hooked(home: Path) -> Iterator[None]:
    """Workers inherit our environment."""
    before = os.environ.get("PYTHONPATH")
    os.environ["DMS_PG_TEST_STEPS"] = str(home)
    os.environ["PYTHONPATH"] = os.pathsep.join(part for part in (str(HOOK), before) if part)
    try:
        yield
    finally:
        del os.environ["DMS_PG_TEST_STEPS"]
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
