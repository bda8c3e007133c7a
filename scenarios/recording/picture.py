"""From the frames of a session to one SVG file that plays by itself, without scripts.

Every row is drawn once and used by each frame that shows it. Lines and blocks are drawn as
shapes: no font has to have them, and they join. A viewer that does not play shows the poster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from scenarios.recording.screen import PLAIN, Row, Style
from scenarios.recording.tape import COLUMNS, LINES, Frame

_CELL, _LINE, _FONT = 8.4, 19, 14
_LEFT, _TOP = 18, 52
_WIDTH = round(COLUMNS * _CELL) + 2 * _LEFT
_HEIGHT = LINES * _LINE + _TOP + 14
_BACK, _FRONT, _DIM = "#12161d", "#d7dde6", "#7d8794"
_PALETTE = (
    "#3b4452", "#f0616d", "#7fd88f", "#e5c07b", "#6cb6ff", "#d68fe8", "#56c8d8", "#d7dde6",
    "#7d8794", "#ff7b85", "#98e6a6", "#f2d492", "#8cc8ff", "#e4a9f2", "#78dbe8", "#ffffff",
)  # fmt: skip
_BLOCKS = "▁▂▃▄▅▆▇█"
# Strokes from the middle of the cell: left, right, up, down.
_BOXES = {
    "─": "lr", "│": "ud", "╭": "rd", "╮": "ld", "╰": "ru", "╯": "lu", "┌": "rd", "┐": "ld",
    "└": "ru", "┘": "lu", "├": "rud", "┤": "lud", "┬": "lrd", "┴": "lru", "┼": "lrud",
}  # fmt: skip
_BARS = {"━": (0.0, 1.0), "╸": (0.0, 0.5), "╺": (0.5, 1.0)}


def svg(frames: Sequence[Frame], title: str, description: str, poster: int) -> str:
    """The whole file.

    :param poster: index of the frame for viewers that show one picture only.
    """
    rows: dict[Row, str] = {}
    for frame in frames:
        for row in frame.rows:
            if any(character != " " for character, _ in row):
                rows.setdefault(row, f"r{len(rows)}")
    total = sum(frame.seconds for frame in frames)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            f'width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-labelledby="t d">'
        ),
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(description)}</desc>',
        f"<style>{_styles(frames, total, poster)}</style>",
        "<defs>",
        *(f'<g id="{name}">{"".join(_row(row))}</g>' for row, name in rows.items()),
        "</defs>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="10" fill="{_BACK}"/>',
        *(
            f'<circle cx="{_LEFT + 6 + 20 * i}" cy="22" r="6" fill="{colour}"/>'
            for i, colour in enumerate(("#f0616d", "#e5c07b", "#7fd88f"))
        ),
        f'<text x="{_WIDTH / 2}" y="27" text-anchor="middle" fill="{_DIM}">{escape(title)}</text>',
    ]
    for index, frame in enumerate(frames):
        uses = "".join(
            f'<use href="#{rows[row]}" y="{_TOP + line * _LINE}"/>'
            for line, row in enumerate(frame.rows)
            if row in rows
        )
        parts.append(f'<g class="f" id="f{index}">{uses}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _styles(frames: Sequence[Frame], total: float, poster: int) -> str:
    """One animation a frame, all of the same length: visible from its beginning to its end."""
    rules = [
        (
            f"text{{font:{_FONT}px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',"
            "'Liberation Mono',monospace;white-space:pre}"
        ),
        f"use,.f{{fill:{_FRONT}}}.b{{font-weight:bold}}.u{{text-decoration:underline}}",
        f".f{{visibility:hidden}}#f{poster}{{visibility:visible}}",
        "@media (prefers-reduced-motion:no-preference){",
        f".f{{animation:{total:.2f}s step-end infinite}}",
    ]
    start = 0.0
    for index, frame in enumerate(frames):
        first, last = start / total * 100, (start + frame.seconds) / total * 100
        start += frame.seconds
        before = "" if index == 0 else "0%{visibility:hidden}"
        after = "" if index == len(frames) - 1 else f"{last:.3f}%{{visibility:hidden}}"
        rules.append(f"@keyframes k{index}{{{before}{first:.3f}%{{visibility:visible}}{after}}}")
        rules.append(f"#f{index}{{animation-name:k{index}}}")
    return "".join([*rules, "}"])


def _row(row: Row) -> Iterator[str]:
    """The text of a row, run by run, and its lines and blocks as shapes."""
    column = 0
    for (style, drawn), group in groupby(row, lambda cell: (cell[1], _is_drawn(cell[0]))):
        cells = [character for character, _ in group]
        if drawn:
            for offset, character in enumerate(cells):
                yield _shape(character, column + offset, _fill(style))
        else:
            text = "".join(cells)
            lead = len(text) - len(text.lstrip(" "))
            if text.strip():
                yield _text(text.strip(" "), column + lead, style)
        column += len(cells)


def _is_drawn(character: str) -> bool:
    return character in _BLOCKS or character in _BOXES or character in _BARS


def _fill(style: Style) -> str:
    if isinstance(style.colour, str):
        return style.colour
    if style.colour is not None:
        return _PALETTE[style.colour]
    return _DIM if style.dim else _FRONT


def _text(text: str, column: int, style: Style) -> str:
    words = " ".join(word for word, wanted in (("b", style.bold), ("u", style.underline)) if wanted)
    colour = f' fill="{_fill(style)}"' if _fill(style) != _FRONT or style is PLAIN else ""
    return (
        f'<text x="{_x(column)}" y="14" textLength="{_number(len(text) * _CELL)}"'
        + (f' class="{words}"' if words else "")
        + f'{colour} xml:space="preserve">{escape(text, quote=False)}</text>'
    )


def _shape(character: str, column: int, fill: str) -> str:
    left = _LEFT + column * _CELL
    if character in _BLOCKS:
        height = _LINE * 0.85 * (_BLOCKS.index(character) + 1) / len(_BLOCKS)
        return _box(left, _LINE * 0.95 - height, _CELL - 1, height, fill)
    if character in _BARS:
        first, last = _BARS[character]
        return _box(left + first * _CELL, 7, (last - first) * _CELL + 0.3, 4, fill)
    x, y = left + _CELL / 2, _LINE / 2
    ends = {
        "l": f"H{_number(left)}",
        "r": f"H{_number(left + _CELL)}",
        "u": "V0",
        "d": f"V{_LINE}",
    }
    path = "".join(f"M{_number(x)} {_number(y)}{ends[stroke]}" for stroke in _BOXES[character])
    return f'<path d="{path}" stroke="{fill}" fill="none"/>'


def _box(x: float, y: float, width: float, height: float, fill: str) -> str:
    numbers = (_number(each) for each in (x, y, width, height))
    names = ("x", "y", "width", "height")
    sizes = " ".join(f'{name}="{each}"' for name, each in zip(names, numbers, strict=True))
    return f'<rect {sizes} fill="{fill}"/>'


def _x(column: int) -> str:
    return _number(_LEFT + column * _CELL)


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
