"""Learn which steps there are, and go through them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.steps.story import ENDINGS, Told, tell
from tests.support.servers import Server

_VERSIONS = (17, 18)
_SETTINGS = {"shared_buffers": "32MB", "wal_sender_timeout": "10s"}


@dataclass
class Result:
    """:param missed: steps that did not come this time: which there are is a little by chance."""

    survived: int = 0
    missed: int = 0
    problems: list[str] = field(default_factory=list)


def survive(
    scratch: Path,
    *,
    every: int,
    only: str = "",
    share: tuple[int, int] = (0, 1),
    say: Callable[[str], None],
) -> Result:
    """Go through the steps of both endings.

    :param every: only each n-th step.
    :param only: only steps with this text.
    :param share: which share of them, of how many.
    """
    result = Result()
    source, target = (Server.start(version, settings=_SETTINGS) for version in _VERSIONS)
    try:
        runs = 0

        def told(ending: str, step: str) -> Told:
            nonlocal runs
            runs += 1
            home = scratch / str(runs)
            home.mkdir(mode=0o700)
            return tell(source, target, home, ending, step)

        known: set[str] = set()
        for ending in ENDINGS:
            learned = told(ending, "")
            result.problems += [f"{ending}, unharmed: {text}" for text in learned.problems]
            new = [step for step in learned.met if step not in known]
            known.update(new)
            chosen = [step for step in new if only in step][::every][share[0] :: share[1]]
            say(f"{ending}: {len(chosen)} of {len(new)} steps")
            for number, step in enumerate(chosen, 1):
                once = told(ending, step)
                word = "FAILED" if once.problems else "ok" if once.struck else "did not come"
                say(f"[{number}/{len(chosen)}] {word}: {ending}: {step}")
                result.survived += once.struck and not once.problems
                result.missed += not once.struck
                result.problems += [f"{ending}: {step}\n{text}" for text in once.problems]
    finally:
        source.destroy()
        target.destroy()
    return result
