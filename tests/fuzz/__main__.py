"""``python -m tests.fuzz --seconds 60 [TARGET…]``: one target after the other.

Owns the command line. Each target runs in a process of its own, because the fuzzer ends its
process; what it found interesting is kept in ``.cache/fuzz`` for the next time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[2] / ".cache/fuzz"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all when left out")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        _fuzz(arguments.targets[0], arguments.seconds, arguments.corpus)
    from tests.fuzz.targets import TARGETS

    names = arguments.targets or list(TARGETS)
    failed = [name for name in names if not run(name, arguments.seconds, arguments.corpus)]
    return 1 if failed else 0


def run(target: str, seconds: int, corpus: Path, *, log: Path | None = None) -> bool:
    """Whether nothing was found.

    :param log: what the fuzzer says goes there instead of the terminal.
    """
    command = [sys.executable, "-m", "tests.fuzz", "--here", "--seconds", str(seconds)]
    command += ["--corpus", str(corpus), target]
    if log is None:
        return subprocess.run(command, check=False).returncode == 0
    with log.open("wb") as output:
        return subprocess.run(command, stderr=output, check=False).returncode == 0


def _fuzz(target: str, seconds: int, corpus: Path) -> None:
    """Never returns."""
    import atheris

    with atheris.instrument_imports(include=["azext_dms_pg"]):
        from tests.fuzz.targets import TARGETS, seeds
    directory = corpus / target
    directory.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (directory / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024"]
    options += [f"-artifact_prefix={corpus}/found-{target}-"]
    atheris.Setup([sys.argv[0], *options, str(directory)], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
