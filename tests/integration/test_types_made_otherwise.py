"""Types of one name and two definitions: the same text would be another value."""

from __future__ import annotations

import pytest

from tests.support.databases import Database
from tests.support.migrate import Mover

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v {});"
DEFINITIONS = [
    ("CREATE TYPE a AS (zip text, city text);", "CREATE TYPE a AS (city text, zip text);", "a"),
    ("CREATE TYPE a AS (n numeric(9,4));", "CREATE TYPE a AS (n numeric(9,1));", "a[]"),
    ("CREATE TABLE a (x int, y int);", "CREATE TABLE a (y int, x int);", "a"),
    ("CREATE DOMAIN a AS numeric(10,4);", "CREATE DOMAIN a AS numeric(10,1);", "a"),
    (
        "CREATE TYPE a AS RANGE (subtype = timestamptz);",
        "CREATE TYPE a AS RANGE (subtype = timestamp);",
        "a",
    ),
]


@pytest.mark.parametrize(("here", "there", "column"), DEFINITIONS)
def test_is_refused(
    mover: Mover, source: Database, target: Database, here: str, there: str, column: str
) -> None:
    source.run(here + TABLE.format(column))
    target.run(there + TABLE.format(column))
    task = mover.start(source, target)
    task.refused()
    assert "TypeMadeOtherwise" in {finding["code"] for finding in task.findings()}


def test_the_same_definition_is_fine(mover: Mover, source: Database, target: Database) -> None:
    mover.whole(
        source,
        target,
        schema="CREATE DOMAIN d AS numeric(9,4); CREATE TYPE a AS (n d, s text);"
        + TABLE.format("a"),
        data="INSERT INTO t VALUES (1, '(1.5,x)')",
        changes=["INSERT INTO t VALUES (2, '(2.25,y)')"],
    )
