"""Which types may travel in binary, and which must match by OID or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from azext_dms_pg.postgres.portable import TypeFacts, Types

INT = TypeFacts(23, "pg_catalog", "int4", "b", 4, wire=True)
TEXT = TypeFacts(25, "pg_catalog", "text", "b", -1, wire=True)
NAME = TypeFacts(19, "pg_catalog", "name", "b", 64, wire=True)
STAMP = TypeFacts(1184, "pg_catalog", "timestamptz", "b", 8, wire=True)
REGCLASS = TypeFacts(2205, "pg_catalog", "regclass", "b", 4, wire=True)
ACL = TypeFacts(1033, "pg_catalog", "aclitem", "b", 12, wire=False)
INTS = TypeFacts(1007, "pg_catalog", "_int4", "b", -1, wire=True, element=23)
MOOD = TypeFacts(20000, "public", "mood", "e", 4, wire=True)
MOODS = TypeFacts(20001, "public", "_mood", "b", -1, wire=True, element=20000)
AGE = TypeFacts(20002, "public", "age", "d", 4, wire=True, base=23)
AGES = TypeFacts(20003, "public", "_age", "b", -1, wire=True, element=20002)
PAIR = TypeFacts(20004, "public", "pair", "c", -1, wire=True, fields=(23, 25))
TRIO = TypeFacts(20005, "public", "trio", "c", -1, wire=True, fields=(23, 20004))
SPAN = TypeFacts(20006, "public", "span", "r", -1, wire=True, subtype=23)
SPANS = TypeFacts(20007, "public", "spans", "m", -1, wire=True, subtype=23)
OWN = TypeFacts(20008, "public", "own", "b", 8, wire=True)
STORE = TypeFacts(
    20009, "public", "hstore", "b", -1, wire=True, extension="hstore", extension_version="1.8"
)
REGS = TypeFacts(2210, "pg_catalog", "_regclass", "b", -1, wire=True, element=2205)
LOOP = TypeFacts(20010, "public", "loop", "c", -1, wire=True, fields=(20010,))
ALL = (
    INT, TEXT, NAME, STAMP, REGCLASS, ACL, INTS, MOOD, MOODS, AGE, AGES, PAIR, TRIO, SPAN, SPANS,
    OWN, STORE, REGS, LOOP,
)  # fmt: skip
SHIFT = 1000


def shifted() -> tuple[TypeFacts, ...]:
    """The same types on a server that gave other OIDs to those of the user."""

    def move(oid: int) -> int:
        return oid + SHIFT if oid >= 16384 else oid

    return tuple(
        replace(
            fact,
            oid=move(fact.oid),
            element=move(fact.element),
            base=move(fact.base),
            subtype=move(fact.subtype),
            fields=tuple(move(field) for field in fact.fields),
        )
        for fact in ALL
    )


HERE = Types(ALL)
THERE = Types(shifted())


@pytest.mark.parametrize("fact", [INT, TEXT, NAME, STAMP, INTS, MOOD, AGE, SPAN, SPANS, STORE])
def test_the_same_wherever_the_type_was_made(fact: TypeFacts) -> None:
    there = fact.oid + SHIFT if fact.oid >= 16384 else fact.oid
    assert HERE.describe(fact.oid) is not None
    assert HERE.describe(fact.oid) == THERE.describe(there)


@pytest.mark.parametrize("fact", [MOODS, AGES, TRIO])
def test_what_embeds_oids_matches_only_with_the_same_oids(fact: TypeFacts) -> None:
    assert HERE.describe(fact.oid) is not None
    assert HERE.describe(fact.oid) == Types(ALL).describe(fact.oid)
    assert HERE.describe(fact.oid) != THERE.describe(fact.oid + SHIFT)


@pytest.mark.parametrize("fact", [REGCLASS, REGS, ACL, OWN, LOOP])
def test_never_in_binary(fact: TypeFacts) -> None:
    assert HERE.describe(fact.oid) is None


def test_unknown_type() -> None:
    assert HERE.describe(4711) is None


def test_a_domain_is_its_base_type() -> None:
    assert HERE.describe(AGE.oid) == HERE.describe(INT.oid)
    assert HERE.width(AGE.oid) == 4


def test_extension_versions_count() -> None:
    newer = Types((*ALL[:-3], replace(STORE, extension_version="1.9")))
    assert HERE.describe(STORE.oid) != newer.describe(STORE.oid)


def test_composites_of_built_in_types_need_no_oids() -> None:
    assert HERE.describe(PAIR.oid) == THERE.describe(PAIR.oid + SHIFT) == "row(int4,text)"


def test_floating_point_timestamps() -> None:
    old = Types(ALL, integer_datetimes=False)
    assert old.describe(STAMP.oid) != HERE.describe(STAMP.oid)
    assert old.describe(INT.oid) == HERE.describe(INT.oid)


@pytest.mark.parametrize(
    ("fact", "width"), [(INT, 4), (STAMP, 8), (TEXT, -1), (NAME, -1), (MOOD, -1), (OWN, -1)]
)
def test_width(fact: TypeFacts, width: int) -> None:
    assert HERE.width(fact.oid) == width
