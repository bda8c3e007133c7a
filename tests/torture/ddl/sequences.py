"""Sequences of the source get other names, or each other's.

Owns: the two sequences of schema ``evolving``. What each stands at tells them apart.
"""

from __future__ import annotations

from random import Random

from tests.torture.ddl.tables import Table

SCHEMA = """
CREATE SEQUENCE evolving.first; CREATE SEQUENCE evolving.second;
ALTER TABLE evolving.spare ALTER COLUMN u SET DEFAULT nextval('evolving.first');
"""
ROWS = "SELECT setval('evolving.first', 1000), setval('evolving.second', 77);"

_NAMES = (
    "(SELECT array_agg(relname::text ORDER BY oid) FROM pg_catalog.pg_class"
    " WHERE relkind = 'S' AND relnamespace = 'evolving'::pg_catalog.regnamespace)"
)


def rename(_tables: list[Table], random: Random, n: int) -> str:
    return _block([(random.choice(["names[1]", "names[2]"]), f"'Seq {n}'")])


def swap(_tables: list[Table], _random: Random, n: int) -> str:
    aside = f"'swap{n}'"
    return _block([("names[1]", aside), ("names[2]", "names[1]"), (aside, "names[2]")])


def _block(renames: list[tuple[str, str]]) -> str:
    steps = " ".join(
        f"EXECUTE format('ALTER SEQUENCE evolving.%I RENAME TO %I', {old}, {new});"
        for old, new in renames
    )
    return f"DO $do$ DECLARE names text[] := {_NAMES}; BEGIN {steps} END $do$"
