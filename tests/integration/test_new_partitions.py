"""Partitions that come and go on the source while changes stream."""

from __future__ import annotations

import pytest

from tests.support.asleep import asleep, ends_equal
from tests.support.databases import Database
from tests.support.migrate import Mover, Task

SCHEMA = """
CREATE TABLE events (id int, day int, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20);
"""
ROWS = "INSERT INTO events SELECT i, i % 20, 'v' FROM generate_series(1, 200) i"
NEW = "CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM (20) TO (30)"
FLAT = "CREATE TABLE events (id int, day int, v text, PRIMARY KEY (id, day))"
WITH_DEFAULT = SCHEMA + "CREATE TABLE events_rest PARTITION OF events DEFAULT"


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
@pytest.mark.parametrize(
    "there",
    [WITH_DEFAULT, SCHEMA, FLAT],
    ids=["a default partition", "the same partition", "flat"],
)
def test_a_new_partition(
    mover: Mover, source: Database, target: Database, plugin: str, there: str
) -> None:
    task = mover.ready_with(
        source, target, SCHEMA, ROWS, target_schema=there, source_settings={"plugin": plugin}
    )
    source.run("UPDATE events SET v = 'w' WHERE id = 1")
    if there == SCHEMA:
        target.run(NEW)
    source.run(NEW)
    source.run(
        "INSERT INTO events SELECT 1000 + i, 20 + i % 10, 'new' FROM generate_series(1, 50) i"
    )
    source.run("UPDATE events SET day = 25 WHERE id = 7; DELETE FROM events WHERE id = 8")
    source.run("UPDATE events SET v = 'later' WHERE day = 25")
    task.finish()
    told = [each["message"] for each in task.findings() if each["code"] == "PartitionNotMade"]
    assert ["events_rest" in each for each in told] == [True] * (there == WITH_DEFAULT)
    assert target.value("SELECT count(*) FROM events") == source.value(
        "SELECT count(*) FROM events"
    )
    summary = "SELECT md5(string_agg(e::text, ',' ORDER BY id, day)) FROM events e"
    assert target.value(summary) == source.value(summary)


def test_a_new_partition_and_a_new_column(mover: Mover, source: Database, target: Database) -> None:
    """The column is asked for once, with the value that older rows hold."""
    task = mover.ready_with(source, target, SCHEMA, ROWS, target_schema=WITH_DEFAULT)
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


ATTACHED = (
    "CREATE TABLE events_3 (LIKE events INCLUDING ALL);"
    "ALTER TABLE events ATTACH PARTITION events_3 FOR VALUES FROM (20) TO (30)"
)
BRANCH = (
    'CREATE SCHEMA "S %"; CREATE TABLE "S %".events_3 PARTITION OF events'
    " FOR VALUES FROM (20) TO (30) PARTITION BY HASH (id);"
    'CREATE TABLE "S %"."leaf ;" PARTITION OF "S %".events_3'
    " FOR VALUES WITH (MODULUS 1, REMAINDER 0)"
)
MADE = "CREATE TABLE public.events_3 PARTITION OF public.events FOR VALUES FROM (20) TO (30);"
LACKING = {
    "a range": (NEW, [MADE]),
    "the default": (
        "CREATE TABLE events_3 PARTITION OF events DEFAULT",
        ["CREATE TABLE public.events_3 PARTITION OF public.events DEFAULT;"],
    ),
    "attached": (ATTACHED, [MADE]),
    "a branch": (
        BRANCH,
        [
            (
                'CREATE SCHEMA "S %"; CREATE TABLE "S %".events_3 PARTITION OF public.events'
                " FOR VALUES FROM (20) TO (30) PARTITION BY HASH (id);"
            ),
            (
                'CREATE TABLE "S %"."leaf ;" PARTITION OF "S %".events_3'
                " FOR VALUES WITH (modulus 1, remainder 0);"
            ),
        ],
    ),
}


BY_HASH = """
CREATE TABLE events (id int, day int, v text, PRIMARY KEY (id, day)) PARTITION BY HASH (day);
CREATE TABLE events_1 PARTITION OF events FOR VALUES WITH (MODULUS 1, REMAINDER 0);
"""


