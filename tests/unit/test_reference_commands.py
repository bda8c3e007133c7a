"""Every ``az dms`` command in README, docs and history is one the real parser takes.

In fenced blocks whole commands are parsed; a ``…`` after the command's name stands for the names
of its resource, as the pages say. In running text the command and its options must exist.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from tests.support.azcli import Az
from tests.support.parser import LOADED

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "HISTORY.rst")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
_NAMES = {
    "dms project task": "-g G --service-name S --project-name P -n T",
    "dms project": "-g G --service-name S -n P",
    "dms network": "-g G -n S",
}
_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`{1,2}(az dms[^`]*)`{1,2}")
_SCRIPT = (
    LOADED
    + """
refused = []
for words in json.loads(sys.argv[1]):
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parser.parse_args(words)
    except SystemExit as ended:
        if ended.code:
            refused.append([words, said.getvalue()[-300:]])
    except BaseException as error:
        refused.append([words, repr(error)])
options = {
    name: [
        str(option)
        for argument in command.arguments.values()
        for option in argument.type.settings.get("options_list") or ()
    ]
    for name, command in loader.command_table.items()
}
print(json.dumps({"refused": refused, "options": options}))
"""
)


def _blocks() -> Iterator[tuple[str, str]]:
    """Lines that begin with a command, whatever stands in front of it or behind."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for block in _FENCE.findall(text):
            for line in block.splitlines():
                found = re.match(r"(?:\$ |nohup |@reboot +)?(az dms .*)", line.strip())
                if found and "──" not in line:  # a drawing, not a command
                    yield page.name, found[1]
        # Tables and lists give whole commands, too.
        for span in _SPAN.findall(re.sub(_FENCE, "", text)):
            if " -" in span and "…" not in span and re.search(r" (-g|-n|-l) ", span):
                yield page.name, span


def _spans() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        text = re.sub(_FENCE, "", page.read_text(encoding="utf-8"))
        for span in _SPAN.findall(text):
            yield page.name, " ".join(span.split())


def _words(line: str) -> list[str]:
    reader = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    reader.whitespace_split = True
    words = list(takewhile(lambda word: not set(word) <= set("|&;<>"), reader))[1:]
    if "…" in words:
        group = next(name for name in _NAMES if " ".join(words).startswith(name + " "))
        given = shlex.split(_NAMES[group])
        if "-n" in words:  # the page names the task itself
            at = given.index("-n")
            del given[at : at + 2]
        at = words.index("…")
        words[at : at + 1] = given
    return words


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    lines = sorted({line for _, line in _blocks()})
    assert len(lines) > 50
    az = Az(tmp_path_factory.mktemp("commands"))
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, json.dumps([_words(line) for line in lines])],
        env=az.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_command_parses(facts: Any) -> None:
    assert not facts["refused"], facts["refused"]


def test_every_command_in_running_text_exists(facts: Any) -> None:
    commands = facts["options"]
    groups = {" ".join(name.split()[:count]) for name in commands for count in (1, 2, 3)}
    for page, span in _spans():
        words = span.split()[1:]
        name = " ".join(re.findall(r"^[a-z -]+?(?= -| …| [A-Z]|$)", " ".join(words))[:1])
        assert name in commands or name in groups, f"{page}: {span}"
        for option in re.findall(r"(?<= )--[a-z][a-z-]*", span):
            if name in commands and option not in {"--help", "--query", "--output"}:
                assert option in commands[name], f"{page}: {span}"
