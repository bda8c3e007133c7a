"""How a seed ends: cut over, cancelled, failed for a lost slot, or refused for a changed schema.

Owns what is ordered at the end and what must come of it; ``verdict`` looks at the data.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from azext_dms_pg.errors import DmsPgError
from tests.torture.ddl.kinds import KINDS
from tests.torture.moments import is_complete, is_loaded
from tests.torture.user import Stuck

if TYPE_CHECKING:
    from tests.torture.case import Case
    from tests.torture.line import Line


def cut_over(case: Case) -> None:
    """All databases, unless a strike at the cutover has asked for it already."""
    if not case.asked:
        case.prepare_cutover()
        case.ask_cutover()
    if case.plan.one_by_one:
        for line in case.lines:
            case.user.insist(partial(case.door.cutover, line.source.name))
            case.reach(line.number, is_complete, "a database's cutover")
    case.until(lambda: case.show()["state"] == "Succeeded", "the cutover's end")
    for line in case.lines:
        line.complete = True


def cancel(case: Case) -> None:
    if not any(strike.moment == "cancelling" for strike in case.plan.strikes):
        case.ask_cancel()
    case.until(lambda: case.show()["state"] == "Canceled", "the cancel's end")
    for line in case.lines:
        line.quiet()


def fail(case: Case) -> None:
    """The slot is gone: it must say so, stay so, and still clean up after itself."""
    (victim,) = case.plan.strikes[-1].victims
    _complete_others(case, case.lines[victim])
    _ended(case, "Failed", "FAILED after the slot was lost")
    words = " ".join(error["message"] for error in case.show()["errors"])
    if "slot" not in words.lower():
        raise Stuck(f"FAILED does not speak of the slot: {words!r}")
    case.user.insist(case.door.restart)
    time.sleep(0.5)
    _ended(case, "Failed", "FAILED again after restart")
    _take_back(case)


def refuse(case: Case) -> None:
    """A change of the schema that cannot be followed: the cutover must not come to an end."""
    line = next(line for line in case.lines if line.tract.refused)
    case.reach(line.number, is_loaded, "the end of the load")
    line.loaded()
    case.watch.tracks[line.number].may_fail = True
    assert line.reshaper is not None
    line.reshaper.add(line.tract.refused)
    line.quiet()
    _complete_others(case, line)
    _wait(case, lambda: _is_over(case, line), f"FAILED after {line.tract.refused!r}")
    _ended(case, "Failed", f"FAILED after {line.tract.refused!r}")
    codes = {finding["code"] for finding in case.findings(line) if finding["severity"] == "error"}
    if not codes & KINDS[line.tract.refused].codes:
        raise Stuck(f"{line.tract.refused}: FAILED for {sorted(codes)}")
    case.result.survived.append(f"DDL: {line.tract.refused} @ cutover")
    _take_back(case)


def _complete_others(case: Case, victim: Line) -> None:
    """What has befallen one database does not keep the others from their cutover."""
    for line in case.lines:
        if line is victim:
            continue
        _wait(case, partial(case.is_now, line.number, is_loaded), "the end of the load")
        line.quiet()
        case.user.insist(partial(case.door.cutover, line.source.name))
        _wait(case, partial(case.is_now, line.number, is_complete), "COMPLETE beside a FAILED")
        line.complete = True
    victim.quiet()


def _is_over(case: Case, line: Line) -> bool:
    """Whether it has failed; else the cutover is asked for, which it must not survive."""
    with contextlib.suppress(DmsPgError):
        case.door.cutover(line.source.name)
    return bool(case.database(line.number)["migrationState"] == "FAILED")


def _ended(case: Case, state: str, what: str) -> None:
    _wait(case, lambda: case.show()["state"] == state, what)


def _wait(case: Case, condition: Callable[[], bool], what: str) -> None:
    """Nobody restarts what has failed."""
    case.user.until(condition, what, tend=case.user.follow)


def _take_back(case: Case) -> None:
    case.ask_cancel()
    case.until(lambda: case.show()["state"] == "Canceled", "the cancel's end")
