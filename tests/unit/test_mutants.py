"""The mutants fit the code, so that they mean something when they are run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS, Mutant

_ROOT = Path(__file__).parents[2]
_HAZARDS = (_ROOT / "docs/hazards.md").read_text("utf-8").splitlines()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: f"{each.hazard} {each.file}")
def test_what_is_taken_away_is_there(mutant: Mutant) -> None:
    text = (_ROOT / "azext_dms_pg" / mutant.file).read_text("utf-8")
    assert text.count(mutant.handling) == 1
    file, name = mutant.test.split("::")
    assert f"def {name}(" in (_ROOT / "tests/integration" / file).read_text("utf-8")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: f"{each.hazard} {each.file}")
def test_hazards_name_the_test(mutant: Mutant) -> None:
    (row,) = (line for line in _HAZARDS if line.startswith(f"| {mutant.hazard} |"))
    assert mutant.test in row
    assert mutant.file in row or str(Path(mutant.file).parent) in row
