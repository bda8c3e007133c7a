"""One strike: wait for its moment, do the damage to its victims, see that nobody else noticed.

Owns the order of these. ``faults`` knows the damage, ``moments`` when a moment has come.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from tests.torture import catalog, faults, moments
from tests.torture.plan import Strike
from tests.torture.user import Stuck

if TYPE_CHECKING:
    from tests.torture.case import Case

_MOMENT_PATIENCE = 25.0


def strike(case: Case, plan: Strike) -> None:
    """Done when the world is mended; the task may not have noticed yet."""
    entry = catalog.FAULTS[plan.fault]
    struck = plan.victims if entry.alone else tuple(range(len(case.lines)))
    tracks = [case.watch.tracks[number] for number in struck]
    if plan.moment == "cutover":
        case.prepare_cutover()
    if plan.hold:
        _hold(case, plan.victims)
    validating = plan.moment == "validating"
    if validating:
        # Attempts before anything was created are few, and one that fails ends the whole task.
        for track in case.watch.tracks:
            track.may_fail = True
    _await(case, plan)
    time.sleep(plan.delay)
    for track in tracks:
        track.struck = True
        track.may_fail = track.may_fail or entry.terminal
    try:
        hit = _do(case, plan)
    finally:
        _let_go(case)
    outcome = case.result.survived if hit else case.result.missed
    outcome.append(f"{plan.fault} @ {plan.moment}")
    if validating:
        # The user starts it again.
        for number in range(len(case.lines)):
            case.reach(number, moments.is_valid, "validation")
        for track in case.watch.tracks:
            track.may_fail = False


def _do(case: Case, plan: Strike) -> bool:
    alone = catalog.FAULTS[plan.fault].alone
    spared = [n for n in range(len(case.lines)) if alone and n not in plan.victims]
    workers = {number: case.own.holder(f".{number}") for number in spared}
    hits = 0
    for case.aim in plan.victims if alone else (0,):
        hits += faults.DO[plan.fault](case)
    case.aim = 0
    for number, pid in workers.items():
        now = case.own.holder(f".{number}")
        if pid not in (None, now) and case.database(number)["endedOn"] is None:
            raise Stuck(f"{plan.fault} of {plan.victims} ended the worker of database {number}")
    return hits > 0


def _await(case: Case, plan: Strike) -> None:
    """Wait until the moment has come, or has passed already."""
    moment, number = plan.moment, plan.victims[0]
    if moment == "validating":
        return
    if moment == "cutover":
        case.ask_cutover()
        return
    if moment == "cancelling":
        case.ask_cancel()
        return
    reached = moments.REACHED[moment]
    with contextlib.suppress(Stuck):
        case.reach(number, reached, moment, seconds=_MOMENT_PATIENCE)
        return
    # A lock of ours may stand in the way of the very moment; or the machine has not the
    # power to keep up with writers at full speed and a batch of twenty changes.
    _let_go(case)
    if moment == "ready":
        case.quiet()
    case.reach(number, reached, moment)


def _hold(case: Case, victims: tuple[int, ...]) -> None:
    """Keep a moment on the target from passing."""
    with contextlib.suppress(Stuck):
        case.reach(victims[0], moments.is_loading, "loading", seconds=_MOMENT_PATIENCE)
    for number in victims:
        case.lines[number].hold()


def _let_go(case: Case) -> None:
    for line in case.lines:
        line.let_go()
