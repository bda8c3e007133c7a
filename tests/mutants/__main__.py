"""``python -m tests.mutants``: take each hazard's handling away and see its test fail.

Works on a copy; the tree stays as it is. Exit code 1 when a mutant survived.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutants.catalogue import MUTANTS, Mutant

_ROOT = Path(__file__).resolve().parents[2]
_PARTS = ("azext_dms_pg", "tests", "scenarios", "benchmarks", "pyproject.toml", "setup.py")
_SECONDS = 600.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("hazards", nargs="*", type=int, help="only these; all by default")
    wanted = parser.parse_args().hazards
    chosen = [each for each in MUTANTS if not wanted or each.hazard in wanted]
    with tempfile.TemporaryDirectory(prefix="mutants.") as directory:
        tree = _copy(Path(directory))
        survived = [each for each in chosen if not _is_noticed(tree, each)]
    print(f"{len(chosen) - len(survived)} of {len(chosen)} mutants were noticed")
    return 1 if survived else 0


def _copy(directory: Path) -> Path:
    directory.chmod(0o755)  # the servers' own user reads the tests' files
    for name in _PARTS:
        if (_ROOT / name).is_dir():
            shutil.copytree(_ROOT / name, directory / name)
        else:
            shutil.copy(_ROOT / name, directory)
    for shared in (".venv", ".cache"):
        (directory / shared).symlink_to(_ROOT / shared)
    return directory


def _is_noticed(tree: Path, mutant: Mutant) -> bool:
    path = tree / "azext_dms_pg" / mutant.file
    whole = path.read_text("utf-8")
    path.write_text(whole.replace(mutant.handling, mutant.without), "utf-8")
    try:
        verdict, noticed = _tested(tree, mutant.test)
    finally:
        path.write_text(whole, "utf-8")
    print(f"hazard {mutant.hazard:2}  {verdict:16}  {mutant.file}  {mutant.test}", flush=True)
    return noticed


def _tested(tree: Path, test: str) -> tuple[str, bool]:
    """What became of the test, and whether it noticed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", f"tests/integration/{test}"]
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "noticed, hanging", True
    # 1: a test failed. Everything else (nothing found, an error of usage) proves nothing.
    verdicts = {0: ("SURVIVED", False), 1: ("noticed", True)}
    return verdicts.get(done.returncode, (f"ended with {done.returncode}", False))


if __name__ == "__main__":
    sys.exit(main())
