"""Faults of our own processes: killed, frozen, rebooted, started twice."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.elsewhere import copy_state

if TYPE_CHECKING:
    from tests.torture.case import Case

ROOT = Path(__file__).resolve().parents[3]
_TRY_AGAIN = 75


def kill_worker(case: Case) -> bool:
    return case.kill("worker")


def kill_worker_again(case: Case) -> bool:
    hits = 0
    for _ in range(3):
        hits += case.kill("worker")
        time.sleep(case.random.uniform(0.5, 1.2))
    return hits > 0


def kill_supervisor(case: Case) -> bool:
    return case.kill("supervisor")


def reboot(case: Case) -> bool:
    hit = case.kill_all()
    case.start_service()
    return hit


def freeze(case: Case) -> bool:
    """Longer than wal_sender_timeout, which the case has set to one second."""
    pids = [pid for pid in (case.pid("worker"), case.pid("supervisor")) if pid is not None]
    if case.random.random() < 0.5:
        pids = pids[:1]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2.5)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    return bool(pids)


def stop_and_start(case: Case) -> bool:
    case.door.stop_service()
    state = case.show()["state"]
    if state not in {"Queued", "Succeeded", "Failed"}:
        raise AssertionError(f"the service is stopped, the task {state}")
    # A process lets go of its lock a moment before it ends.
    case.until(lambda: not case.processes(), "the end of processes", nurse=False)
    case.start_service()
    return True


def second_supervisor(case: Case) -> bool:
    """The task is being worked on: another supervisor must refuse."""
    before = case.pid("supervisor")
    if before is None:
        return False
    done = subprocess.run(
        [sys.executable, "-m", "azext_dms_pg.worker", case.task_id,
         "--state-dir", str(case.directory)],
        capture_output=True, text=True, timeout=30, check=False, cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if case.pid("supervisor") != before:
        return False
    if done.returncode != _TRY_AGAIN or "Another worker" not in done.stderr:
        raise AssertionError(f"second supervisor: {done.returncode} {done.stderr[-500:]}")
    return True


def second_machine(case: Case) -> bool:
    """A copy of the state directory elsewhere: the lock on the target must refuse it."""
    copy = case.directory.with_name(case.directory.name + "-copy")
    shutil.rmtree(copy, ignore_errors=True)
    copy_state(case.directory, copy)
    pid = case.pid("worker")
    with contextlib.closing(sqlite3.connect(copy / "state.db")) as theirs:
        done = subprocess.Popen(
            [sys.executable, "-m", "azext_dms_pg.worker", case.task_id, "--state-dir", str(copy)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        try:
            done.wait(60)
        except subprocess.TimeoutExpired:
            done.kill()
            done.wait()
        rows = theirs.execute("SELECT code FROM event WHERE severity = 'error'").fetchall()
    shutil.rmtree(copy, ignore_errors=True)
    if pid is None or case.pid("worker") != pid:
        return False
    if ("WorkerAlreadyRunning",) not in rows and case.show()["state"] == "Running":
        raise AssertionError(f"a second machine was not refused: {rows}")
    return True
