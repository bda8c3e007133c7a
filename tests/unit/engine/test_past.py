"""What the columns of an old backlog are called by now."""

from __future__ import annotations

import pytest

from azext_dms_pg.engine.changes.past import name_now
from azext_dms_pg.errors import MigrationError


@pytest.mark.parametrize(
    ("stream", "attributes", "column", "now"),
    [
        ("id a", {1: "id", 2: "a"}, "a", "a"),
        ("id a b", {1: "id", 2: None, 3: "b"}, "a", None),
        ("id a b", {1: "id", 2: "c", 3: "b"}, "a", "c"),
        ("id a b", {1: "id", 2: "c", 3: "d"}, "b", "d"),
        ("id a", {1: "id", 2: None}, "a", None),
        ("id a b", {1: "id", 2: "c", 3: "d", 4: "later", 5: "latest"}, "b", "d"),
        ("a b id", {1: None, 2: None, 3: "id", 4: "later"}, "b", None),
    ],
)
def test_told(stream: str, attributes: dict[int, str | None], column: str, now: str | None) -> None:
    assert name_now(column, stream.split(), {}, attributes, {}, {}) == now


def test_the_plan_knows_numbers() -> None:
    attributes = {1: "id", 2: None, 3: "b", 4: "c"}
    assert name_now("x", ["id", "x"], {"id": 1, "x": 2}, attributes, {}, {}) is None
    assert name_now("x", ["id", "x"], {"id": 1, "x": 3}, attributes, {}, {}) == "b"


def test_the_beginning_is_remembered() -> None:
    attributes = {1: "id", 2: "b", 3: None, 4: "c"}
    assert name_now("x", ["id", "x"], {}, attributes, {"id": 1, "x": 2}, {}) == "b"
    assert name_now("x", ["id", "x"], {}, attributes, {"id": 1, "x": 3}, {}) is None


def test_another_partition_knows() -> None:
    attributes = {1: "id", 2: None, 3: "b"}
    assert name_now("x", ["id", "x"], {}, attributes, {}, {"x": None}) is None
    assert name_now("x", ["id", "x"], {}, attributes, {}, {"x": "b"}) == "b"
    with pytest.raises(MigrationError):
        name_now("x", ["id", "x"], {}, attributes, {}, {"x": "not here"})


def test_not_told() -> None:
    attributes = {1: "id", 2: None, 3: "b"}
    with pytest.raises(MigrationError):
        name_now("x", ["id", "x"], {}, attributes, {}, {})
    # A column of that name was there before one that the stream has before it.
    attributes = {1: "y", 2: "w", 3: "id", 4: None, 5: "z"}
    with pytest.raises(MigrationError):
        name_now("x", ["y", "id", "x"], {}, attributes, {"x": 2}, {})
