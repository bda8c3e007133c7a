"""Whole migrations by real worker processes, ended with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.migrate import Mover


@pytest.fixture
def mover(tmp_path: Path) -> Iterator[Mover]:
    """Tasks in a state directory of the test's own."""
    made = Mover(tmp_path / "dms-pg")
    yield made
    made.close()
