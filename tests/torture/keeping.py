"""After a seed: everything is stopped, counted and removed; of a failure, what explains it is kept.

Owns the end, whatever came before it.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.torture.user import Stuck

if TYPE_CHECKING:
    from tests.torture.case import Case

_TAIL = 20_000


def end(case: Case) -> None:
    """Stop who still writes or works, and leave nothing behind."""
    result = case.result
    for line in case.lines:
        line.let_go()
        try:
            line.quiet()
        except BaseException as error:  # noqa: BLE001 - a writer's failure is the seed's
            result.problems.append(f"writers: {error!r}")
        result.commits += line.writers.commits
        result.survived += [f"DDL: {c.kind} @ streaming" for c in line.changes if c.follows]
    result.restarts = case.user.restarts
    result.statements = len(case.user.told)
    if case.observer is not None:
        case.observer.stop()
        result.problems += [f"lie: {lie}" for lie in case.observer.lies]
        result.polls = case.observer.polls
    if result.problems:
        result.kept = _keep(case)
    with contextlib.suppress(Stuck):
        case.kill_all()
    for proxy in (case.source_proxy, case.target_proxy):
        proxy.close()
    for line in case.lines:
        case.lab.drop(line.source, line.target)
    if case.state_disk is not None:
        case.state_disk.unmount()
    shutil.rmtree(case.home, ignore_errors=True)


def _keep(case: Case) -> Path:
    """Everything that helps to understand a failure, in a directory that stays."""
    kept = case.lab.scratch.with_name(f"{case.lab.scratch.name}-seed-{case.plan.seed}")
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    story = [str(case.plan), *case.result.problems, ""]
    for line in case.lines:
        states = case.observer.tracks[line.number].states if case.observer else []
        story += [f"{line.source.name} seen: {' '.join(states)}"]
        story += [f"  {change.kind}: {change.statement}" for change in line.changes]
    story += [f"on the target: {statement}" for statement in case.user.told]
    with contextlib.suppress(Exception):
        story.append(repr(case.show()))
    (kept / "story.txt").write_text("\n".join(story) + "\n")
    for log in (case.directory / "log").iterdir():
        shutil.copy(log, kept)
    for server, name in ((case.pair.source, "source"), (case.pair.target, "target")):
        (kept / f"{name}.log").write_text(server.log_tail(_TAIL))
    return kept
