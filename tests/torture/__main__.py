"""``python -m tests.torture --seeds 300``: random faults by seed, and what was survived.

Owns the command line. Exit code 1 when a seed failed.
"""

from __future__ import annotations

import argparse
import sys

from tests.torture.catalog import FAULTS
from tests.torture.jobs import run, say
from tests.torture.lab import can_mount
from tests.torture.plan import Plan, draw

_ROOT_ONLY = frozenset(name for name, entry in FAULTS.items() if entry.needs == "root")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.torture", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--start", type=int, default=1, help="the first")
    parser.add_argument("--jobs", type=int, default=2, help="seeds at a time")
    parser.add_argument("--minutes", type=float, help="begin no seed after so long")
    parser.add_argument("--fault", help="only plans with this text, such as DDL or databases")
    parser.add_argument("--plan", action="store_true", help="print the plans and run nothing")
    arguments = parser.parse_args()
    disks = can_mount()
    allowed = faults_here(disks=disks)
    if not disks:
        say(f"not root, so left out: {', '.join(sorted(_ROOT_ONLY))}")
    plans = _choose(arguments, allowed)
    if arguments.plan:
        for plan in plans:
            say(f"seed {plan.seed}: {plan}")
        return 0
    return run(plans, min(arguments.jobs, len(plans)), disks=disks, minutes=arguments.minutes)


def faults_here(*, disks: bool) -> frozenset[str]:
    """The faults this machine can do."""
    return frozenset(FAULTS) - (frozenset() if disks else _ROOT_ONLY)


def _choose(arguments: argparse.Namespace, allowed: frozenset[str]) -> list[Plan]:
    plans: list[Plan] = []
    seed = arguments.start
    while len(plans) < arguments.seeds and seed < arguments.start + 100 * arguments.seeds:
        plan = draw(seed, allowed)
        if arguments.fault is None or arguments.fault in f"{plan} {plan.kinds}":
            plans.append(plan)
        seed += 1
    return plans


if __name__ == "__main__":
    sys.exit(main())
