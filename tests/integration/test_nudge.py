"""The session that keeps the target's WAL writer awake while rows are copied."""

from __future__ import annotations

from tests.support.databases import Database
from tests.support.migrate import Mover

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text);"
ROWS = "INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 5000) i"
NUDGES = (
    "FROM pg_stat_activity WHERE application_name = 'dms-pg nudge' AND datname = current_database()"
)


def test_lives_with_the_load(mover: Mover, source: Database, target: Database) -> None:
    source.run(TABLE + ROWS)
    target.run(TABLE)
    task = mover.start(source, target, settings={"maxRate": "256kB"})
    task.until(lambda: target.value(f"SELECT count(*) {NUDGES}") == 1, "a session that nudges")
    task.ready()
    assert target.value(f"SELECT count(*) {NUDGES}") == 0
    task.finish()
    assert task.compare().clean


def test_the_load_goes_on_without_it(mover: Mover, source: Database, target: Database) -> None:
    source.run(TABLE + ROWS)
    target.run(TABLE)
    task = mover.start(source, target, settings={"maxRate": "256kB"})
    task.until(
        lambda: target.value(f"SELECT count(pg_terminate_backend(pid)) {NUDGES}") == 1,
        "a session that nudges",
    )
    task.ready()
    assert task.states.count("INITIALIAZING") == 1
    task.finish()
    assert task.compare().clean
