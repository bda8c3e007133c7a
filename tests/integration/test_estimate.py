"""The estimated end of a load, once a third of it is done, is worth reading."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from azext_dms_pg.cli import view
from tests.support.databases import Database
from tests.support.migrate import Mover

# A load as fast as the machine lets it would measure the machine's other work.
RATE = "3MB"
SCHEMA = """
CREATE TABLE big (id int PRIMARY KEY, v text);
CREATE TABLE middle (id int PRIMARY KEY, v text);
CREATE TABLE small (id int PRIMARY KEY, v text);
"""
DATA = """
INSERT INTO big SELECT n, repeat('b', 1000) FROM generate_series(1, 16000) n;
INSERT INTO middle SELECT n, repeat('m', 1000) FROM generate_series(1, 8000) n;
INSERT INTO small SELECT n, repeat('s', 1000) FROM generate_series(1, 2000) n;
"""


@pytest.mark.slow
def test_within_a_quarter_after_a_third(mover: Mover, source: Database, target: Database) -> None:
    for database in (source, target):
        database.run(SCHEMA)
    source.run(DATA + "ANALYZE;")
    task = mover.start(source, target, settings={"maxRate": RATE, "partBytes": "4MB"})
    guesses: list[tuple[datetime, datetime]] = []

    def look() -> dict[str, Any]:
        found = task.database()
        finish = view.moment(found["fullLoadEstFinishTime"])
        moment = view.moment(found["lastReportOn"])
        if finish and moment and 33 <= found["fullLoadPercent"] < 90:
            guesses.append((moment, finish))
        return found

    task.until(lambda: look()["fullLoadPercent"] == 100.0, "the end of the load")
    tables = task.tables().values()
    begun = min(_moment(table["fullLoadStartedOn"]) for table in tables)
    ended = max(_moment(table["fullLoadEndedOn"]) for table in tables)
    took = (ended - begun).total_seconds()
    assert guesses
    for moment, finish in guesses:
        off = abs((finish - ended).total_seconds())
        assert off <= 0.25 * took, f"{off:.1f}s off at {moment}, of {took:.1f}s"
    task.cancel()


def _moment(text: str) -> datetime:
    found = view.moment(text)
    assert found is not None
    return found
