"""Partition bounds become conditions of our own; nothing but values is taken from them."""

from __future__ import annotations

import pytest

from azext_dms_pg.engine.apply.bounds import (
    HIGHEST,
    LOWEST,
    Level,
    UnclearBoundError,
    condition,
    values,
)


def _text(strategy: str, bound: str, *others: str, keys: tuple[str, ...] = ("k",)) -> str:
    bytewise = (False,) * len(keys)
    level = Level(strategy, keys, bytewise, plain=True, bound=bound, others=others)
    return condition((level,)).as_string()


def test_constants_as_the_server_prints_them() -> None:
    assert values("1, '-2', 3.5, NULL, MINVALUE, MAXVALUE, true, 'it''s', E'a\\\\b'") == (
        "1", "-2", "3.5", None, LOWEST, HIGHEST, "true", "it's", "a\\b",
    )  # fmt: skip


@pytest.mark.parametrize(
    "bound",
    [
        "FOR VALUES IN (evil())",
        "FOR VALUES IN ((SELECT 1))",
        "FOR VALUES IN ('a'::public.t)",
        "FOR VALUES IN ('a', 'b' || evil())",
        "FOR VALUES IN ('a') OR evil() IN (1)",
        "FOR VALUES IN (E'\\' OR evil() --')",
        "FOR VALUES IN ('a'); DROP TABLE t; --)",
        "FOR VALUES IN (MINVALUE)",
        "FOR VALUES FROM (1) TO (evil())",
        "FOR VALUES FROM (1, 2) TO (3, 4)",
        "FOR VALUES WITH (modulus 2, remainder 0)",
        "",
    ],
)
@pytest.mark.parametrize("strategy", ["l", "r", "h", "?"])
def test_what_is_not_plainly_a_value_is_refused(bound: str, strategy: str) -> None:
    with pytest.raises(UnclearBoundError):
        _text(strategy, bound)
    with pytest.raises(UnclearBoundError):
        _text(strategy, "DEFAULT", bound)


def test_keys_that_are_compared_in_other_ways_are_refused() -> None:
    bound = "FOR VALUES IN (1)"
    for keys, plain in (((None,), True), (("k",), False)):
        with pytest.raises(UnclearBoundError):
            condition((Level("l", keys, (False,), plain=plain, bound=bound, others=()),))
    with pytest.raises(UnclearBoundError):
        condition(())


def test_names_and_values_are_quoted() -> None:
    text = _text("l", "FOR VALUES IN ('x'' OR true --')", keys=('k"; --',))
    assert "\"k\"\"; --\" OPERATOR(pg_catalog.=) 'x'' OR true --'" in text


def test_a_key_that_is_compared_byte_by_byte() -> None:
    bound = "FOR VALUES FROM (1, 'a') TO (2, MAXVALUE)"
    level = Level("r", ("n", "k"), (False, True), plain=True, bound=bound, others=())
    text = condition((level,)).as_string()
    assert '"k" COLLATE pg_catalog."C" OPERATOR(pg_catalog.>) \'a\'' in text
    assert '"n" COLLATE' not in text
