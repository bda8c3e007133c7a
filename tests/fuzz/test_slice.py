from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.fuzz.__main__ import run
from tests.fuzz.targets import TARGETS, seeds

SECONDS = 5


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_as_it_should_be_is_taken(target: str) -> None:
    for seed in seeds(target):
        TARGETS[target](seed)


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_cut_anywhere_is_refused_in_words(target: str) -> None:
    for seed in seeds(target):
        head = seed[:2]
        for length in range(2, len(seed)):
            TARGETS[target](seed[:length])
            if int.from_bytes(head, "big") == len(seed) - 2:  # one message: its length follows
                TARGETS[target]((length - 2).to_bytes(2, "big") + seed[2:length])


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="no atheris for this system"
)
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_found_in_a_short_turn(target: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert run(target, SECONDS, tmp_path, log=log), log.read_text(errors="replace")[-4000:]
