"""A few of the steps ``make steps`` goes through, spread over a whole migration."""

from __future__ import annotations

from pathlib import Path

from tests.steps.run import Choice, survive

# A prime, so that it is not always the same kind of step.
_EVERY = 37


def test_killed_at_some_steps(tmp_path: Path) -> None:
    told: list[str] = []
    result = survive(tmp_path, Choice(every=_EVERY), told.append)
    assert not result.problems, "\n".join(result.problems)
    assert result.survived > result.missed, "\n".join(told)
