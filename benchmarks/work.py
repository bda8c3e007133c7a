"""What is measured: a work, its contenders, and the figures they must reach.

Owns: alternating the contenders, checking every result before its time counts, medians.
Knows nothing of servers beyond what a contender does with them.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

OURS = "dms-pg"


@dataclass(frozen=True)
class Result:
    """One run: how long it took and what it says about itself (CPU, RSS, …)."""

    seconds: float
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    :param run: does it once from scratch and returns the time that counts; raises on a wrong
        result.
    :param missing: why it cannot run here; empty when it can.
    """

    name: str
    run: Callable[[], Result]
    missing: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure to reach: how many times faster ``faster`` must be than ``slower``."""

    slower: str
    least: float
    faster: str = OURS


@dataclass(frozen=True)
class Work:
    """Something several contenders can do.

    :param opened: sets up the data and yields the contenders.
    """

    name: str
    title: str
    figures: Sequence[Figure]
    opened: Callable[[], Any]


@dataclass
class Outcome:
    """All runs of one work."""

    work: Work
    runs: dict[str, list[Result]] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)

    def median(self, name: str) -> float | None:
        runs = self.runs.get(name)
        return statistics.median(run.seconds for run in runs) if runs else None

    def ratio(self, figure: Figure) -> float | None:
        """How many times faster, by medians; None when one of the two did not run."""
        slower, faster = self.median(figure.slower), self.median(figure.faster)
        return slower / faster if slower and faster else None


def measure(work: Work, rounds: int, say: Callable[[str], None]) -> Outcome:
    """Run every contender ``rounds`` times, alternating, and start each round with another."""
    outcome = Outcome(work)
    with work.opened() as contenders:
        able = [contender for contender in contenders if not contender.missing]
        outcome.not_run = {
            contender.name: contender.missing for contender in contenders if contender.missing
        }
        for turn in range(rounds):
            shift = turn % len(able)
            for contender in able[shift:] + able[:shift]:
                if contender.name in outcome.not_run:
                    continue
                try:
                    result = contender.run()
                except Exception as error:  # noqa: BLE001 - a peer that fails is a result too
                    outcome.not_run[contender.name] = f"{type(error).__name__}: {error}"
                    outcome.runs.pop(contender.name, None)
                    say(f"  {work.name:10} {contender.name:28} failed: {error}")
                    continue
                outcome.runs.setdefault(contender.name, []).append(result)
                facts = " ".join(f"{key}={value}" for key, value in result.facts.items())
                say(f"  {work.name:10} {contender.name:28} {result.seconds:8.2f} s  {facts}")
    return outcome


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() - self._start


@contextmanager
def children_cpu() -> Iterator[Callable[[], float]]:
    """CPU seconds of the child processes waited for inside the block."""
    before = os.times()

    def used() -> float:
        now = os.times()
        return round(
            now.children_user + now.children_system - before.children_user - before.children_system,
            2,
        )

    yield used
