"""Partitions that come and go on the source while changes stream."""

from __future__ import annotations

import pytest

from tests.support.databases import Database
from tests.support.migrate import Mover

SCHEMA = """
CREATE TABLE events (id int, day int, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20);
"""
ROWS = "INSERT INTO events SELECT i, i % 20, 'v' FROM generate_series(1, 200) i"
NEW = "CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM (20) TO (30)"


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
@pytest.mark.parametrize("target_shape", ["a default partition", "the same partition", "flat"])
def test_a_new_partition(
    mover: Mover, source: Database, target: Database, plugin: str, target_shape: str
) -> None:
    source.run(SCHEMA + ROWS)
    if target_shape == "flat":
        target.run("CREATE TABLE events (id int, day int, v text, PRIMARY KEY (id, day))")
    else:
        target.run(SCHEMA)
    if target_shape == "a default partition":
        target.run("CREATE TABLE events_rest PARTITION OF events DEFAULT")
    task = mover.start(source, target, source_settings={"plugin": plugin})
    task.ready()
    source.run("UPDATE events SET v = 'w' WHERE id = 1")
    if target_shape == "the same partition":
        target.run(NEW)
    source.run(NEW)
    source.run(
        "INSERT INTO events SELECT 1000 + i, 20 + i % 10, 'new' FROM generate_series(1, 50) i"
    )
    source.run("UPDATE events SET day = 25 WHERE id = 7; DELETE FROM events WHERE id = 8")
    source.run("UPDATE events SET v = 'later' WHERE day = 25")
    task.finish()
    assert target.value("SELECT count(*) FROM events") == source.value(
        "SELECT count(*) FROM events"
    )
    summary = "SELECT md5(string_agg(e::text, ',' ORDER BY id, day)) FROM events e"
    assert target.value(summary) == source.value(summary)
