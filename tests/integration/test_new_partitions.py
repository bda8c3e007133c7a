"""Partitions that come and go on the source while changes stream."""

from __future__ import annotations

import pytest

from tests.support.asleep import asleep, ends_equal
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


def test_a_new_partition_and_a_new_column(mover: Mover, source: Database, target: Database) -> None:
    """The column is asked for once, with the value that older rows hold."""
    source.run(SCHEMA + ROWS)
    target.run(SCHEMA + "CREATE TABLE events_rest PARTITION OF events DEFAULT")
    task = mover.start(source, target)
    task.ready()
    source.run("ALTER TABLE events ADD COLUMN more int NOT NULL DEFAULT 7")
    source.run("ALTER TABLE events ALTER COLUMN more SET DEFAULT 8")
    source.run("CREATE TABLE events_0 PARTITION OF events FOR VALUES FROM (20) TO (30)")
    source.run("INSERT INTO events SELECT i, 20, 'new' FROM generate_series(1, 5) i")
    by_itself = "by itself: "
    task.until(lambda: by_itself in task.problem(), "a pause with a statement")
    shown = task.problem().split(by_itself, 1)[1]
    assert shown.count("ADD COLUMN") == 1
    target.run(shown)
    task.ready()
    task.finish()
    report = task.compare(catalogue_before=None)
    assert report.clean, report.text


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_a_backlog_of_a_new_partition_with_a_column_that_is_gone(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    """Its own numbers cannot tell; a partition that was there at the beginning can."""
    task = asleep(mover, source, target, SCHEMA, ROWS, plugin=plugin)
    new = "CREATE TABLE events_3 (LIKE events INCLUDING ALL);"
    new += "ALTER TABLE events ATTACH PARTITION events_3 FOR VALUES FROM (20) TO (30)"
    source.run(new)
    source.run("INSERT INTO events SELECT i, 20, 'new' FROM generate_series(1, 5) i")
    later = "ALTER TABLE events DROP COLUMN v; ALTER TABLE events ADD COLUMN w int"
    source.run(later)
    source.run("UPDATE events SET w = 7 WHERE id < 3")
    target.run(new)
    target.run(later)
    ends_equal(task)
