"""Every form of JSON people give us, and where it cannot be read."""

from __future__ import annotations

import ast
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azext_dms_pg.cli import inputs
from azext_dms_pg.cli.lenient import LenientError, loads
from azext_dms_pg.errors import InputError

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
        ('[\n  {"a": 1},\n  ...n\n]', 3, 3, "found '...'"),
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
        ("01", 1, 1, "expected a value, found text without quotes"),
        ('{"a": 1 "a": 2}', 1, 9, 'expected "," or "}", found "a"'),
        ('{"a": 1 "b": 2}', 1, 9, 'expected "," or "}", found a quote'),
        ('{"b" 1}', 1, 6, 'expected ":" after the name, found a number'),
        ('{"a": }', 1, 7, 'expected a value, found "}"'),
    ],
)
def test_says_where(text: str, line: int, column: int, problem: str) -> None:
    with pytest.raises(LenientError) as caught:
        loads(text, {"a"})
    assert (caught.value.line, caught.value.column) == (line, column)
    assert problem in caught.value.problem


def test_and_so_on_is_explained() -> None:
    with pytest.raises(LenientError) as caught:
        loads("[1, ...n]")
    assert "leave it out" in caught.value.hint


CANARY = "Zq7Xw9Kv3Jm5"
# Where people have their passwords, right and wrong, and what they write in the place of JSON.
GIVEN = [
    text.replace("CANARY", CANARY)
    for text in (
        '{"userName": "postgres", "password": "CANARY", "serverName": "h", "port": 5432}',
        "{'userName': 'postgres', 'password': 'CANARY', 'serverName': 'h'}",
        '{\n "userName": "postgres",\n "password": "CANARY",\n "serverName": "h"\n}\n',
        '{"password":"ab\\"CANARY","serverName":"h"}',
        '{"password":{ "CANARY", "serverName": "h"}',
        '{"pa"ssword": "CANARY", "serverName": "h"}',
        '{\n "password":\n "CANARY",\n "serverName": "h"\n}',
        '{"password" "CANARY"}',
        '[{"password": "CANARY"}]',
        '"CANARY"',
        '{"connectionString": "postgres://u:CANARY@h/db" x}',
        '{"uri": postgres://u:CANARY@h/db}',
        '{"pw": CANARY}',
        '{"CANARY": }',
        '{"userName": "u" CANARY}',
        '["postgres://u:CANARY@h" 1]',
        "(postgres://u:CANARY@h",
        "postgres://u:CANARY@h/db",
        "host=h user=u password='CANARY'",
        "jdbc:postgresql://h/db?user=u&password=CANARY",
        "/p/CANARY",
        "CANARY/db.conf",
        "# CANARY",
        "'CANARY",
        '{"serverName": "h", "port": "CANARY"}',
        '{"serverName": "h", "port": {"CANARY": 1}}',
        '{"serverName": "h", "encryptConnection": "CANARY"}',
        '{"serverName": "h", "userName": ["CANARY"]}',
        '{"serverName": "postgres://u:CANARY@h/db"}',
        '{"serverName": "u:CANARY@h"}',
        '{"serverName": "h password=CANARY"}',
    )
]


def _edits(text: str) -> Iterator[str]:
    """The text, and whatever a slip of one key makes of it."""
    yield text
    for at in range(len(text)):
        yield text[:at] + text[at + 1 :]
        for char in "\"'{},:\n\\[# ":
            yield text[:at] + char + text[at:]


@pytest.mark.parametrize("given_text", GIVEN)
def test_never_quotes_a_password(given_text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["az"])
    refused = 0
    for text in _edits(given_text):
        try:
            inputs.check(inputs.connection_json(text, inputs.SOURCE), inputs.SOURCE)
        except InputError as error:
            refused += 1
            said = f"{error.message} {error.action}"
            assert CANARY[:5] not in said, text
            assert CANARY[3:9] not in said, text
            assert CANARY[-5:] not in said, text
    assert refused
    with contextlib.suppress(LenientError):
        loads(given_text)


def test_the_stray_line_of_the_documentation_is_shown() -> None:
    with pytest.raises(LenientError, match="found 'be prompted'"):
        loads('{"password": null,\nbe prompted canary\n"a": 1}')
