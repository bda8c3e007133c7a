"""Stories: a folder of ``scenarios/`` with az commands and what must be true of their results.

``steps.txt`` holds one command a line, beginning with ``az``; ``$NAME`` is replaced from the
story's values. Indented lines below a command say what is expected of it:

    = JMESPATH      must be true of what it printed
    ! CODE          its exit code (0 when not said)
    ~ TEXT          must be part of what it wrote to stderr
    until JMESPATH  run it again until that is true
    set NAME=VALUE  an environment variable for this command

``values.json`` are the values for Azure, ``*.json`` in ``files/`` templates with the same names.
"""

from __future__ import annotations

import json
import shlex
import string
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jmespath

from tests.support.azcli import Az, Result

ROOT = Path(__file__).parents[2] / "scenarios"


@dataclass
class Step:
    """One command with its expectations."""

    command: str
    line: int
    true: list[str] = field(default_factory=list)
    code: int = 0
    said: list[str] = field(default_factory=list)
    until: str | None = None
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """A folder, read."""

    folder: Path
    steps: list[Step]
    values: dict[str, str]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def recording(self) -> Path:
        return self.folder / "recording.yaml"

    @property
    def by_core(self) -> bool:
        """Recorded with plain azure-cli, without the extension."""
        return self.values.get("RECORDED_BY") == "core"


def all_stories() -> list[Story]:
    return [load(path.parent) for path in sorted(ROOT.glob("*/steps.txt"))]


def load(folder: Path) -> Story:
    values = json.loads((folder / "values.json").read_text(encoding="utf-8"))
    return Story(folder, _steps((folder / "steps.txt").read_text(encoding="utf-8")), values)


def run(
    story: Story, az: Az, values: Mapping[str, str], directory: Path, *, patience: float = 60
) -> list[tuple[Step, Result]]:
    """Run every step; the first expectation that fails ends it with an AssertionError."""
    names = {"FILES": str(directory), **values}
    for template in sorted((story.folder / "files").glob("*")):
        text = string.Template(template.read_text(encoding="utf-8")).substitute(names)
        (directory / template.name).write_text(text, encoding="utf-8")
    return [(step, _run(story, step, az, names, patience)) for step in story.steps]


def _run(story: Story, step: Step, az: Az, names: Mapping[str, str], patience: float) -> Result:
    arguments = shlex.split(string.Template(step.command).substitute(names))[1:]
    environment = {
        name: string.Template(value).substitute(names) for name, value in step.environment.items()
    }
    until = time.monotonic() + patience
    while True:
        result = az.run(*arguments, **environment)
        where = (
            f"{story.name}/steps.txt:{step.line}: az {shlex.join(arguments)}\n"
            f"exit code {result.code}\n{result.err}\n{result.out}"
        )
        assert result.code == step.code, where
        if step.until is None or _is_true(step.until, names, result):
            break
        assert time.monotonic() < until, f"never became true: {step.until}\n{where}"
        time.sleep(0.1)
    for expression in step.true:
        assert _is_true(expression, names, result), f"not true: {expression}\n{where}"
    for text in step.said:
        assert string.Template(text).substitute(names) in result.err, f"not said: {text}\n{where}"
    return result


def _is_true(expression: str, names: Mapping[str, str], result: Result) -> bool:
    query = string.Template(expression).substitute(names)
    found: Any = jmespath.search(query, result.json)
    return bool(found)


def _steps(text: str) -> list[Step]:
    steps: list[Step] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line[0].isspace():
            if not line.startswith("az "):
                raise ValueError(f"line {number}: expected an az command, found {line!r}")
            steps.append(Step(line.strip(), number))
            continue
        kind, _, rest = line.strip().partition(" ")
        step = steps[-1]
        if kind == "=":
            step.true.append(rest)
        elif kind == "!":
            step.code = int(rest)
        elif kind == "~":
            step.said.append(rest)
        elif kind == "until":
            step.until = rest
        elif kind == "set":
            name, _, value = rest.partition("=")
            step.environment[name] = value
        else:
            raise ValueError(f"line {number}: unknown expectation {kind!r}")
    return steps
