"""A few fixed seeds of ``make torture``, one of every kind of damage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.torture.case import Case
from tests.torture.catalog import FAULTS
from tests.torture.lab import Lab
from tests.torture.plan import draw

# A walsender ended beside another database's while both schemas change, a rebooted machine, a
# crashed target, a schema change that is refused after a lost COMMIT reply, a lost slot; and a
# corrupt state file, with every order given to the real az.
SEEDS = (24299, 11738, 2462, 1949, 1325, 5807)
_EVERYWHERE = frozenset(name for name, entry in FAULTS.items() if not entry.needs)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = Lab(disks=False)
    yield made
    made.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_seed(lab: Lab, seed: int) -> None:
    plan = draw(seed, _EVERYWHERE)
    result = Case(lab, plan, lab.scratch / f"state-{seed}").run()
    assert not result.problems, f"{plan}\nkept in {result.kept}\n" + "\n".join(result.problems)
