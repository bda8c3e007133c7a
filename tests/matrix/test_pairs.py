"""The core scenario from every version to the same and every later one.

``make matrix`` runs all pairs; three run always. Sources before 10 cannot be had as packages:
what they need, test_decoding, is run on the oldest there is.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from tests.fix_postgres import MakeDatabase, Servers
from tests.matrix import scenario
from tests.support.migrate import Mover
from tests.support.servers import VERSIONS

ALWAYS = [(10, 18), (13, 15), (17, 18)]
PAIRS = [
    pytest.param(*pair, marks=[] if pair in ALWAYS else [pytest.mark.matrix])
    for pair in combinations_with_replacement(VERSIONS, 2)
]


@pytest.mark.parametrize(("source_version", "target_version"), PAIRS)
def test_core_scenario(
    mover: Mover,
    servers: Servers,
    make_database: MakeDatabase,
    tmp_path: Path,
    source_version: int,
    target_version: int,
) -> None:
    source = make_database(servers.get(source_version, role="source"))
    target = make_database(servers.get(target_version, role="target"))
    scenario.run(mover, source, target, tmp_path, plugin="")


@pytest.mark.matrix
@pytest.mark.parametrize("source_version", [10, 13, 17])
def test_core_scenario_by_test_decoding(
    mover: Mover,
    servers: Servers,
    make_database: MakeDatabase,
    tmp_path: Path,
    source_version: int,
) -> None:
    """The way 9.5 and 9.6 go."""
    source = make_database(servers.get(source_version, role="source"))
    target = make_database(servers.get(18, role="target"))
    scenario.run(mover, source, target, tmp_path, plugin="test_decoding")
