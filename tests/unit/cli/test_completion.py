"""Completion in a shell: names, or nothing; never a traceback."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest

from azext_dms_pg.cli import completion


def _named(*_: Any) -> Any:
    return [{"name": "a"}]


def _raises(*_: Any) -> Any:
    raise RuntimeError


def test_names() -> None:
    assert completion._names(_named, None, "g") == ["a"]
    assert completion._names(_raises, None, "g") == []


@pytest.mark.parametrize("kind", ["projects", "tasks"])
def test_nobody_is_asked_while_a_parent_is_not_typed_yet(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azext_dms_pg.cli.project.list_projects", _named)
    monkeypatch.setattr("azext_dms_pg.cli.task.list_tasks", _named)
    typed = Namespace(resource_group_name="g", service_name="s", project_name="p")
    ask = getattr(completion, kind).func  # az gives the function inside a command of its own
    assert ask(None, "", typed) == ["a"]
    typed.service_name = None
    assert ask(None, "", typed) == []
