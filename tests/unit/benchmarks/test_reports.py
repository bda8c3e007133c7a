"""Contenders take turns, wrong results do not count, and nothing that was not run is hidden."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import report
from benchmarks.observe import Observation
from benchmarks.work import OURS, Contender, Figure, Outcome, Result, Work, measure

NOBODY = "peer that is not there"
LIAR = "peer that loses rows"


def _run(name: str, seconds: float, turns: list[str]) -> Callable[[], Result]:
    def run() -> Result:
        turns.append(name)
        if name == LIAR:
            raise RuntimeError("wrong contents in t")
        return Result(seconds, {"cpu": 1})

    return run


@pytest.fixture
def turns() -> list[str]:
    return []


@pytest.fixture
def outcome(turns: list[str]) -> Outcome:
    @contextmanager
    def opened() -> Iterator[Sequence[Contender]]:
        yield [
            Contender(OURS, _run(OURS, 2.0, turns)),
            Contender("peer", _run("peer", 3.0, turns)),
            Contender(LIAR, _run(LIAR, 0.1, turns)),
            Contender(NOBODY, _run(NOBODY, 0.1, turns), "not installed"),
        ]

    figures = [Figure("peer", 1.2), Figure(LIAR, 9.0), Figure(NOBODY, 9.0)]
    return measure(Work("w", "a work & more", figures, opened), 3, lambda _: None)


SEEN = [
    Observation("a", "reached", 1.0, "s", 2.0),
    Observation("b", "missed", 3.0, "s", 2.0),
    Observation("c", "only told", 3.0, "s"),
]


def test_contenders_take_turns(outcome: Outcome, turns: list[str]) -> None:
    assert turns == [OURS, "peer", LIAR, "peer", OURS, OURS, "peer"]
    assert len(outcome.runs[OURS]) == len(outcome.runs["peer"]) == 3


def test_a_wrong_result_has_no_time(outcome: Outcome) -> None:
    assert set(outcome.runs) == {OURS, "peer"}
    assert outcome.not_run == {
        LIAR: "RuntimeError: wrong contents in t",
        NOBODY: "not installed",
    }
    assert [outcome.ratio(figure) for figure in outcome.work.figures] == [1.5, None, None]


def test_the_table_hides_nothing(outcome: Outcome) -> None:
    said = report.table([outcome], SEEN, {"over TLS": "built without TLS"})
    assert f"+ {OURS} against peer: 1.50 (at least 1.20)" in said
    assert f"{OURS} against {LIAR}: not measured" in said
    assert "not run: not installed" in said
    assert "+ reached" in said
    assert "- missed" in said
    assert "over TLS: built without TLS" in said


def test_the_files_hold_every_run(outcome: Outcome, tmp_path: Path) -> None:
    results = report.Results(tmp_path / "results", {"quick": True})
    results.write([outcome], SEEN, {"x": "why"})
    results.write([outcome], SEEN, {"x": "why"}, minutes=3)
    (path,) = (tmp_path / "results").glob("*.json")
    found = json.loads(path.read_text())
    assert found["machine"]["quick"]
    assert found["machine"]["minutes"] == 3
    assert found["notRun"] == {"x": "why"}
    (work,) = found["works"]
    assert work["runs"][OURS] == [{"seconds": 2.0, "cpu": 1}] * 3
    assert work["figures"][0]["ratio"] == 1.5
    assert set(work["notRun"]) == {LIAR, NOBODY}
    assert [one["reached"] for one in found["observations"]] == [True, False, None]
    drawing = ET.fromstring(path.with_suffix(".svg").read_text())  # noqa: S314 - ours
    words = " ".join(drawing.itertext())
    assert "a work & more" in words
    assert "1.50 x dms-pg's (wanted 1.20)" in words
