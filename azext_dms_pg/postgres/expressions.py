"""Whether two expressions as servers print them are the same, put in other words. Pure.

What ``pg_get_expr`` prints is not always what it prints again once that has been parsed: casts move
from an array to its elements (``v IN ('a', 'b')``), a chain of ANDs becomes flat, parentheses go.
"""

from __future__ import annotations

import re
from typing import TypeAlias

_TYPE = r'(?:"(?:[^"]|"")+"|\w+)'
_SIZE = r"(?:\(-?\d+(?:,-?\d+)?\))?"
_WORDS = r"(?: varying| precision| with(?:out)? time zone)?"
_CAST = re.compile(rf"::{_TYPE}(?:\.{_TYPE})?{_SIZE}{_WORDS}{_SIZE}(?:\[\])*")
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[\w$.]+|[^\s\w'"()\[\],]+|\S""")
_QUOTED = re.compile(r"('(?:[^']|'')*')")
_CHAINS = ("AND", "OR")

Node: TypeAlias = "str | tuple[Node, ...]"


def alike(one: str, other: str) -> bool:
    """Whether they compute the same, as far as casts do not matter."""
    return one == other or _meaning(one) == _meaning(other)


def _meaning(text: str) -> Node:
    stack: list[list[Node]] = [[]]
    for word in _TOKEN.findall(_without_casts(text)):
        if word == "(":
            stack.append([])
        elif word == ")" and len(stack) > 1:
            group = _group(stack.pop())
            stack[-1].append(group)
        else:
            stack[-1].append(word)
    return _group([node for level in stack for node in level])


def _without_casts(text: str) -> str:
    # Not within quotes: there two colons are but a text.
    parts = _QUOTED.split(text)
    return "".join(part if at % 2 else _CAST.sub("", part) for at, part in enumerate(parts))


def _group(nodes: list[Node]) -> Node:
    """Without parentheses around one thing, and with chains of one word made flat."""
    word = next((word for word in _CHAINS if word in nodes), None)
    flat: list[Node] = []
    for node in nodes:
        if word and isinstance(node, tuple) and word in node and _only(node, word):
            flat.extend(node)
        else:
            flat.append(node)
    return flat[0] if len(flat) == 1 else tuple(flat)


def _only(node: tuple[Node, ...], word: str) -> bool:
    return not any(other in node for other in _CHAINS if other != word)
