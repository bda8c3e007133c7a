"""Labels are put where the source has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azext_dms_pg.engine.drift.types import label_steps
from azext_dms_pg.postgres.relations import Name

NAME = Name("public", "e")
labels = st.lists(st.sampled_from("abcdefgh"), unique=True)


def run(there: list[str], statement: str) -> None:
    """What the server does with ADD VALUE and RENAME VALUE."""
    words = statement.rstrip(";").split()
    if words[3] == "RENAME":
        there[there.index(words[5].strip("'"))] = words[7].strip("'")
        return
    position = len(there)
    if len(words) > 6:
        position = there.index(words[7].strip("'")) + (words[6] == "AFTER")
    there.insert(position, words[5].strip("'"))


@given(labels, st.data())
def test_additions_restore_the_order(here: list[str], data: st.DataObject) -> None:
    kept = data.draw(st.sets(st.sampled_from(here)) if here else st.just(set()))
    there = [label for label in here if label in kept]
    for statement, _ in label_steps(NAME, tuple(here), tuple(there)):
        run(there, statement)
    assert there == here


@pytest.mark.parametrize(
    ("here", "there", "steps"),
    [
        ("abc", "abc", []),
        ("aXc", "abc", ["ALTER TYPE public.e RENAME VALUE 'b' TO 'X';"]),
        ("acb", "abc", []),
        ("abcd", "abc", ["ALTER TYPE public.e ADD VALUE 'd' AFTER 'c';"]),
        ("ab", "abc", []),
    ],
)
def test_steps(here: str, there: str, steps: list[str]) -> None:
    assert [text for text, _ in label_steps(NAME, tuple(here), tuple(there))] == steps
