"""Names in statements the user is asked to run."""

from __future__ import annotations

import pytest

from azext_dms_pg.postgres.quoting import identifier, literal, qualified, rename_table
from azext_dms_pg.postgres.relations import Name


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("actor", "actor"),
        ("_a1", "_a1"),
        ("Actor", '"Actor"'),
        ("1a", '"1a"'),
        ("user", '"user"'),
        ('x"; drop table y; --', '"x""; drop table y; --"'),
        ("a\nb", '"a\nb"'),
        ("é", '"é"'),
        ("", '""'),
    ],
)
def test_identifier(name: str, written: str) -> None:
    assert identifier(name) == written


def test_qualified_and_literal() -> None:
    assert qualified(Name("My S", "t")) == '"My S".t'
    assert literal("it's \\") == "'it''s \\'"


def test_rename() -> None:
    assert rename_table(Name("a", "t"), Name("b", "u")) == (
        "ALTER TABLE a.t SET SCHEMA b; ALTER TABLE b.t RENAME TO u;"
    )
