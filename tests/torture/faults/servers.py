"""Servers that crash, restart and stay away for a while."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

import psycopg

from tests.support.servers import Server

if TYPE_CHECKING:
    from tests.torture.case import Case


def _crash(case: Case, server: Server) -> None:
    if case.random.random() < 0.3:
        server.kill()
        server.run_again()
    else:
        server.immediate_restart()


def _tear(case: Case) -> None:
    """Have the crash come in the middle of a long record: whole pages are flushed, its end is not.

    Not one of ours, and not of a transaction: no reader of a slot is to see it.
    """
    if case.random.random() < 0.5:
        length = case.random.randint(20_000, 120_000)
        with contextlib.suppress(psycopg.Error):
            case.source.run(f"SELECT pg_logical_emit_message(false, 'torn', repeat('x', {length}))")
            time.sleep(case.random.uniform(0, 0.5))


def crash_source(case: Case) -> bool:
    _tear(case)
    _crash(case, case.pair.source)
    return True


def crash_target(case: Case) -> bool:
    _crash(case, case.pair.target)
    return True


def crash_target_at_commit(case: Case) -> bool:
    """Its processes are killed when a COMMIT of ours has just reached it, or a little later."""
    server, struck = case.pair.target, threading.Event()
    pause = case.random.choice([0.0, 0.0, 0.001, 0.003])

    def strike() -> None:
        time.sleep(pause)
        server.kill()
        struck.set()

    case.target_proxy.at_commit(strike)
    if not struck.wait(4.0):
        if case.target_proxy.disarm():
            return False
        struck.wait()
    server.run_again()
    return True


def crash_target_often(case: Case) -> bool:
    for _ in range(3):
        _crash(case, case.pair.target)
        time.sleep(case.random.uniform(0.1, 1.5))
    return True


def crash_both(case: Case) -> bool:
    _tear(case)
    case.pair.source.stop("immediate")
    case.pair.target.stop("immediate")
    case.pair.target.run_again()
    case.pair.source.run_again()
    return True


def _down(case: Case, server: Server) -> bool:
    server.stop(case.random.choice(["fast", "immediate"]))
    time.sleep(case.random.uniform(1.0, 2.5))
    server.run_again()
    return True


def source_down(case: Case) -> bool:
    return _down(case, case.pair.source)


def target_down(case: Case) -> bool:
    return _down(case, case.pair.target)
