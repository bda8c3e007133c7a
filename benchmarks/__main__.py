"""``python -m benchmarks [--quick] [--only NAME …] [--rounds N]``."""

from __future__ import annotations

import argparse
import sys

from benchmarks import backlogs, loads, report
from benchmarks.pair import Pair
from benchmarks.work import OURS, Outcome, Work, measure
from tests.support import packages
from tests.support.packages import Unavailable

# pgcopydb 0.10 speaks up to this version; the peers should all be able to run.
_PREFERRED = (15, 16, 14, 17)


def main() -> int:
    arguments = _arguments()
    outcomes: list[Outcome] = []
    not_run: dict[str, str] = {}
    version = arguments.version or _version()
    for tls in (False, True):
        if arguments.only and not any(name.startswith("tls") is tls for name in arguments.only):
            continue
        try:
            with Pair.start(version, tls=tls) as pair:
                quick, rounds = arguments.quick, arguments.rounds
                works = (
                    loads.encrypted_works(pair, quick=quick)
                    if tls
                    else loads.works(pair, quick=quick)
                    + backlogs.works(pair, rounds, quick=quick)
                )
                chosen = _chosen(works, arguments.only)
                outcomes += [measure(work, arguments.rounds, _say) for work in chosen]
        except Unavailable as reason:
            not_run["TLS" if tls else "all"] = str(reason)
    print(report.table(outcomes, not_run))
    note = {"postgres": version, "quick": arguments.quick, "rounds": arguments.rounds}
    print(f"\nWritten to {report.write(outcomes, not_run, note)} (and .svg beside it)")
    return 1 if any(OURS in outcome.not_run for outcome in outcomes) else 0


def _chosen(works: list[Work], only: list[str]) -> list[Work]:
    return [work for work in works if not only or work.name in only]


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
    parser.add_argument("--rounds", type=int, default=3, help="runs of every contender")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="only these works")
    parser.add_argument("--version", type=int, help="major version of both servers")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
