"""What must be true when a seed has ended, and of READY_TO_COMPLETE while it runs.

Owns the questions; the oracle and the ledger answer them.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import psycopg

from tests.support import catalogue, oracle
from tests.torture.ddl import judging

if TYPE_CHECKING:
    from tests.torture.case import Case
    from tests.torture.line import Line


def judge(case: Case) -> None:
    """Note everything that is not as it must be after the end."""
    case.until(lambda: not case.processes(), "the end of all processes", nurse=False)
    problems = case.result.problems
    if case.plan.typed and case.door.show() != case.show():
        problems.append("az shows something else than the backend")
    if case.plan.ending == "cutover":
        problems += [f"error in show: {error['message']}" for error in case.show()["errors"]]
    for line in case.lines:
        found = _complete(case, line) if line.complete else _taken_back(line)
        found += _leftovers(line)
        problems += [f"{line.source.name}: {text}" for text in found]
    if list((case.directory / "vault").glob(case.task_id)):
        problems.append("the vault still holds the passwords")


def _complete(case: Case, line: Line) -> list[str]:
    """What was promised of a database that is COMPLETE."""
    found = [
        f"{item['tableName']} is {item['state']}"
        for item in case.show()["output"]
        if item["resultType"] == "TableLevelOutput"
        and item["databaseName"] == line.source.name
        and item["state"] not in {"COMPLETED", *(["CANCELED"] if case.watch.cancelling else [])}
    ]
    found += [f"ledger: {text}" for text in line.writers.problems(line.target)]
    report = oracle.compare(line.source, line.target, leftovers=False)
    found += judging.row_problems(report.differences, line)
    found += judging.schema_problems(line.source, line.target)
    found += judging.telling_problems(case.findings(line), line.changes)
    return found + _other_schema(line)


def _taken_back(line: Line) -> list[str]:
    """The same of one that was cancelled, or failed and was cancelled then."""
    rows = {n: c.rows for n, c in oracle.contents(line.target).items() if c.rows}
    return ([f"rows left on the target: {rows}"] if rows else []) + _other_schema(line)


def _other_schema(line: Line) -> list[str]:
    """Both catalogues are as before, but for what was changed on purpose."""
    found = catalogue.difference(line.before, oracle.snapshot(line.target))
    ours = catalogue.difference(line.source_before, oracle.snapshot(line.source))
    found += [f"source: {text}" for text in ours]
    return judging.apart(found) if line.reshaper is not None else found


def _leftovers(line: Line) -> list[str]:
    """Sessions may take a moment to end; whatever stays is ours."""
    deadline = time.monotonic() + 30
    while True:
        left = oracle.source_leftovers(line.source) + oracle.target_leftovers(line.target)
        # A crashed server keeps temporary tables of its sessions until autovacuum comes by.
        left = [line for line in left if "'pg_temp_" not in line]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def untrue_ready(case: Case, line: Line) -> str:
    """Why READY_TO_COMPLETE cannot be true at this moment, or nothing."""
    try:
        phase = line.target.run("SELECT phase FROM dms_pg.migration")
        slots = line.source.run(
            "SELECT FROM pg_replication_slots WHERE slot_name LIKE 'dms\\_pg%'"
            " AND database = current_database()"
        )
    except psycopg.Error:
        return ""  # the server is down, or the cutover has just ended
    if phase and phase[0][0] in {"prepared", "loading"}:
        return f"the target is {phase[0][0]}"
    if not slots and not case.watch.tracks[line.number].may_fail and phase:
        # It may have completed between the two looks.
        with contextlib.suppress(psycopg.Error):
            if line.target.run("SELECT phase FROM dms_pg.migration") == phase:
                return "there is no slot"
    return ""
