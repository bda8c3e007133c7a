"""The torture's own promises: every fault can be done and is drawn, a seed is always the same."""

from __future__ import annotations

from tests.torture.catalog import FAULTS
from tests.torture.ddl.kinds import KINDS
from tests.torture.faults import DO
from tests.torture.plan import MOMENTS, draw

EVERY = frozenset(FAULTS)


def test_every_fault_has_its_deed() -> None:
    assert DO.keys() == FAULTS.keys()


def test_every_fault_is_drawn_at_a_moment_of_its_own() -> None:
    drawn = {strike.fault for seed in range(1, 600) for strike in draw(seed, EVERY).strikes}
    assert drawn == EVERY
    for entry in FAULTS.values():
        assert entry.moments <= {*MOMENTS, "cancelling"}


def test_a_seed_is_always_the_same() -> None:
    for seed in range(1, 50):
        assert str(draw(seed, EVERY)) == str(draw(seed, EVERY))


def test_some_are_typed_and_some_end_otherwise() -> None:
    plans = [draw(seed, EVERY) for seed in range(1, 300)]
    assert {plan.ending for plan in plans} == {"cutover", "cancel", "failed", "refused"}
    assert 10 < sum(plan.typed for plan in plans) < 100


def test_every_schema_change_is_drawn() -> None:
    tracts = [tract for seed in range(1, 2500) for tract in draw(seed, EVERY).tracts]
    drawn = {name for tract in tracts for name in tract.ddl} | {tract.refused for tract in tracts}
    assert drawn == {*KINDS, ""}


def test_some_tasks_have_several_databases() -> None:
    plans = [draw(seed, EVERY) for seed in range(1, 300)]
    assert {len(plan.tracts) for plan in plans} == {1, 2, 3}
    victims = {strike.victims for plan in plans for strike in plan.strikes}
    assert {(0,), (1,), (2,), (0, 1), (0, 1, 2)} <= victims
