"""Renames on the target: each name is free when it is given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from azext_dms_pg.engine.drift.renaming import renamings, sequence_renamings
from azext_dms_pg.postgres.relations import Name

Tables = dict[int, str]


def _survey(tables: Tables, schemas: str) -> Any:
    names = {oid: Name(*text.split(".")) for oid, text in tables.items()}
    return SimpleNamespace(
        relations=[
            SimpleNamespace(oid=oid, name=name, ancestors=(), root=name)
            for oid, name in names.items()
        ],
        schemas=frozenset(schemas),
    )


@pytest.mark.parametrize(
    ("here", "there", "schemas", "orphans", "expected"),
    [
        ({1: "p.b"}, {1: "p.a"}, "p", (), ["ALTER TABLE p.a RENAME TO b;"]),
        (
            {1: "p.b", 2: "p.c", 3: "p.a"},
            {1: "p.a", 2: "p.b", 3: "p.c"},
            "p",
            (),
            [
                "ALTER TABLE p.a RENAME TO a_dms_pg;",
                "ALTER TABLE p.c RENAME TO a;",
                "ALTER TABLE p.b RENAME TO c;",
                "ALTER TABLE p.a_dms_pg RENAME TO b;",
            ],
        ),
        (
            {1: "b.t", 2: "a.t"},
            {1: "a.t", 2: "b.t"},
            "ab",
            (),
            [
                "ALTER SCHEMA a RENAME TO a_dms_pg;",
                "ALTER SCHEMA b RENAME TO a;",
                "ALTER SCHEMA a_dms_pg RENAME TO b;",
            ],
        ),
        (
            {1: "b.t", 2: "a.u"},
            {1: "a.t", 2: "a.u"},
            "a",
            (),
            ["CREATE SCHEMA b;", "ALTER TABLE a.t SET SCHEMA b;"],
        ),
        (
            {1: "b.u", 2: "b.t"},
            {1: "a.t", 2: "b.t"},
            "ab",
            (),
            [
                "ALTER TABLE a.t RENAME TO t_dms_pg;",
                "ALTER TABLE a.t_dms_pg SET SCHEMA b; ALTER TABLE b.t_dms_pg RENAME TO u;",
            ],
        ),
        (
            {1: "p.u"},
            {1: "p.t", 9: "p.u"},
            "p",
            (9,),
            ["DROP TABLE p.u;", "ALTER TABLE p.t RENAME TO u;"],
        ),
        (
            {1: "p.u"},
            {1: "p.t", 9: "p.u"},
            "p",
            (),
            ["ALTER TABLE p.u RENAME TO u_dms_pg;", "ALTER TABLE p.t RENAME TO u;"],
        ),
    ],
)
def test_in_an_order_that_works(
    here: Tables, there: Tables, schemas: str, orphans: tuple[int, ...], expected: list[str]
) -> None:
    source, target = _survey(here, "ab" if "b" in schemas else "abp"), _survey(there, schemas)
    goals = {goal.oid: goal for goal in target.relations}
    begun: Any = SimpleNamespace(name="same", label="same")
    pairs = [(begun, relation, goals[relation.oid]) for relation in source.relations]
    assert [text for _, text, _ in renamings(pairs, source, target, orphans)] == expected


@pytest.mark.parametrize(
    ("wanted", "there", "expected"),
    [
        ({1: "p.a"}, {1: "p.a", 2: "p.b"}, []),
        (
            {1: "p.b", 2: "p.a"},
            {1: "p.a", 2: "p.b"},
            [
                "ALTER SEQUENCE p.a RENAME TO a_dms_pg;",
                "ALTER SEQUENCE p.b RENAME TO a;",
                "ALTER SEQUENCE p.a_dms_pg RENAME TO b;",
            ],
        ),
        (
            {1: "q.c"},
            {1: "p.a", 2: "p.b"},
            [
                "CREATE SCHEMA q;",
                "ALTER SEQUENCE p.a SET SCHEMA q; ALTER SEQUENCE q.a RENAME TO c;",
            ],
        ),
        (
            {1: "p.b"},
            {1: "p.a", 2: "p.b"},
            ["ALTER SEQUENCE p.b RENAME TO b_dms_pg;", "ALTER SEQUENCE p.a RENAME TO b;"],
        ),
    ],
)
def test_sequences_in_an_order_that_works(
    wanted: Tables, there: Tables, expected: list[str]
) -> None:
    named = {oid: Name(*text.split(".")) for oid, text in there.items()}
    target: Any = SimpleNamespace(
        sequences=[SimpleNamespace(oid=oid, name=name) for oid, name in named.items()],
        schemas=frozenset("p"),
    )
    asked = {oid: Name(*text.split(".")) for oid, text in wanted.items()}
    steps, names = sequence_renamings(asked, target)
    assert [text for text, _ in steps] == expected
    assert {oid: names[oid] for oid in asked} == asked
