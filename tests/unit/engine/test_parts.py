from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azext_dms_pg.engine.load.parts import Part, Size, Unit, cut
from azext_dms_pg.engine.values import Plan, Route
from azext_dms_pg.postgres.relations import Name, Relation, RelKind, ReplicaIdentity

MIB = 1 << 20


def route(
    oid: int, *, name: str = "t", columns: Sequence[str] = ("a",), binary: bool = True
) -> Route:
    full = Name("public", name)
    relation = Relation(
        oid=oid,
        name=full,
        kind=RelKind.TABLE,
        columns=(),
        root=full,
        ancestors=(),
        replica_identity=ReplicaIdentity.DEFAULT,
        key=("id",),
        identity_key=("id",),
        unique_keys=(),
        persistence="p",
        owner_is_me=True,
        rows=0,
        pages=0,
        bytes=0,
    )
    return Route(relation, relation, tuple(columns), binary, ("id",), full)


def plan(*routes: Route, version: int = 170000) -> Plan:
    return Plan(
        routes=routes,
        sequences=(),
        plugin="pgoutput",
        binary_stream=True,
        replica_role=True,
        source_version=version,
        target_version=180000,
    )


def parts(units: list[Unit]) -> list[Part]:
    return [part for unit in units for part in unit.parts]


@given(
    st.lists(st.tuples(st.integers(0, 5000 * MIB), st.integers(0, 700_000)), max_size=30),
    st.integers(1 * MIB, 300 * MIB),
    st.integers(1, 16),
    st.sampled_from([130000, 170000]),
)
def test_every_row_is_in_exactly_one_part(
    tables: list[tuple[int, int]], part_bytes: int, streams: int, version: int
) -> None:
    routes = [route(oid, name=f"t{oid}") for oid in range(len(tables))]
    sizes = {oid: Size(size, pages, (-5, size)) for oid, (size, pages) in enumerate(tables)}
    units = cut(plan(*routes, version=version), sizes, part_bytes=part_bytes, streams=streams)
    ids = [part.id for part in parts(units)]
    assert len(set(ids)) == len(ids)
    for one in routes:
        mine = [part for part in parts(units) if part.route is one]
        edges = sorted((part.low is not None, part.low or 0, part.high) for part in mine)
        assert mine
        assert edges[0][0] is False
        assert mine[-1].high is None
        for before, after in pairwise(mine):
            assert before.high == after.low


def test_large_tables_come_first_and_small_ones_together() -> None:
    routes = [route(oid, name=f"t{oid}") for oid in range(200)]
    sizes = {oid: Size(50_000, 7) for oid in range(200)} | {7: Size(400 * MIB, 51200)}
    units = cut(plan(*routes), sizes, part_bytes=256 * MIB, streams=4)
    assert {part.route.source.oid for part in units[0].parts} == {7}
    batches = [unit for unit in units if len(unit.parts) > 1]
    assert sum(len(unit.parts) for unit in batches) == 199
    assert len(batches) == 4


def test_a_table_that_was_not_measured_is_copied_whole() -> None:
    units = cut(plan(route(1)), {}, part_bytes=MIB, streams=4)
    assert [part.column for part in parts(units)] == [""]


def test_ranges_of_blocks_below_14_are_ranges_of_keys() -> None:
    sizes = {1: Size(1000 * MIB, 128_000, (1, 1_000_000))}
    units = cut(plan(route(1), version=130000), sizes, part_bytes=64 * MIB, streams=4)
    assert [(part.column, part.low, part.high) for part in parts(units)] == [
        ("id", None, 250_000),
        ("id", 250_000, 500_000),
        ("id", 500_000, 750_000),
        ("id", 750_000, None),
    ]


def test_below_14_without_an_integer_key_a_table_is_one_stream() -> None:
    sizes = {1: Size(1000 * MIB, 128_000)}
    units = cut(plan(route(1), version=130000), sizes, part_bytes=64 * MIB, streams=4)
    assert [part.column for part in parts(units)] == [""]


@pytest.mark.parametrize(
    ("part", "out", "into"),
    [
        (
            Part(route(1, name='x"; drop table y; --', columns=['a"b', "c %s"]), "1", 1),
            'COPY "public"."x""; drop table y; --" ("a""b", "c %s") TO STDOUT (FORMAT binary)',
            'COPY "public"."x""; drop table y; --" ("a""b", "c %s") FROM STDIN (FORMAT binary)',
        ),
        (
            Part(route(1, columns=[], binary=False), "1", 1),
            'COPY "public"."t"  TO STDOUT',
            'COPY "public"."t"  FROM STDIN',
        ),
        (
            Part(route(1, binary=False), "1", 1, "ctid", 5, 9),
            (
                'COPY (SELECT "a" FROM ONLY "public"."t" WHERE "ctid" OPERATOR(pg_catalog.>=)'
                " '(5,0)'::pg_catalog.tid AND "
                "\"ctid\" OPERATOR(pg_catalog.<) '(9,0)'::pg_catalog.tid) TO STDOUT"
            ),
            'COPY "public"."t" ("a") FROM STDIN',
        ),
    ],
)
def test_statements(part: Part, out: str, into: str) -> None:
    copy = part.copy()
    assert (copy.out.decode(), copy.into.decode()) == (out, into)
