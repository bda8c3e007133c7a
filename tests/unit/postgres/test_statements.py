"""Statements are cut to the server's version."""

from __future__ import annotations

from importlib.resources import files

import pytest

from azext_dms_pg.postgres.statements import cut, statement

TEXT = """
-- a comment
select a,
       b as x,     -- since 12
       c as x,     -- until 11
       d,          -- since 10 -- until 14
       e           -- why it is here
"""


@pytest.mark.parametrize(
    ("major", "expected"),
    [
        (9, "select a,\n       c as x,\n       e"),
        (11, "select a,\n       c as x,\n       d,\n       e"),
        (14, "select a,\n       b as x,\n       d,\n       e"),
        (18, "select a,\n       b as x,\n       e"),
    ],
)
def test_cut(major: int, expected: str) -> None:
    assert cut(TEXT, major) == expected


@pytest.mark.parametrize("version", [90511, 90607, 100000, 110000, 150004, 180000])
def test_statements_are_whole(version: int) -> None:
    """Nothing is left of the markers, and no list ends in a comma."""
    for file in ("apply", "catalog", "deferral", "drift", "load", "locks", "replication"):
        text = files("azext_dms_pg.postgres").joinpath(f"queries/{file}.sql").read_text("utf-8")
        names = [line.removeprefix("-- name: ") for line in text.splitlines() if "-- name" in line]
        assert names
        for name in names:
            found = statement(file, name.strip(), version)
            assert "--" not in found
            flat = " ".join(found.split())
            assert ", from " not in flat
            assert ",," not in flat.replace(" ", "")


def test_9_knows_no_later_catalogues() -> None:
    for name in ("server", "relations", "columns", "indexes", "types", "sequences", "triggers"):
        found = statement("catalog", name, 90607)
        for later in (
            "relispartition", "relpartbound", "attidentity", "attgenerated", "pg_sequence ",
            "rngmultitypid", "tgparentid", "indnkeyatts", "backend_type", "datlocprovider",
            "pg_partitioned_table",
        ):  # fmt: skip
            assert later not in found
