"""JSON as people write it: comments, trailing commas, single quotes, Python's True and None.

Owns reading one text into plain values, and saying by line and column where it cannot be read.
Where something is missing, a password may stand anywhere, so nothing of the text is ever quoted
but its punctuation, and words it has in common with the documentation. Knows nothing of files or
of what the values mean.

Own code, because no library that reads all of these forms also tells line and column.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_WORD = re.compile(r"[^\s,:{}\[\]\"']+")
_WORDS = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
}
_JSON_ESCAPES = {
    '"': '"',
    "'": "'",
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
_HEX_ESCAPES = {"u": 4, "U": 8, "x": 2}
_QUOTED_NAME = re.compile(r"""(["']?)(\w+)\1(?![\w"'])""")
# What is copied out of the documentation of az dms, though it is no JSON.
_AND_SO_ON = ("...", "…", "..n")
_STRAY_COMMENT = "be prompted"
_DEEPEST = 100


class LenientError(ValueError):
    """The text cannot be read; ``line`` and ``column`` count from 1."""

    def __init__(self, problem: str, line: int, column: int, hint: str = "") -> None:
        super().__init__(f"line {line}, column {column}: {problem}")
        self.problem = problem
        self.line = line
        self.column = column
        self.hint = hint


def loads(text: str, names: Collection[str] = ()) -> Any:
    """Read one value.

    :param names: keys that an error may name; those that are not known may be anything.
    :raises LenientError: the text is not one value of any of the forms above.
    """
    reader = _Reader(text, names)
    reader.skip()
    value = reader.value()
    reader.skip()
    if not reader.at_end:
        raise reader.error("expected nothing more", found=True)
    return value


@dataclass
class _Reader:
    text: str
    names: Collection[str]
    at: int = 0
    depth: int = 0

    @property
    def at_end(self) -> bool:
        return self.at >= len(self.text)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def skip(self) -> None:
        """Move past blanks and comments (``//``, ``/* */``, ``#``)."""
        while not self.at_end:
            if self.peek() in " \t\r\n\v\f\ufeff\u00a0":
                self.at += 1
            elif self.peek() == "#" or self.text.startswith("//", self.at):
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.text.startswith("/*", self.at):
                end = self.text.find("*/", self.at + 2)
                if end < 0:
                    raise self.error('the comment opened here with "/*" is never closed')
                self.at = end + 2
            else:
                return

    def value(self) -> Any:
        start = self.peek()
        if start == "{":
            return self._nested(self._object)
        if start == "[":
            return self._nested(self._array)
        if start in {'"', "'"}:
            return self._string()
        number = _NUMBER.match(self.text, self.at)
        if number:
            self.at = number.end()
            text = number.group()
            return int(text) if text.lstrip("-").isdecimal() else float(text)
        word = _WORD.match(self.text, self.at)
        if word and word.group() in _WORDS:
            self.at = word.end()
            return _WORDS[word.group()]
        raise self.error("expected a value", found=True)

    def _nested(self, read: Any) -> Any:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(f"nested more than {_DEEPEST} levels deep")
        value = read()
        self.depth -= 1
        return value

    def _object(self) -> dict[str, Any]:
        opened = self.at
        self.at += 1
        result: dict[str, Any] = {}
        while True:
            self.skip()
            if self.peek() == "}":
                self.at += 1
                return result
            key = self._key(opened)
            self.skip()
            if self.peek() != ":":
                shown = f'"{key}"' if key in self.names else "the name"
                raise self.error(f'expected ":" after {shown}', found=True)
            self.at += 1
            self.skip()
            result[key] = self.value()
            self._comma("}", opened)

    def _key(self, opened: int) -> str:
        if self.at_end:
            raise self.error('the "{" opened here is never closed', at=opened)
        if self.peek() not in {'"', "'"}:
            raise self.error('expected a name in double quotes or "}"', found=True)
        return self._string()

    def _array(self) -> list[Any]:
        opened = self.at
        self.at += 1
        result: list[Any] = []
        while True:
            self.skip()
            if self.peek() == "]":
                self.at += 1
                return result
            if self.at_end:
                raise self.error('the "[" opened here is never closed', at=opened)
            result.append(self.value())
            self._comma("]", opened)

    def _comma(self, closing: str, opened: int) -> None:
        """After a member: a comma (also before the closing bracket), or that bracket."""
        self.skip()
        if self.peek() == ",":
            self.at += 1
        elif self.at_end:
            raise self.error(f'the "{self.text[opened]}" opened here is never closed', at=opened)
        elif self.peek() != closing:
            raise self.error(f'expected "," or "{closing}"', found=True)

    def _string(self) -> str:
        opened = self.at
        quote = self.peek()
        self.at += 1
        parts: list[str] = []
        while True:
            if self.at_end or self.peek() == "\n":
                raise self.error("the text opened here has no closing quote", at=opened)
            char = self.peek()
            self.at += 1
            if char == quote:
                return _joined_surrogates("".join(parts))
            parts.append(self._escape(quote) if char == "\\" else char)

    def _escape(self, quote: str) -> str:
        char = self.peek()
        if char in _HEX_ESCAPES:
            digits = self.text[self.at + 1 : self.at + 1 + _HEX_ESCAPES[char]]
            if not re.fullmatch(r"[0-9a-fA-F]+", digits) or len(digits) != _HEX_ESCAPES[char]:
                raise self.error(
                    f'"\\{char}" must be followed by {_HEX_ESCAPES[char]} hexadecimal digits',
                    at=self.at - 1,
                )
            self.at += 1 + len(digits)
            code = int(digits, 16)
            if code > sys.maxunicode:
                raise self.error("there is no such character", at=self.at - 2 - len(digits))
            return chr(code)
        if char in _JSON_ESCAPES and char:
            self.at += 1
            return _JSON_ESCAPES[char]
        if quote == "'":
            return "\\"  # Python keeps a backslash that escapes nothing
        raise self.error(
            "a backslash in double quotes must be doubled",
            at=self.at - 1,
            hint='Write "\\\\" for one backslash.',
        )

    def error(
        self, problem: str, *, at: int | None = None, found: bool = False, hint: str = ""
    ) -> LenientError:
        """The error at this place; ``found`` adds of what kind it is that stands there."""
        place = self.at if at is None else at
        start = self.text.rfind("\n", 0, place) + 1
        line = self.text.count("\n", 0, place) + 1
        if found:
            problem += f", found {self._kind(place)}"
            if self.text.startswith(_AND_SO_ON, place):
                hint = 'In the documentation "...n" means "and so on"; leave it out.'
        return LenientError(problem, line, place - start + 1, hint)

    def _kind(self, place: int) -> str:
        """Said without repeating it, but for what no password is."""
        if place >= len(self.text):
            return "the end of the text"
        char = self.text[place]
        if char in "{}[]:,":
            return f'"{char}"'
        for known in (*_AND_SO_ON, _STRAY_COMMENT):
            if self.text.startswith(known, place):
                return repr(known)
        name = _QUOTED_NAME.match(self.text, place)
        if name and name.group(2) in self.names:
            return f'"{name.group(2)}"'
        if char in "\"'":
            return "a quote"
        return "a number" if _NUMBER.match(self.text, place) else "text without quotes"


def _joined_surrogates(text: str) -> str:
    r"""Two ``\u`` escapes can make one character; a lone half cannot be stored anywhere."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
