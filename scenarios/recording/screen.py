"""What a terminal shows after it was sent some text: as much of xterm as `az` makes use of.

Owns rows of cells, the cursor, colours. An escape sequence it does not know is an error: a
picture that silently differs from the terminal would be a lie. Knows nothing of SVG.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_TOKEN = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])|\x1b\][^\x07]*\x07|([\r\n\b])|([^\x1b\r\n\b]+)")
_UNFINISHED = re.compile(r"\x1b(\[\??[\d;]*|\][^\x07]*)?\Z")
_SET_MODE, _RESET_MODE = "h", "l"
_NORMAL, _BRIGHT = 30, 90


@dataclass(frozen=True)
class Style:
    """How a cell is written.

    :param colour: 0 to 15 of the palette, ``#rrggbb``, or None for the usual one.
    """

    colour: int | str | None = None
    bold: bool = False
    dim: bool = False
    underline: bool = False


Cell = tuple[str, Style]
Row = tuple[Cell, ...]
PLAIN = Style()


class Screen:
    """A terminal of a fixed width whose rows scroll up for ever."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._rows: list[list[Cell]] = [[]]
        self._line = 0
        self._column = 0
        self._style = PLAIN
        self._rest = ""

    def rows(self, lines: int) -> tuple[Row, ...]:
        """The last ``lines`` rows; the one with the cursor is not shown while it is empty."""
        shown = self._rows if self._rows[-1] else self._rows[:-1]
        return tuple(tuple(row) for row in shown[-lines:])

    def feed(self, text: str) -> None:
        text, self._rest = self._rest + text, ""
        place = 0
        while place < len(text):
            if _UNFINISHED.match(text, place):
                self._rest = text[place:]
                return
            found = _TOKEN.match(text, place)
            if found is None:
                raise ValueError(f"unknown to this terminal: {text[place : place + 20]!r}")
            place = found.end()
            private, numbers, final, control, plain = found.groups()
            if plain:
                self._write(plain)
            elif control:
                self._control(control)
            elif final and not private:
                self._sequence([int(n or 0) for n in numbers.split(";")], final)
            elif final not in {_SET_MODE, _RESET_MODE, None}:
                raise ValueError(f"unknown to this terminal: {found[0]!r}")

    def _write(self, text: str) -> None:
        for character in text:
            if self._column == self._columns:
                self._control("\n")
                self._column = 0
            row = self._rows[self._line]
            row.extend([(" ", PLAIN)] * (self._column + 1 - len(row)))
            row[self._column] = (character, self._style)
            self._column += 1

    def _control(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\b":
            self._column = max(self._column - 1, 0)
        else:
            self._line += 1
            if self._line == len(self._rows):
                self._rows.append([])

    def _sequence(self, numbers: list[int], final: str) -> None:
        row = self._rows[self._line]
        if final == "m":
            self._graphic(numbers)
        elif final == "A":
            self._line = max(self._line - max(numbers[0], 1), 0)
        elif final == "B":
            self._line = min(self._line + max(numbers[0], 1), len(self._rows) - 1)
        elif final == "G":
            self._column = max(numbers[0], 1) - 1
        elif final == "K":
            first = 0 if numbers[0] else self._column
            del row[first:]
        elif final == "J" and numbers[0] == 0:
            del row[self._column :]
            del self._rows[self._line + 1 :]
        else:
            raise ValueError(f"unknown to this terminal: {numbers} {final}")

    def _graphic(self, numbers: list[int]) -> None:
        left = list(numbers)
        while left:
            number = left.pop(0)
            style = self._style
            if number in {38, 48}:
                colour = _colour(left)
                self._style = replace(style, colour=colour) if number == 38 else style
            elif number == 0:
                self._style = PLAIN
            elif number in {1, 2, 4}:
                word = {1: "bold", 2: "dim", 4: "underline"}[number]
                self._style = replace(style, **{word: True})
            elif number == 22:
                self._style = replace(style, bold=False, dim=False)
            elif _NORMAL <= number < _NORMAL + 8:
                self._style = replace(style, colour=number - _NORMAL)
            elif _BRIGHT <= number < _BRIGHT + 8:
                self._style = replace(style, colour=number - _BRIGHT + 8)
            elif number == 39:
                self._style = replace(style, colour=None)


def _colour(numbers: list[int]) -> int | str:
    """Take the rest of ``38;5;N`` or ``38;2;R;G;B``."""
    if numbers.pop(0) == 2:
        red, green, blue = (numbers.pop(0) for _ in range(3))
        return f"#{red:02x}{green:02x}{blue:02x}"
    index = numbers.pop(0)
    if index < 16:
        return index
    if index >= 232:
        return "#" + f"{8 + (index - 232) * 10:02x}" * 3
    index -= 16
    steps = (0, 95, 135, 175, 215, 255)
    return "#" + "".join(f"{steps[index // n % 6]:02x}" for n in (36, 6, 1))
