"""JSON as people write it: comments, trailing commas, single quotes, Python's True and None.

Owns reading one text into plain values, and saying by line and column where it cannot be read.
Never quotes anything that may be a password. Knows nothing of files or of what the values mean.

Own code, because no library that reads all of these forms also tells line and column.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any

_SECRET_KEY = re.compile(r"pass|pwd|secret|token|key", re.IGNORECASE)
_SECRET_LINE = re.compile(r"[\"'\w]*(pass|pwd|secret|token|key)\w*[\"']?\s*[:=]", re.IGNORECASE)
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
_LONGEST_QUOTE = 40
_DEEPEST = 100


class LenientError(ValueError):
    """The text cannot be read; ``line`` and ``column`` count from 1."""

    def __init__(self, problem: str, line: int, column: int, hint: str = "") -> None:
        super().__init__(f"line {line}, column {column}: {problem}")
        self.problem = problem
        self.line = line
        self.column = column
        self.hint = hint


def loads(text: str) -> Any:
    """Read one value.

    :raises LenientError: the text is not one value of any of the forms above.
    """
    reader = _Reader(text)
    reader.skip()
    value = reader.value()
    reader.skip()
    if not reader.at_end:
        raise reader.error("expected nothing more", quote=True)
    return value


@dataclass
class _Reader:
    text: str
    at: int = 0
    depth: int = 0
    #: How many members whose key names a secret are being read around ``at``.
    in_secret: int = 0
    #: The last member was a secret: what follows may be its tail, cut off by a stray quote.
    after_secret: bool = False

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
        raise self.error("expected a value", quote=True)

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
            secret = bool(_SECRET_KEY.search(key))
            self.in_secret += secret
            self.after_secret = False
            self.skip()
            if self.peek() != ":":
                raise self.error(f'expected ":" after "{_short(key)}"', quote=True)
            self.at += 1
            self.skip()
            result[key] = self.value()
            self._comma("}", opened)
            self.in_secret -= secret
            self.after_secret = secret and result[key] is not None

    def _key(self, opened: int) -> str:
        if self.at_end:
            raise self.error('the "{" opened here is never closed', at=opened)
        if self.peek() not in {'"', "'"}:
            raise self.error('expected a name in double quotes or "}"', quote=True)
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
            raise self.error(f'expected "," or "{closing}"', quote=True)

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
        self, problem: str, *, at: int | None = None, quote: bool = False, hint: str = ""
    ) -> LenientError:
        """The error at this place; ``quote`` adds what stands there unless it may be secret."""
        place = self.at if at is None else at
        start = self.text.rfind("\n", 0, place) + 1
        line = self.text.count("\n", 0, place) + 1
        if quote:
            if place >= len(self.text):
                problem += ", found the end of the text"
            else:
                stop = self.text.find("\n", place)
                here = self.text[place : len(self.text) if stop < 0 else stop].strip()
                if here.startswith(("...", "…", "..n")):
                    hint = 'In the documentation "...n" means "and so on"; leave it out.'
                hidden = self.in_secret or self.after_secret
                if not hidden and not _SECRET_LINE.search(self._line(place)):
                    problem += f", found {_short(here)!r}"
        return LenientError(problem, line, place - start + 1, hint)

    def _line(self, place: int) -> str:
        start = self.text.rfind("\n", 0, place) + 1
        stop = self.text.find("\n", place)
        return self.text[start : len(self.text) if stop < 0 else stop]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"


def _joined_surrogates(text: str) -> str:
    r"""Two ``\u`` escapes can make one character; a lone half cannot be stored anywhere."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
