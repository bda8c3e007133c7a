"""What the acceptance tests share: a typed tutorial and a pair of databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.tutorial import Pair, Tutorial, pair
from tests.support.azcli import Az
from tests.support.databases import Database


@pytest.fixture
def tutorial(az: Az, tmp_path: Path) -> Tutorial:
    """A local service ``PostgresCLI`` with the project ``PGMigration``."""
    made = Tutorial(az, tmp_path)
    made.resources()
    return made


@pytest.fixture
def dvdrental(source: Database, target: Database) -> Pair:
    """A small database, its schema on the target already."""
    return pair(source, target)
