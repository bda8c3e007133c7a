"""Workers outlive the shell that started them, and tasks outlive their workers."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
import sys
import time

import pytest

from tests.acceptance.tutorial import CHANGES, PROJECT, Pair, Tutorial

pytestmark = pytest.mark.acceptance


def test_a_closed_terminal_does_not_end_the_migration(tutorial: Tutorial, dvdrental: Pair) -> None:
    """The command is typed in a terminal of its own, which is then torn down."""
    command = tutorial.create_command(tutorial.files(dvdrental))
    words = shlex.join([sys.executable, "-m", "azure.cli", *shlex.split(command)[1:]])
    shell, terminal = pty.openpty()
    session = subprocess.Popen(
        ["/bin/bash", "-c", f"{words}; echo typed; sleep 1000"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        env=_environment(tutorial, dvdrental),
    )
    os.close(terminal)
    _read_until(shell, b"typed")
    assert tutorial.workers()
    os.killpg(session.pid, signal.SIGINT)  # Ctrl-C
    os.killpg(session.pid, signal.SIGHUP)  # and the window is closed
    os.close(shell)
    os.killpg(session.pid, signal.SIGKILL)
    session.wait()

    dvdrental.source.run(CHANGES)
    _finish(tutorial, dvdrental)


@pytest.mark.parametrize("when", ["loading", "ready"])
def test_kill_9_is_told_and_restart_goes_on(tutorial: Tutorial, dvdrental: Pair, when: str) -> None:
    if when == "loading":
        tutorial.create_slowly(dvdrental)
        tutorial.until("RUNNING")
    else:
        tutorial.create(dvdrental)
        tutorial.until("READY_TO_COMPLETE")
    tutorial.kill_workers()
    shown = tutorial.show()
    assert shown["state"] == "Faulted"
    assert "restart" in str(shown["errors"])
    dvdrental.source.run(CHANGES)

    tutorial.dms(f"az dms project task restart {PROJECT} -n Runnowtask")
    _finish(tutorial, dvdrental)


def test_stop_pauses_and_start_resumes(tutorial: Tutorial, dvdrental: Pair) -> None:
    tutorial.create(dvdrental)
    tutorial.until("READY_TO_COMPLETE")
    tutorial.dms("az dms stop -g PostgresDemo -n PostgresCLI")
    assert tutorial.workers() == []
    assert tutorial.dms("az dms show -g PostgresDemo -n PostgresCLI")["provisioningState"] == (
        "Stopped"
    )
    assert tutorial.show()["state"] == "Queued"
    dvdrental.source.run(CHANGES)

    tutorial.dms("az dms start -g PostgresDemo -n PostgresCLI")
    _finish(tutorial, dvdrental)


def test_start_brings_tasks_back_after_a_reboot(tutorial: Tutorial, dvdrental: Pair) -> None:
    tutorial.create(dvdrental)
    tutorial.until("READY_TO_COMPLETE")
    tutorial.kill_workers()
    health = tutorial.dms("az dms check-status -g PostgresDemo -n PostgresCLI")
    assert health["status"] != "Online"
    tutorial.dms("az dms start -g PostgresDemo -n PostgresCLI")
    dvdrental.source.run(CHANGES)
    _finish(tutorial, dvdrental)


def _finish(tutorial: Tutorial, pair: Pair) -> None:
    tutorial.until("READY_TO_COMPLETE")
    tutorial.cutover()
    tutorial.until("COMPLETE")
    report = pair.report()
    assert report.clean, report.text


def _environment(tutorial: Tutorial, pair: Pair) -> dict[str, str]:
    return {
        **os.environ,
        "AZURE_CONFIG_DIR": str(tutorial.az.config),
        "AZURE_EXTENSION_DIR": str(tutorial.az.extensions),
        **tutorial.passwords(pair),
    }


def _read_until(terminal: int, word: bytes) -> None:
    said = b""
    deadline = time.monotonic() + 60
    while word not in said:
        assert time.monotonic() < deadline, said
        said += os.read(terminal, 4096)
