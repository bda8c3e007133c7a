"""Dealing seeds to jobs, each a process with servers of its own, and the report.

Not in ``__main__``, which a spawned process cannot import.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import signal
import sys
import time
from collections import Counter
from multiprocessing.synchronize import Event as EventType
from multiprocessing.synchronize import Lock as LockType
from typing import Any

from tests.torture.case import Case
from tests.torture.catalog import FAULTS
from tests.torture.ddl.kinds import KINDS
from tests.torture.lab import Lab
from tests.torture.plan import Plan
from tests.torture.result import Result


def run(plans: list[Plan], jobs: int, *, disks: bool, minutes: float | None = None) -> int:
    """Run the plans; after ``minutes`` no further seed is begun."""
    context = multiprocessing.get_context("spawn")
    waiting: Any = context.Queue()
    done: Any = context.Queue()
    for plan in plans:
        waiting.put(plan)
    screen = context.Lock()
    enough = context.Event()
    workers = [
        context.Process(
            target=_job, args=(waiting, done, screen, enough, disks), name=f"job-{number}"
        )
        for number in range(jobs)
    ]
    started = time.monotonic()
    for worker in workers:
        worker.start()
    # Told to end, too, everybody puts away what they have.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results: list[Result] = []
    try:
        while len(results) < len(plans) and any(worker.is_alive() for worker in workers):
            if minutes is not None and time.monotonic() - started > minutes * 60:
                enough.set()
            try:
                results.append(done.get(timeout=1.0))
            except queue.Empty:
                continue
            _tell(results[-1], len(results), len(plans))
    except KeyboardInterrupt:
        say("told to stop")
    finally:
        enough.set()
        _drain(waiting)
        for worker in workers:
            worker.join(60)
    report(results, time.monotonic() - started)
    lost = len(plans) - len(results)
    if lost:
        why = "a job died" if minutes is None else "the time was up"
        say(f"{lost} seeds did not run: {why}")
    return 1 if (lost and minutes is None) or any(result.problems for result in results) else 0


def _drain(waiting: Any) -> None:
    """Our end of the queue must not wait for somebody to read it."""
    with contextlib.suppress(queue.Empty):
        while True:
            waiting.get(block=False)


def _job(waiting: Any, done: Any, screen: LockType, enough: EventType, disks: bool) -> None:
    lab = Lab(disks=disks)
    try:
        while not enough.is_set():
            try:
                plan = waiting.get(timeout=0.5)
            except queue.Empty:
                return
            with screen:
                say(f"seed {plan.seed}: {plan}")
            done.put(one(lab, plan))
    finally:
        lab.close()
        done.close()
        done.join_thread()


def _tell(result: Result, number: int, count: int) -> None:
    word = "FAILED" if result.problems else "ok"
    missed = f", nothing to hit for {', '.join(result.missed)}" if result.missed else ""
    say(
        f"[{number}/{count}] seed {result.plan.seed} {word} in {result.seconds:.1f} s"
        f" ({result.commits} commits, {result.polls} looks, {result.restarts} restarts{missed})"
    )
    for problem in result.problems:
        say(f"    {problem}")
    if result.kept is not None:
        say(f"    kept in {result.kept}")


def report(results: list[Result], seconds: float) -> None:
    """How many faults of which kind were survived, and at which moments."""
    good = [result for result in results if not result.problems]
    kinds: Counter[str] = Counter()
    moments: Counter[str] = Counter()
    tasks: Counter[str] = Counter()
    for result in good:
        tasks.update(result.plan.kinds)
        for line in result.survived:
            fault, _, moment = line.partition(" @ ")
            kinds[fault] += 1
            moments[moment] += 1
    missed = sum(len(result.missed) for result in results)
    say("")
    say(f"{len(good)} of {len(results)} seeds passed in {seconds / 60:.1f} minutes")
    say(
        f"{sum(kinds.values())} faults survived ({missed} more found nothing to hit), "
        f"{sum(result.commits for result in good)} acknowledged commits, none lost, none doubled; "
        f"show was asked {sum(result.polls for result in good)} times and told the truth; "
        f"{sum(result.restarts for result in good)} restarts; "
        f"{sum(result.statements for result in good)} pauses ended by the statements shown; "
        f"{sum(result.plan.typed for result in good)} seeds gave their orders to the real az"
    )
    say("tasks: " + ", ".join(f"{count} with {kind}" for kind, count in sorted(tasks.items())))
    for fault, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0])):
        say(f"{count:6} {fault}")
    say("at: " + ", ".join(f"{moment} {moments[moment]}" for moment in moments))
    never = [name for name in (*FAULTS, *(f"DDL: {name}" for name in KINDS)) if name not in kinds]
    if never:
        say(f"not among them: {', '.join(never)}")
    bad = [str(result.plan.seed) for result in results if result.problems]
    if bad:
        say(f"failed seeds: {' '.join(bad)}")


def one(lab: Lab, plan: Plan) -> Result:
    """Run one seed."""
    directory = lab.scratch / f"state-{plan.seed}"
    try:
        return Case(lab, plan, directory).run()
    except Exception as error:  # noqa: BLE001 - the lab itself broke: the seed's result too
        return Result(plan, problems=[f"{type(error).__name__}: {error}"])


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
