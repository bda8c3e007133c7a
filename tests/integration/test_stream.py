"""The change stream, from the slot to the target's committed transactions."""

from __future__ import annotations

from typing import Any

import pytest

from azext_dms_pg.postgres import copy_both
from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.following import Following
from tests.support.loading import reach

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


@pytest.fixture(params=["beneath libpq", "through libpq"])
def reading(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to read the stream."""
    if request.param == "through libpq":
        monkeypatch.setattr(copy_both, "open_channel", lambda _: None)


@pytest.mark.usefixtures("reading")
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


@pytest.mark.usefixtures("reading")
def test_over_tls(servers: Servers, make_database: MakeDatabase, target: Database) -> None:
    """Rows of all sizes: some take many records, and many share one."""
    source = make_database(servers.get(17, tls=True, role="tls"), "")
    encrypted = reach(source, encrypt=True)
    with Following(source, target, PLAIN, ROWS, at_source=encrypted) as following:
        source.run("INSERT INTO item SELECT i, 'x' FROM generate_series(1000, 30000) i")
        source.run("UPDATE item SET name = repeat('long ', 1000000) WHERE id < 5")
        source.run("DELETE FROM item WHERE id BETWEEN 2000 AND 29000")
        following.catch_up()
        assert following.differences() == []