def _told(task: Task) -> str:
    by_itself = "by itself: "
    task.until(lambda: by_itself in task.problem(), "a pause with a statement")
    return task.problem().split(by_itself, 1)[1].split("\n")[0]


def _ends_with_it(task: Task, source: Database, target: Database) -> None:
    task.reach("COMPLETE")
    report = task.compare(catalogue_before=None)
    assert report.clean, report.text
    leaves = (
        "SELECT inhrelid::regclass::text, pg_get_expr(relpartbound, c.oid) FROM pg_inherits"
        " JOIN pg_class c ON c.oid = inhrelid WHERE relkind IN ('r', 'p') ORDER BY 1"
    )
    assert target.run(leaves) == source.run(leaves)
    assert target.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


@pytest.mark.parametrize(
    ("case", "plugin"),
    [*((case, "pgoutput") for case in LACKING), ("a branch", "test_decoding")],
)
def test_a_partition_the_target_has_no_place_for(
    mover: Mover, source: Database, target: Database, case: str, plugin: str
) -> None:
    ddl, expected = LACKING[case]
    task = mover.ready_with(source, target, SCHEMA, ROWS, source_settings={"plugin": plugin})
    source.run(ddl)
    source.run("INSERT INTO events SELECT 1000 + i, 20 + i % 10, 'n' FROM generate_series(1, 9) i")
    told = _told(task)
    assert told == " ".join(expected)
    target.run(told)
    task.ready()
    source.run("UPDATE events SET v = 'later' WHERE day > 24")
    task.cutover()
    _ends_with_it(task, source, target)


def test_a_partition_without_rows_is_missed_too(
    mover: Mover, source: Database, target: Database
) -> None:
    """The application's next row has to have a place; another partition is no more."""
    task = mover.ready_with(source, target, SCHEMA, ROWS)
    source.run("DELETE FROM events WHERE day < 10; DROP TABLE events_1")
    source.run(NEW)
    task.cutover()
    told = _told(task)
    assert told == MADE
    target.run(f"{told}; DROP TABLE events_1")
    _ends_with_it(task, source, target)


@pytest.mark.parametrize(
    "there",
    [
        FLAT,
        WITH_DEFAULT,
        SCHEMA + "CREATE TABLE events_more PARTITION OF events FOR VALUES FROM (20) TO (99)",
        BY_HASH,
    ],
    ids=["flat", "a default", "a wider one", "cut otherwise"],
)
def test_a_partition_whose_rows_have_a_place(
    mover: Mover, source: Database, target: Database, there: str
) -> None:
    """Nothing is asked for that the target would refuse, or that nobody misses."""
    task = mover.ready_with(source, target, SCHEMA, ROWS, target_schema=there)
    source.run(NEW)
    source.run("INSERT INTO events VALUES (1000, 25, 'new')")
    task.finish()
    report = task.compare(catalogue_before=None)
    assert report.clean, report.text


def test_a_partition_that_is_a_table_on_the_target(
    mover: Mover, source: Database, target: Database
) -> None:
    task = mover.ready_with(source, target, SCHEMA, ROWS)
    target.run("CREATE TABLE events_3 (LIKE events INCLUDING ALL)")
    source.run(ATTACHED)
    source.run("INSERT INTO events VALUES (1000, 25, 'new')")
    told = _told(task)
    assert told == (
        "ALTER TABLE public.events ATTACH PARTITION public.events_3 FOR VALUES FROM (20) TO (30);"
    )
    target.run(told)
    task.cutover()
    _ends_with_it(task, source, target)


def test_a_row_that_had_no_place_since_the_beginning(
    mover: Mover, source: Database, target: Database
) -> None:
    task = mover.ready_with(source, target, SCHEMA, f"{ROWS}; {NEW}")
    source.run("INSERT INTO events VALUES (1000, 25, 'new')")
    told = _told(task)
    assert told == MADE
    target.run(told)
    task.cutover()
    _ends_with_it(task, source, target)
