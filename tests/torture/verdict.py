"""What must be true when a seed has ended, and of READY_TO_COMPLETE while it runs.

Owns the questions; the oracle and the ledger answer them.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import psycopg

from tests.support import catalogue, oracle

if TYPE_CHECKING:
    from tests.torture.case import Case


def judge(case: Case) -> None:
    """Note everything that is not as it must be after the end."""
    case.until(lambda: not case.processes(), "the end of all processes", nurse=False)
    problems = case.result.problems
    if case.plan.typed and case.door.show() != case.show():
        problems.append("az shows something else than the backend")
    if case.plan.ending == "cutover":
        problems += _incomplete(case)
        problems += [f"ledger: {line}" for line in case.writers.problems(case.target)]
        report = oracle.compare(
            case.source, case.target, catalogue_before=case.before, leftovers=False
        )
        problems += report.differences
    else:
        after = oracle.snapshot(case.target)
        problems += catalogue.difference(case.before, after)
        rows = {n: c.rows for n, c in oracle.contents(case.target).items() if c.rows}
        if rows:
            problems.append(f"rows left on the target: {rows}")
    problems += [
        f"source: {line}"
        for line in catalogue.difference(case.source_before, oracle.snapshot(case.source))
    ]
    problems += _leftovers(case)
    if list((case.directory / "vault").glob(case.task_id)):
        problems.append("the vault still holds the passwords")


def _incomplete(case: Case) -> list[str]:
    shown = case.show()
    unfinished = [
        f"{item['tableName']} is {item['state']}"
        for item in shown["output"]
        if item["resultType"] == "TableLevelOutput" and item["state"] != "COMPLETED"
    ]
    return unfinished + [f"error in show: {error['message']}" for error in shown["errors"]]


def _leftovers(case: Case) -> list[str]:
    """Sessions may take a moment to end; whatever stays is ours."""
    deadline = time.monotonic() + 30
    while True:
        left = oracle.source_leftovers(case.source) + oracle.target_leftovers(case.target)
        # A crashed server keeps temporary tables of its sessions until autovacuum comes by.
        left = [line for line in left if "'pg_temp_" not in line]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def untrue_ready(case: Case) -> str:
    """Why READY_TO_COMPLETE cannot be true at this moment, or nothing."""
    try:
        phase = case.target.run("SELECT phase FROM dms_pg.migration")
        slots = case.source.run(
            "SELECT FROM pg_replication_slots WHERE slot_name LIKE 'dms\\_pg%'"
            " AND database = current_database()"
        )
    except psycopg.Error:
        return ""  # the server is down, or the cutover has just ended
    if phase and phase[0][0] in {"prepared", "loading"}:
        return f"the target is {phase[0][0]}"
    if not slots and not case.watch.may_fail and phase:
        # It may have completed between the two looks.
        with contextlib.suppress(psycopg.Error):
            if case.target.run("SELECT phase FROM dms_pg.migration") == phase:
                return "there is no slot"
    return ""
