"""The change stream, from the slot to the target's committed transactions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.databases import Database
from tests.support.following import Following

PLAIN = """
CREATE TABLE item (id int PRIMARY KEY, name text, price numeric, seen timestamptz);
CREATE TABLE log (id bigint, line text);
ALTER TABLE log REPLICA IDENTITY FULL;
"""
ROWS = """
INSERT INTO item SELECT i, 'item ' || i, i * 1.5, '2026-01-01' FROM generate_series(1, 100) i;
INSERT INTO log SELECT i % 10, 'line' FROM generate_series(1, 100) i;
"""
WAYS = ("binary", "text", "test_decoding")


def way(name: str) -> dict[str, Any]:
    if name == "test_decoding":
        return {"plugin": "test_decoding"}
    return {"binary": name == "binary"}


@pytest.mark.parametrize("form", WAYS)
def test_every_kind_of_change(source: Database, target: Database, form: str) -> None:
    with Following(source, target, PLAIN, ROWS, **way(form)) as following:
        source.run("INSERT INTO item VALUES (101, E'a\\tb\\\\c\\nd\\re''', NULL, 'infinity')")
        source.run("UPDATE item SET name = NULL, price = 'NaN' WHERE id <= 10")
        source.run("DELETE FROM item WHERE id BETWEEN 11 AND 20")
        source.run("INSERT INTO log VALUES (1, 'new'), (1, 'new'), (NULL, NULL)")
        source.run("DELETE FROM log WHERE id = 3")
        source.run("UPDATE log SET line = 'other' WHERE id = 4")
        following.catch_up()
        assert following.differences() == []
        assert following.counts() == {"public.item": [1, 10, 10, 0], "public.log": [3, 10, 10, 0]}
