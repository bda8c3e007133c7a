"""A remedy is either a statement that runs as it stands, or plain words; never a mixture.

What else may be done, or when, stands behind the statement in an SQL comment.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from azext_dms_pg.engine import preflight

MAKERS = {"blocker", "warning", "info", "make"}
STATEMENT = re.compile(r"(ALTER|CREATE|COMMIT|DROP|GRANT|REFRESH|SELECT|TRUNCATE)\b")
SCRIPT = re.compile(r"([A-Z][^;]*; )*[A-Z][^;]*;( -- .+)?")


def _text(node: ast.expr) -> Iterator[str]:
    """Every wording the expression can have, with a word for each value."""
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else "word" for part in node.values
        )
    elif isinstance(node, ast.IfExp):
        yield from _text(node.body)
        yield from _text(node.orelse)
    elif isinstance(node, ast.BinOp):
        for left in _text(node.left):
            for right in _text(node.right):
                yield left + right


def _remedies() -> Iterator[tuple[str, str]]:
    for file in sorted(Path(preflight.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in MAKERS and len(node.args) > 3:
                for number, text in enumerate(_text(node.args[3])):
                    yield f"{file.stem}:{node.lineno}.{number}", text


REMEDIES = dict(_remedies())


@pytest.mark.parametrize("text", REMEDIES.values(), ids=REMEDIES.keys())
def test_a_statement_or_words(text: str) -> None:
    if STATEMENT.match(text):
        assert SCRIPT.fullmatch(text)
        assert "..." not in text
    else:
        assert ";" not in text


def test_they_were_found() -> None:
    assert len(REMEDIES) > 50
