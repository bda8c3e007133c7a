"""Tables that are truncated after the snapshot and before their turn to be copied comes.

TRUNCATE is visible to older snapshots at once: such a table is copied empty, while the stream
still speaks of rows it had (hazard 30).
"""

from __future__ import annotations

import pytest

from tests.support.databases import Database
from tests.support.migrate import Mover, Task

# The large table keeps the only copier busy for some seconds, the other one waits for its turn.
SCHEMA = """
CREATE TABLE large (id int PRIMARY KEY, v text);
CREATE TABLE late (id int PRIMARY KEY, v text, w text);
ALTER TABLE late ALTER w SET STORAGE EXTERNAL;
CREATE TABLE keyless (id int, v text);
ALTER TABLE keyless REPLICA IDENTITY FULL;
"""
ROWS = """
INSERT INTO large SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 5000) i;
INSERT INTO late SELECT i, 'old', repeat('w', 3000) FROM generate_series(1, 20) i;
INSERT INTO keyless SELECT i, 'old' FROM generate_series(1, 20) i;
"""
CHANGES = [
    "UPDATE late SET v = 'new' WHERE id < 5",
    "UPDATE late SET id = id + 100 WHERE id BETWEEN 5 AND 9",
    "DELETE FROM late WHERE id BETWEEN 10 AND 15",
    "UPDATE keyless SET v = 'new' WHERE id < 5",
    "DELETE FROM keyless WHERE id > 15",
]


def _moving(task: Task) -> bool:
    large = task.tables().get("public.large")
    return bool(large and large["fullLoadTotalVolumeBytes"])


def _while_loading(mover: Mover, source: Database, target: Database, **options: object) -> Task:
    """A migration whose snapshot is taken and whose small tables are still to come."""
    for database in (source, target):
        database.run(SCHEMA)
    source.run(ROWS)
    settings = {"parallelTables": 1, "maxRate": "1MB"}
    task = mover.start(source, target, settings=settings, **options)  # type: ignore[arg-type]
    task.until(lambda: _moving(task), "the load")
    return task


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_changed_then_truncated(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    task = _while_loading(mover, source, target, source_settings={"plugin": plugin})
    for statement in CHANGES:
        source.run(statement)
    source.run("TRUNCATE late, keyless")
    source.run("INSERT INTO late VALUES (1, 'after', 'w'); INSERT INTO keyless VALUES (1, 'after')")
    assert not task.tables()["public.late"]["fullLoadTotalRows"], "the table came too early"
    task.ready()
    source.run("UPDATE late SET v = 'still later'")
    task.finish()
    assert task.compare().clean, task.story()


def test_written_anew_with_the_same_rows(mover: Mover, source: Database, target: Database) -> None:
    """VACUUM FULL looks alike, but every row was there to be copied."""
    task = _while_loading(mover, source, target)
    for statement in CHANGES:
        source.run(statement)
    source.run("VACUUM FULL late")
    task.ready()
    task.finish()
    assert task.compare().clean, task.story()
