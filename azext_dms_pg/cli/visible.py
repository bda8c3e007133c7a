r"""Text of servers and users on its way to a terminal: what would steer it is shown instead.

A table may be named ``\x1b[2J``, and a server may answer an error in the letters of another line.
Owns what counts as such a character, and how each is written. Knows nothing of where it is shown.
"""

from __future__ import annotations

import unicodedata

# Controls, formats (the marks that turn the direction of text among them), separators of lines
# and paragraphs, and lone halves of a character, which no terminal can be sent.
_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
_BYTE, _SHORT = 0xFF, 0xFFFF


def visible(text: str, *, lines: bool = False) -> str:
    r"""``text`` with every such character written out, as ``\x1b`` or ``\u202e``.

    :param lines: the text is meant to have lines: their ends and tabs stay as they are.
    """
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    if lines:
        text = text.replace("\r\n", "\n")
    return "".join(_written(char) if _is_hidden(char, kept) else char for char in text)


def _is_hidden(char: str, kept: str) -> bool:
    return char not in kept and unicodedata.category(char) in _HIDDEN


def _written(char: str) -> str:
    code = ord(char)
    if code <= _BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _SHORT else f"\\U{code:08x}"
