"""Partitions that come while changes stream. The target's default partition takes their rows.

The days they hold are none that random rows have.
"""

from __future__ import annotations

from random import Random

from tests.torture.ddl.tables import Table


def new(_tables: list[Table], _random: Random, n: int) -> str:
    day = 1000 + n
    return (
        f"CREATE TABLE evolving.day_{day} PARTITION OF evolving.day FOR VALUES IN ({day});"
        f" {_rows('day', day)}"
    )


def attach(_tables: list[Table], _random: Random, n: int) -> str:
    """An empty table."""
    return f"{_like(1000 + n)}; {_attach(1000 + n)}; {_rows('day', 1000 + n)}"


def attach_with_rows(_tables: list[Table], _random: Random, n: int) -> str:
    day = 1000 + n
    return f"{_like(day)}; {_rows(f'day_{day}', day)}; {_attach(day)}"


def _like(day: int) -> str:
    return f"CREATE TABLE evolving.day_{day} (LIKE evolving.day INCLUDING ALL)"


def _attach(day: int) -> str:
    return f"ALTER TABLE evolving.day ATTACH PARTITION evolving.day_{day} FOR VALUES IN ({day})"


def _rows(table: str, day: int) -> str:
    return f"INSERT INTO evolving.{table} (id, day) VALUES (1, {day}), (2, {day})"
