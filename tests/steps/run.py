"""Learn which steps there are, and go through them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.steps.story import ENDINGS, Told, tell
from tests.support.servers import Server

_VERSIONS = (17, 18)
_SETTINGS = {"shared_buffers": "32MB", "wal_sender_timeout": "10s"}


@dataclass(frozen=True)
class Choice:
    """:param every: only each n-th step.

    :param only: only steps with this text.
    :param share: which share of them, of how many.
    :param twice: struck once more, at a step on the way back that is chosen by chance.
    """

    every: int = 1
    only: str = ""
    share: tuple[int, int] = (0, 1)
    twice: bool = False

    def of(self, steps: list[str]) -> list[str]:
        part, parts = self.share
        return [step for step in steps if self.only in step][:: self.every][part::parts]


@dataclass
class Result:
    """:param survived: strikes.

    :param missed: steps that did not come this time: which there are is a little by chance.
    """

    survived: int = 0
    missed: int = 0
    problems: list[str] = field(default_factory=list)


def survive(scratch: Path, choice: Choice, say: Callable[[str], None]) -> Result:
    """Go through the steps of both endings."""
    source, target = (Server.start(version, settings=_SETTINGS) for version in _VERSIONS)
    try:
        return _Walk(source, target, scratch, say).go(choice)
    finally:
        source.destroy()
        target.destroy()


class _Walk:
    def __init__(
        self, source: Server, target: Server, scratch: Path, say: Callable[[str], None]
    ) -> None:
        self._ends = source, target
        self._scratch = scratch
        self._say = say
        self._runs = 0
        self._result = Result()

    def go(self, choice: Choice) -> Result:
        known: set[str] = set()
        for ending in ENDINGS:
            (steps,) = self._tell(ending).met
            new = [step for step in steps if step not in known]
            known.update(new)
            chosen = choice.of(new)
            self._say(f"{ending}: {len(chosen)} of {len(new)} steps")
            for step in chosen:
                self._strike(ending, step, twice=choice.twice)
        return self._result

    def _strike(self, ending: str, step: str, *, twice: bool) -> None:
        told = self._tell(ending, step)
        if twice and told.strikes and not told.problems and told.met[1]:
            self._tell(ending, step, Random(step).choice(told.met[1]))

    def _tell(self, ending: str, *steps: str) -> Told:
        self._runs += 1
        home = self._scratch / str(self._runs)
        home.mkdir(mode=0o700)
        told = tell(*self._ends, home, ending, steps)
        struck = min(told.strikes, len(steps))
        self._result.missed += len(steps) - struck
        name = f"{ending}: {', then '.join(steps) or 'unharmed'}"
        if told.problems:
            self._result.problems += [f"{name}\n{text}" for text in told.problems]
        else:
            self._result.survived += struck
        word = "FAILED" if told.problems else "ok" if struck == len(steps) else "did not come"
        self._say(f"[{self._runs}] {word}: {name}")
        return told
