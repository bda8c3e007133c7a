"""Which of the target's sequences stands for which: what is surer comes first, and none for two."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from azext_dms_pg.engine.planning.sequences import paired, with_routes
from azext_dms_pg.engine.values import Numbering, SequenceRoute
from azext_dms_pg.postgres.relations import Name

# OID → name, with the column it belongs to after a blank.
Sequences = dict[int, str]
EVERYTHING: Any = SimpleNamespace(everything=True, leaves=())


def _name(text: str) -> Name:
    return Name("public", text)


def _survey(sequences: Sequences) -> Any:
    found = []
    for oid, text in sequences.items():
        name, _, column = text.partition(" ")
        owner = (_name("t"), column) if column else None
        found.append(SimpleNamespace(oid=oid, name=_name(name), owner=owner, used_by=()))
    return SimpleNamespace(
        sequences=tuple(found),
        sequence_by_oid={each.oid: each for each in found},
        sequence_by_name={each.name: each for each in found},
        sequence_by_owner={each.owner: each for each in found if each.owner},
    )


@pytest.mark.parametrize(
    ("here", "there", "known", "expected"),
    [
        ({1: "a", 2: "b"}, {8: "a"}, {}, {1: 8, 2: 0}),
        ({1: "a", 2: "x id"}, {8: "a id"}, {}, {1: 0, 2: 8}),
        # Names that have changed since: on the source, on both sides, and back to another.
        ({1: "b", 2: "a"}, {8: "a", 9: "b"}, {1: 8, 2: 9}, {1: 8, 2: 9}),
        ({1: "b"}, {8: "b"}, {1: 8}, {1: 8}),
        ({1: "old", 2: "a"}, {8: "a"}, {1: 8}, {1: 8, 2: 0}),
        # A column draws from a new one, and the old one is still there.
        ({1: "a", 2: "x id"}, {8: "a id"}, {1: 8}, {1: 8, 2: 0}),
        # One column owns two.
        ({1: "n id", 2: "o id"}, {8: "n id", 9: "o id"}, {}, {1: 8, 2: 9}),
        ({1: "n id", 2: "a id"}, {8: "n id", 9: "a id"}, {}, {1: 8, 2: 9}),
        ({1: "n id", 2: "o id"}, {8: "o id", 9: "m id"}, {}, {1: 9, 2: 8}),
        # Made anew: on the source, and on the target.
        ({2: "a"}, {8: "a"}, {1: 8}, {2: 8}),
        ({1: "a"}, {9: "a"}, {1: 8}, {1: 9}),
    ],
)
def test_none_stands_for_two(
    here: Sequences, there: Sequences, known: dict[int, int], expected: dict[int, int]
) -> None:
    numbered = {oid: Numbering(goal, namesake=True) for oid, goal in known.items()}
    found = paired(_survey(here), _survey(there), EVERYTHING, numbered)
    assert {each.oid: goal.oid if goal else 0 for each, goal in found} == expected


def test_of_the_choice_of_the_beginning() -> None:
    """A table that has another name by now is not found by the user's choice."""
    nothing: Any = SimpleNamespace(everything=False, leaves=())
    both = _survey({1: "a", 2: "b"}), _survey({8: "a", 9: "b"})
    found = paired(*both, nothing, {1: Numbering(8), 2: Numbering()})
    assert [each.oid for each, _ in found] == [1]


def test_what_is_kept_is_of_the_beginning() -> None:
    kept = {1: Numbering(8, namesake=True), 2: Numbering(), 3: Numbering(7)}
    routes = [
        SequenceRoute(_name("new"), _name("a"), 1, 8),
        SequenceRoute(_name("b"), _name("b"), 2, 9),
        SequenceRoute(_name("c"), _name("d"), 3, 6),
    ]
    assert with_routes(kept, routes) == {
        1: Numbering(8, namesake=True),
        2: Numbering(9, namesake=True),
        3: Numbering(6),
    }
