"""What became of a seed: problems, what was survived, counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.torture.plan import Plan


@dataclass
class Result:
    """Filled while the seed runs.

    :param survived: ``fault @ moment``.
    :param statements: times the target was given what its schema lacked.
    """

    plan: Plan
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    survived: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    commits: int = 0
    polls: int = 0
    restarts: int = 0
    statements: int = 0
    kept: Path | None = None
