"""The same expression in other words, and others that look alike."""

from __future__ import annotations

import pytest

from azext_dms_pg.postgres.expressions import alike


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "((v)::text = ANY ((ARRAY['a'::varchar, 'b'::character varying])::text[]))",
            "((v)::text = ANY (ARRAY[('a'::varchar)::text, ('b'::character varying)::text]))",
        ),
        (
            "(((i >= 1) AND (i <= 5)) AND (t ~~ 'a%'::text))",
            "((i >= 1) AND (i <= 5) AND (t ~~ 'a%'::text))",
        ),
        ("(a * (2)::numeric)", "(a * 2)"),
        ("(s)::numeric(9,2)", "s"),
        ("((at)::timestamp(3) without time zone)", "at"),
    ],
)
def test_the_same(one: str, other: str) -> None:
    assert alike(one, other)
    assert alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(a * 3)", "(a * 4)"),
        ("((a + b) * c)", "(a + (b * c))"),
        ("(a || '::text'::text)", "(a || ''::text)"),
        ("((x OR y) AND z)", "(x OR (y AND z))"),
        ("(((x AND y) OR z))", "(x AND (y OR z))"),
        ("lower(a)", "upper(a)"),
        ("(a - (b - c))", "((a - b) - c)"),
        ('"A"', "'A'"),
        ("(a * 3)", ""),
    ],
)
def test_others(one: str, other: str) -> None:
    assert not alike(one, other)
