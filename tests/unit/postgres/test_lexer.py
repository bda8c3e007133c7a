"""Where names, constants and comments begin and end, as the server's own scanner has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azext_dms_pg.postgres.lexer import CONSTANT, NAME, SPACE, tokens

# One piece each; what follows is to be a word again.
WHOLE = [
    (CONSTANT, "''"),
    (CONSTANT, "'a''b'"),
    (CONSTANT, "'a\\'"),
    (CONSTANT, "E'a\\'b'"),
    (CONSTANT, "e'a\\\\'"),
    (CONSTANT, "E'a''b\\''"),
    (CONSTANT, "E'a'\n  'b\\'c'"),
    (CONSTANT, "$$a'b$c$$"),
    (CONSTANT, "$q$a $$ $Q$ ' $q$"),
    (CONSTANT, "$\u00e4_1$'$\u00e4_1$"),
    (SPACE, "-- it's \"\n"[:-1]),
    (SPACE, "/* it's /* \" */ $$ */"),
    (NAME, '"a""b\'c"'),
    (NAME, "a$b$c"),
    (NAME, "\u20ac1"),
]
# What ends in the middle of quotes is in quotes to its end.
OPEN = ["'a''", "E'a\\'", "E'a\\", "$$ a $", "$a$ b $$", '"a""', "/* /* */ '"]


@pytest.mark.parametrize(("kind", "text"), WHOLE, ids=[text for _, text in WHOLE])
def test_one_piece(kind: str, text: str) -> None:
    found = list(tokens(f"{text}\nx"))
    assert [(piece.kind, piece.text) for piece in found] == [
        (kind, text),
        (SPACE, "\n"),
        (NAME, "x"),
    ]


@pytest.mark.parametrize("text", OPEN)
def test_what_is_not_ended_is_one_piece(text: str) -> None:
    assert [piece.text for piece in tokens(text)] == [text]


@pytest.mark.parametrize(
    ("written", "name"),
    [("Abc", "abc"), ('"Abc"', "Abc"), ('"a""b"', 'a"b'), ("\u00c4B", "\u00c4b")],
)
def test_what_it_is_called(written: str, name: str) -> None:
    (piece,) = tokens(written)
    assert piece.name == name


@given(st.text(alphabet="ab1Ee'\"$\\-/*.: \n\u00e4", max_size=30))
def test_nothing_is_lost(text: str) -> None:
    assert "".join(piece.text for piece in tokens(text)) == text
