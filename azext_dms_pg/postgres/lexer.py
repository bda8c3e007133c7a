"""SQL text cut into tokens as PostgreSQL's own scanner cuts it (standard_conforming_strings on).

Knows where names, constants and comments begin and end, and nothing of grammar. Text that ends in
the middle of a constant is that constant to its end: nothing inside quotes is ever taken for SQL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACE = "space"  # comments, too
CONSTANT = "constant"  # '…', E'…', $tag$…$tag$
NAME = "name"  # a word or "…"
SYMBOL = "symbol"  # :: or a single character

_TOKEN = re.compile(
    r"""
      (?P<space>    [ \t\n\r\f\v]+ | --[^\n\r]* )
    | (?P<comment>  /\* )
    # What follows on another line goes on with it, escapes and all.
    | (?P<escaped>  [eE]'(?:[^'\\]|''|\\.|'[ \t\f\v]*[\n\r][ \t\n\r\f\v]*')*(?:'|\\?\Z) )
    | (?P<constant> '(?:[^']|'')*(?:'|\Z)
                  | (?P<tag>\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?\$)
                    .*?(?:(?P=tag)|\Z) )
    | (?P<name>     "(?:[^"]|"")*(?:"|\Z)
                  | [A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]* )
    | (?P<symbol>   ::|. )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_UPPER = re.compile(r"[A-Z]+")


@dataclass(frozen=True)
class Token:
    """A piece of the text: put together in order, the texts are the text."""

    kind: str
    text: str

    @property
    def name(self) -> str:
        """What the server calls what is written like this: unquoted words are in lower case."""
        if self.text.startswith('"'):
            return self.text[1:-1].replace('""', '"')
        return _UPPER.sub(lambda found: found[0].lower(), self.text)


def tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        assert found is not None  # noqa: S101 - the last alternative takes any character
        kind, end = found.lastgroup or SYMBOL, found.end()
        if kind == "comment":
            kind, end = SPACE, _comment_end(text, end)
        elif kind == "escaped":
            kind = CONSTANT
        yield Token(kind, text[at:end])
        at = end


def _comment_end(text: str, at: int) -> int:
    """Comments may stand in comments."""
    depth = 1
    while depth:
        found = _COMMENT_EDGE.search(text, at)
        if found is None:
            return len(text)
        depth += 1 if found[0] == "/*" else -1
        at = found.end()
    return at
