"""``python -m tests.steps``: learn the steps of a migration, then one more for each, killed there.

Owns the command line and the sharing out. Exit code 1 when one of them went wrong.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.steps.run import Choice, survive


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.steps", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only each n-th step")
    parser.add_argument("--only", default="", help="only steps with this text")
    parser.add_argument("--twice", action="store_true", help="and once more on the way back")
    parser.add_argument("--jobs", type=int, default=2, help="migrations at a time")
    parser.add_argument("--share", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.share is None and arguments.jobs > 1:
        again = [sys.executable, "-m", "tests.steps", *sys.argv[1:], "--share"]
        jobs = [subprocess.Popen([*again, str(number)]) for number in range(arguments.jobs)]
        return max([job.wait() for job in jobs])
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dms-pg-steps-") as scratch:
        shares = (0, 1) if arguments.share is None else (arguments.share, arguments.jobs)
        choice = Choice(arguments.every, arguments.only, shares, arguments.twice)
        result = survive(Path(scratch), choice, _say)
    minutes = (time.monotonic() - begun) / 60
    _say(f"{result.survived} strikes survived, {result.missed} did not come, {minutes:.1f} minutes")
    for problem in result.problems:
        _say(problem)
    return 1 if result.problems else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
