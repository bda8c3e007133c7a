"""Names as users write them."""

from __future__ import annotations

import pytest

from azext_dms_pg.engine.planning.selection import spellings
from azext_dms_pg.postgres.relations import Name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("actor", [Name("public", "actor")]),
        (" public.actor ", [Name("public", "actor"), Name("public", "public.actor")]),
        ('"My S"."T.x"', [Name("My S", "T.x"), Name("public", "My S.T.x")]),
        ('app."a""b"', [Name("app", 'a"b'), Name("public", 'app.a"b')]),
        ("a.b.c", [Name("a", "b.c"), Name("a.b", "c"), Name("public", "a.b.c")]),
        ('x"y', [Name("public", 'x"y')]),
        ("", []),
    ],
)
def test_spellings(text: str, expected: list[Name]) -> None:
    assert list(spellings(text)) == expected
