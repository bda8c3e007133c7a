"""Every form of JSON people give us, and where it cannot be read."""

from __future__ import annotations

import ast
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azext_dms_pg.cli.lenient import LenientError, loads

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@given(JSON)
def test_reads_what_json_reads(value: Any) -> None:
    assert loads(json.dumps(value)) == value
    assert loads(json.dumps(value, ensure_ascii=False, indent=2)) == value


@given(JSON)
def test_reads_what_python_writes(value: Any) -> None:
    text = repr(value)
    assert ast.literal_eval(text) == value
    assert loads(text) == value


@given(st.text())
def test_never_fails_in_another_way(text: str) -> None:
    with contextlib.suppress(LenientError):
        loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, // one\n "b": [1, 2,], /* two */ }', {"a": 1, "b": [1, 2]}),
        ("{'a': True, 'b': None, 'c': False,}", {"a": True, "b": None, "c": False}),
        ("# note\n[1.5e3, -2]", [1500.0, -2]),
        ('{"a": "no // comment /* here */"}', {"a": "no // comment /* here */"}),
        ("{'path': 'C:\\DMS'}", {"path": "C:\\DMS"}),
        ('\ufeff{"a": 1}', {"a": 1}),
    ],
)
def test_forms(text: str, value: Any) -> None:
    assert loads(text) == value


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ('{"a": 1 "b": 2}', 1, 9, 'expected "," or "}"'),
        ('{\n  "a": 1,\n  be prompted\n}', 3, 3, "found 'be prompted'"),
        ('[\n  {"a": 1},\n  ...n\n]', 3, 3, "found '...n'"),
        ('{"a": 1', 1, 1, "never closed"),
        ('["a', 1, 2, "no closing quote"),
        ('{"a" 1}', 1, 6, 'expected ":" after "a"'),
        ("", 1, 1, "found the end of the text"),
        ('{"a": 1} x', 1, 10, "expected nothing more"),
        ('{"a": "C:\\DMS"}', 1, 10, "must be doubled"),
        ('{"a": "\\u12"}', 1, 8, "4 hexadecimal digits"),
        ("/* a", 1, 1, "never closed"),
        ("[" * 101, 1, 101, "nested more than"),
        ("{a: 1}", 1, 2, "expected a name in double quotes"),
        ("01", 1, 1, "expected a value"),
    ],
)
def test_says_where(text: str, line: int, column: int, problem: str) -> None:
    with pytest.raises(LenientError) as caught:
        loads(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert problem in caught.value.problem


def test_and_so_on_is_explained() -> None:
    with pytest.raises(LenientError) as caught:
        loads("[1, ...n]")
    assert "leave it out" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        '{"password": canary}',
        '{"password": "x"canary", "b": 1}',
        '{"password": "x" canary}',
        '{"password" canary}',
        '{"password"\n: canary}',
        '{"password":\n canary}',
        '{"password": "x",\ncanary"}',
        '{"a": 1 "password": "canary"}',
        "{'adminPassword': canary}",
        '{"password": "canary\n"}',
        'password=canary {"a": 1}',
        '{"client_secret": "canary\\q"}',
        '{"nested": {"password": ["canary" "x"]}}',
    ],
)
def test_never_quotes_a_password(text: str) -> None:
    with pytest.raises(LenientError) as caught:
        loads(text)
    assert "canary" not in str(caught.value) + caught.value.hint


def test_quotes_what_follows_an_empty_password() -> None:
    """The stray line of the tutorial follows a password that is null, and must be shown."""
    with pytest.raises(LenientError, match="be prompted"):
        loads('{"password": null,\nbe prompted\n"a": 1}')
