"""Every code and text of an error or finding is in the pages that explain them, and still true."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import azext_dms_pg
from azext_dms_pg.model.states import Severity

PACKAGE = Path(azext_dms_pg.__file__).parent
DOCS = PACKAGE.parent / "docs"
TROUBLE = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
FINDINGS = (DOCS / "findings.md").read_text(encoding="utf-8")
# Of the base classes and between stages: nobody is ever shown one.
INTERNAL = {
    "DmsPgError", "Interrupted", "LineReached", "BinaryImpossible", "MigrationFailed",
    "SpliceDoubt",
}  # fmt: skip
_CODE = re.compile(r"[A-Z][A-Za-z]+\Z")
_MAKERS = {"Finding", "blocker", "warning", "info", "make"}
_SEVERITIES = {severity.value for severity in Severity}
_WILD = None
# How much of a text must be the template's own words: names and numbers are the rest.
_ENOUGH = 0.6
# Letters of it that must be in a template for the two to be looked at together.
_SOME = 8

Template = tuple[str | None, ...]


@cache
def _trees() -> tuple[ast.Module, ...]:
    return tuple(ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py"))


def _constants(node: ast.AST | None) -> Iterator[str]:
    """Texts an expression may be: also any side of a conditional one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _constants(value)


def _codes() -> set[str]:
    found: set[str] = set()
    for node in (node for tree in _trees() for node in ast.walk(tree)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            places = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            places += node.args[:1] if name in _MAKERS else []
            # Standing("Faulted", "WorkerNotRunning", …) and journal.event("error", "Code", …)
            places += node.args[1:2] if name in {"event", "Standing"} else []
            found.update(text for place in places for text in _constants(place))
        elif isinstance(node, ast.Assign) and any(
            getattr(name, "id", "") in {"code", "STALLED"} for name in node.targets
        ):
            found.update(_constants(node.value))
    return {text for text in found if _CODE.match(text)}


@cache
def _templates() -> dict[str, set[Template]]:
    """Texts of the package, by their letters: characters, with a gap where a value is put in."""
    found: dict[str, set[Template]] = {}
    for node in (node for tree in _trees() for node in ast.walk(tree)):
        if isinstance(node, ast.JoinedStr):
            parts: list[str | None] = []
            for value in node.values:
                if isinstance(value, ast.Constant):
                    parts += str(value.value)
                else:
                    parts.append(_WILD)
            letters = "".join(part or "…" for part in parts)
            found.setdefault(letters, set()).add(tuple(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.setdefault(node.value, set()).add(tuple(node.value))
    return found


def _own_words(text: str, template: Template) -> int:
    """Characters of ``text`` that are the template's own if it may begin like that, else -1."""
    alive = {0: 0}
    for character in text:
        for place, count in sorted(alive.items()):
            if place < len(template) and template[place] is _WILD:
                alive[place + 1] = max(alive.get(place + 1, -1), count)
        following: dict[int, int] = {}
        for place, count in alive.items():
            if place == len(template):
                continue
            if template[place] is _WILD:
                following[place] = max(following.get(place, -1), count)
            elif template[place] == character:
                following[place + 1] = max(following.get(place + 1, -1), count + 1)
        alive = following
    return max(alive.values(), default=-1)


def _is_said(text: str) -> bool:
    wanted = len(text.replace("…", "").strip()) * _ENOUGH
    longest = max(text.split("…"), key=len).strip()[:_SOME]
    return any(
        _own_words(text, template) >= wanted
        for letters, templates in _templates().items()
        if longest in letters
        for template in templates
    )


def test_every_code_is_explained() -> None:
    codes = _codes()
    assert {"SlotLost", "WalLevelNotLogical", "SubnetNearlyFull", "WorkerSilent"} <= codes
    missing = {code for code in codes - INTERNAL if f"`{code}`" not in TROUBLE + FINDINGS}
    assert not missing, f"explain in docs/troubleshooting.md or docs/findings.md: {missing}"


def test_no_code_is_explained_that_is_gone() -> None:
    entries = re.findall(r"^\*\*`.*?`\*\* · `(\w+)`", TROUBLE, re.MULTILINE)
    rows = re.findall(r"^\| (`.+?`) \|", FINDINGS, re.MULTILINE)
    explained = {*entries, *re.findall(r"`(\w+)`", " ".join(rows))}
    assert len(explained) > 120
    known = _codes() | {"InvalidInput", "ResourceNotFound", "ConnectionStalled"}
    gone = explained - known
    assert not gone, gone


@pytest.mark.parametrize("text", re.findall(r"^\*\*`(.+?)`\*\*", TROUBLE, re.MULTILINE))
def test_texts_of_errors_are_those_of_the_code(text: str) -> None:
    assert _is_said(text)


@pytest.mark.parametrize(
    "text", re.findall(r"^\| `[A-Z].*?` \| [^|]+ \| ([^|]+) \|", FINDINGS, re.MULTILINE)
)
def test_texts_of_findings_are_those_of_the_code(text: str) -> None:
    assert _is_said(text)


def test_findings_have_the_severity_they_have_in_the_code() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", FINDINGS, re.MULTILINE))
    for node in (node for tree in _trees() for node in ast.walk(tree)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
            continue
        code = next(_constants(node.args[0]), "")
        severity = node.func.id
        if severity == "Finding" and isinstance(node.args[1], ast.Attribute):
            severity = node.args[1].attr.lower()
        if code in rows and severity in _SEVERITIES:
            assert severity in rows[code], code


def test_the_pages_links_lead_to_headings() -> None:
    headings = {
        "#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", TROUBLE, re.MULTILINE)
    }
    for page in DOCS.rglob("*.md"):
        for anchor in re.findall(r"troubleshooting\.md(#[\w-]+)", page.read_text(encoding="utf-8")):
            assert anchor in headings, (page, anchor)
