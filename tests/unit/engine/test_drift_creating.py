"""Attributes keep their values where they can; sequences are told by what differs."""

from __future__ import annotations

import pytest

from azext_dms_pg.engine.drift.creating import sequence_options
from azext_dms_pg.engine.drift.facts import MadeSequence
from azext_dms_pg.engine.drift.types import attribute_steps
from azext_dms_pg.postgres.relations import Name

NAME = Name("public", "c")
HIGHEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}


def _fields(text: str) -> tuple[tuple[str, str, str | None], ...]:
    """``a:int b:text`` as the catalogue has it."""
    pairs = (each.split(":") for each in text.split())
    return tuple((name, type_, None) for name, type_ in pairs)


@pytest.mark.parametrize(
    ("here", "there", "steps"),
    [
        ("a:int b:int", "a:int b:int", []),
        ("a:int b:int", "a:int", ["ADD ATTRIBUTE b int"]),
        ("a:int", "a:int b:int", ["DROP ATTRIBUTE b"]),
        ("b:int", "a:int b:int", ["DROP ATTRIBUTE a"]),
        ("a:int z:int", "a:int b:int", ["RENAME ATTRIBUTE b TO z"]),
        ("a:int z:text", "a:int b:int", ["DROP ATTRIBUTE b", "ADD ATTRIBUTE z text"]),
        ("z:int c:int", "b:int", ["RENAME ATTRIBUTE b TO z", "ADD ATTRIBUTE c int"]),
        ("a:text", "a:int", ["ALTER ATTRIBUTE a TYPE text"]),
        ("b:int a:int", "a:int b:int", ["DROP ATTRIBUTE a", "ADD ATTRIBUTE a int"]),
        (
            "b:int a:int c:int",
            "a:int b:int",
            ["DROP ATTRIBUTE a", "ADD ATTRIBUTE a int", "ADD ATTRIBUTE c int"],
        ),
        (
            "x:int b:int a:int",
            "z:int a:int b:int",
            ["RENAME ATTRIBUTE z TO x", "DROP ATTRIBUTE a", "ADD ATTRIBUTE a int"],
        ),
    ],
)
def test_attributes(here: str, there: str, steps: list[str]) -> None:
    found = [text for text, _ in attribute_steps(NAME, _fields(here), _fields(there))]
    assert found == [f"ALTER TYPE public.c {step};" for step in steps]


@pytest.mark.parametrize("type_name", list(HIGHEST))
def test_a_usual_sequence_has_no_options(type_name: str) -> None:
    highest = HIGHEST[type_name]
    up = MadeSequence(type_name, 1, 1, 1, highest, 1, cycle=False)
    down = MadeSequence(type_name, -1, -1, -highest - 1, -1, 1, cycle=False)
    assert sequence_options(up) == ""
    assert sequence_options(down) == " INCREMENT BY -1"
    assert sequence_options(None) == ""


def test_what_is_unusual_is_told() -> None:
    made = MadeSequence("integer", 9, 2, 5, 99, 3, cycle=True)
    assert sequence_options(made) == (
        " INCREMENT BY 2 MINVALUE 5 MAXVALUE 99 START WITH 9 CACHE 3 CYCLE"
    )
