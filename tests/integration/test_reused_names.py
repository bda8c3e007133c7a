"""A backlog from before another column took a name: its values go where they belong."""

from __future__ import annotations

import pytest

from tests.support.asleep import asleep, ends_equal
from tests.support.databases import Database
from tests.support.migrate import Mover

SCHEMA = "CREATE TABLE t (id int PRIMARY KEY, v text, n int);"
CHANGES = {
    "renamed": "ALTER TABLE t RENAME n TO m; ALTER TABLE t ADD n int",
    "dropped": "ALTER TABLE t DROP v; ALTER TABLE t ADD v text",
}


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_name_that_another_column_has_now(
    mover: Mover, source: Database, target: Database, plugin: str, change: str
) -> None:
    rows = "INSERT INTO t SELECT i, 'v', i FROM generate_series(1, 10) i"
    task = asleep(mover, source, target, SCHEMA, rows, plugin=plugin)
    source.run("UPDATE t SET n = n + 100, v = 'old'")
    for database in (source, target):
        database.run(change)
    source.run("UPDATE t SET n = 7, v = 'new' WHERE id > 5")
    ends_equal(task)
