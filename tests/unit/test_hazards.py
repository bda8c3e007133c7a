"""docs/hazards.md: the files and tests it names are there, and all hazards code speaks of."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "azext_dms_pg"
PAGE = (ROOT / "docs/hazards.md").read_text()
ROWS = dict(re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, re.MULTILINE))
_SPOKEN_OF = re.compile(r"[Hh]azards?[ _]((?:\d+(?:_|, | and )?)+)")


def test_files_are_there() -> None:
    for number, row in ROWS.items():
        files = re.findall(r"`((?:engine|postgres|state|model)/[\w/.]*)`", row)
        assert files, number
        for name in files:
            assert (PACKAGE / name).exists(), name


def test_tests_are_there() -> None:
    for number, row in ROWS.items():
        tests = re.findall(r"`(test_\w+\.py)::(test_\w+)`", row)
        assert tests, number
        for file, name in tests:
            found = [path.read_text() for path in (ROOT / "tests").rglob(file)]
            assert any(f"def {name}(" in text for text in found), name


def test_every_number_is_explained() -> None:
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "tests/integration").glob("*.py")]
    found = {
        number
        for path in files
        for group in _SPOKEN_OF.findall(path.read_text())
        for number in re.findall(r"\d+", group)
    }
    assert found <= set(ROWS)
    assert len(found) > 20
