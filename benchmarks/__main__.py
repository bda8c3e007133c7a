"""``python -m benchmarks [--quick] [--only NAME …] [--rounds N]``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import backlogs, loads, peers, report
from benchmarks.observe import Engine, Observation
from benchmarks.pair import Pair
from benchmarks.tasks import Tasks
from benchmarks.work import OURS, Outcome, Work, measure
from tests.support import packages
from tests.support.packages import Unavailable

# pgcopydb 0.10 speaks up to this version; the peers should all be able to run.
_PREFERRED = (15, 16, 14, 17)


def main() -> int:
    arguments = _arguments()
    version = arguments.version or _version()
    started = time.monotonic()
    bench = _Bench(arguments, version)
    for tls in (False, True):
        if arguments.only and not any(name.startswith("tls") is tls for name in arguments.only):
            continue
        try:
            with Pair.start(version, tls=tls) as pair:
                bench.encrypted(pair) if tls else bench.plain(pair)
        except Unavailable as reason:
            bench.not_run["over TLS" if tls else "without TLS"] = str(reason)
    print(report.table(bench.outcomes, bench.seen, bench.not_run))
    bench.save(minutes=round((time.monotonic() - started) / 60, 1))
    print(f"\nWritten to {bench.results.path} (and .svg beside it)")
    return 0 if bench.sound else 1


class _Bench:
    """Runs what was asked for and collects what came of it."""

    def __init__(self, arguments: argparse.Namespace, version: int) -> None:
        self._arguments = arguments
        note = {"quick": arguments.quick, "rounds": arguments.rounds, **peers.versions(version)}
        self.results = report.Results(arguments.results, note)
        self.outcomes: list[Outcome] = []
        self.seen: list[Observation] = []
        self.not_run: dict[str, str] = {}

    def plain(self, pair: Pair) -> None:
        quick, rounds = self._arguments.quick, self._arguments.rounds
        self._measure(loads.works(pair, quick=quick) + backlogs.works(pair, rounds, quick=quick))
        scenarios = Engine(pair, rounds, quick=quick).all() | Tasks(pair, quick=quick).all()
        for name, observe in scenarios.items():
            if not self._wanted(name):
                continue
            try:
                self.seen += observe()
            except Exception as error:  # noqa: BLE001 - the rest is worth measuring all the same
                self.not_run[name] = f"{type(error).__name__}: {error}"
            self.save()

    def encrypted(self, pair: Pair) -> None:
        self._measure(loads.encrypted_works(pair, quick=self._arguments.quick))

    @property
    def sound(self) -> bool:
        """Whether everything of ours ran and was right; how fast is for the reader."""
        return not self.not_run and not any(OURS in one.not_run for one in self.outcomes)

    def save(self, **note: Any) -> None:
        self.results.write(self.outcomes, self.seen, self.not_run, **note)

    def _measure(self, works: Sequence[Work]) -> None:
        for work in works:
            if self._wanted(work.name):
                self.outcomes.append(measure(work, self._arguments.rounds, _say))
                self.save()

    def _wanted(self, name: str) -> bool:
        return not self._arguments.only or name in self._arguments.only


def _version() -> int:
    for version in _PREFERRED:
        try:
            packages.find(version)
        except Unavailable:
            continue
        return version
    raise SystemExit("No PostgreSQL server can be had on this machine.")


def _say(line: str) -> None:
    print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less data, under five minutes")
    parser.add_argument(
        "--rounds", type=int, help="runs of every contender: 3 by default, 1 with --quick"
    )
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="only these works")
    parser.add_argument("--version", type=int, help="major version of both servers")
    parser.add_argument("--results", type=Path, default=report.RESULTS, help="where to write them")
    found = parser.parse_args()
    found.rounds = found.rounds or (1 if found.quick else 3)
    return found


if __name__ == "__main__":
    sys.exit(main())
