"""Help: every command and parameter has it, and every example is one the parser takes.

Run inside this process with the real loaders, because parsing some sixty examples as
subprocesses would take a minute.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jmespath
import pytest
import yaml
from knack.help_files import helps

import azext_dms_pg
from azext_dms_pg.cli.waiting import Condition
from tests.support.azcli import Az
from tests.support.parser import LOADED

pytestmark = pytest.mark.acceptance

PACKAGE = Path(azext_dms_pg.__file__).parent
_SCRIPT = (
    LOADED
    + """
from knack.help_files import helps
import azext_dms_pg.cli.help
facts = {
    "commands": {
        name: {
            "from": command.command_source.extension_name if command.command_source else None,
            "arguments": {
                argument.name: argument.type.settings.get("help")
                for argument in command.arguments.values()
                if argument.name != "cmd"
            },
        }
        for name, command in loader.command_table.items()
    },
    "helps": {name: text for name, text in helps.items() if name.split()[0] == "dms"},
    "groups": sorted({" ".join(name.split()[:-1]) for name in names}),
}
examples = json.loads(sys.argv[1])
failed = []
for words in examples:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parser.parse_args(words)
    except SystemExit:
        failed.append([words, said.getvalue()])
    except BaseException as error:
        failed.append([words, repr(error)])
facts["failed"] = failed
print(json.dumps(facts))
"""
)


def _examples() -> Iterator[tuple[str, list[str]]]:
    import azext_dms_pg.cli.help  # noqa: F401 - fills knack's table

    for name, text in helps.items():
        if not name.startswith("dms"):
            continue
        for example in yaml.safe_load(text).get("examples", ()):
            words = shlex.split(example["text"].replace("\\\n", " "))
            assert words[: 1 + len(name.split())] == ["az", *name.split()], example
            yield name, words[1:]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import json

    az = Az(tmp_path_factory.mktemp("help"))
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, json.dumps([words for _, words in _examples()])],
        env=az.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_example_parses(facts: Any) -> None:
    assert facts["failed"] == []


def test_every_command_is_ours_and_has_help_and_an_example(facts: Any) -> None:
    examples = {name for name, _ in _examples()}
    for name, command in facts["commands"].items():
        assert command["from"] == "dms-pg", f"{name} is still core's"
        assert name in facts["helps"], f"{name} has no help"
        assert name in examples, f"{name} has no example"
    for group in facts["groups"]:
        assert group in facts["helps"], f"{group} has no help"


def test_every_parameter_has_help(facts: Any) -> None:
    missing = [
        f"{name} --{argument}"
        for name, command in facts["commands"].items()
        for argument, text in command["arguments"].items()
        if not text
    ]
    assert missing == []


def test_core_has_no_command_that_we_lack(facts: Any) -> None:
    from azure.cli.command_modules.dms import _help

    assert _help
    core = Path(_help.__file__).with_name("commands.py").read_text(encoding="utf-8")
    assert core.count("g.") >= 20
    assert {"dms wait", "dms list-skus", "dms project task check-name"} <= set(facts["commands"])
    assert len(facts["commands"]) >= 26


def test_the_second_command_is_ours_too(signed_out: Az) -> None:
    """az keeps an index of commands; a wrong entry would send every later command to core."""
    for _ in range(3):
        done = signed_out.run("dms", "show", "-g", "g", "-n", "n")
        assert "There is no local service" in done.err


def test_local_commands_import_neither_sdk_nor_driver(signed_out: Az) -> None:
    signed_out.check("dms", "create", "-l", "local", "-g", "g", "-n", "s")
    signed_out.check(
        "dms", "project", "create", "-g", "g", "--service-name", "s", "-n", "p",
        "--source-platform", "PostgreSQL", "--target-platform", "AzureDbForPostgreSql",
    )  # fmt: skip
    script = (
        "import sys\n"
        "from azure.cli.core import get_default_cli\n"
        "code = get_default_cli().invoke(sys.argv[1:])\n"
        "found = [name for name in sys.modules if name == 'psycopg'\n"
        "         or name.startswith(('azure.mgmt.', 'azure.identity'))]\n"
        "print(code, sorted(set(found) - {'azure.mgmt.core', 'azure.mgmt.core.tools'}))"
    )
    for words in (
        "dms project show -g g --service-name s -n p -o none",
        "dms project task list -g g --service-name s --project-name p -o none",
        "dms show -g g -n s -o none",
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, *words.split()],
            env=signed_out.variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.splitlines()[-1] == "0 []", (words, done.stdout, done.stderr)


def _query(facts: Any, name: str, option: str) -> str:
    """The query of an example, as az shows it when core's texts are loaded, too."""
    for example in yaml.safe_load(facts["helps"][name])["examples"]:
        words = shlex.split(example["text"])
        if option in words:
            return words[words.index(option) + 1]
    raise AssertionError(f"no example of {name} has {option}")


@pytest.mark.parametrize(
    ("states", "ready"),
    [
        (None, False),
        ([], False),
        (["INITIALIAZING"], False),
        (["READY_TO_COMPLETE", "RUNNING"], False),
        (["READY_TO_COMPLETE"], True),
        (["READY_TO_COMPLETE", "READY_TO_COMPLETE"], True),
    ],
)
def test_the_example_waits_for_every_database(
    facts: Any, states: list[str] | None, ready: bool
) -> None:
    levels: list[Any] = [
        {"resultType": "DatabaseLevelOutput", "migrationState": state} for state in states or ()
    ]
    output = None if states is None else [*levels, {"resultType": "MigrationLevelOutput"}]
    found = {"properties": {"state": "Running", "output": output}}
    query = _query(facts, "dms project task wait", "--custom")
    assert Condition(custom=query).met_by(found) == ready


def test_the_other_examples_with_queries_find_what_they_say(facts: Any) -> None:
    """Against what the local engine and the stand-in print."""
    sku = {"name": "Premium_4vCores", "locations": ["eastus2"]}
    other = {"name": "Basic", "locations": ["westus"]}
    assert jmespath.search(_query(facts, "dms list-skus", "--query"), [sku, other]) == [sku]
    task = {"properties": {"output": [{"migrationState": "READY_TO_COMPLETE"}, {"state": "x"}]}}
    assert (
        jmespath.search(_query(facts, "dms project task show", "--query"), task)
        == "READY_TO_COMPLETE"
    )
    report = {"databases": [{"name": "sales", "downtimeSeconds": 3}]}
    assert jmespath.search(_query(facts, "dms project task report", "--query"), report) == [
        ["sales", 3]
    ]
    network = {"pgHba": ["host …"]}
    assert jmespath.search(_query(facts, "dms network show", "--query"), network) == ["host …"]


def test_nothing_of_cores_help_for_other_platforms_is_lost(facts: Any) -> None:
    """Our text replaces core's, and the errors for those platforms send people to it."""
    from azure.cli.command_modules.dms import _help

    cores = Path(_help.__file__).read_text(encoding="utf-8")
    ours = yaml.safe_load(facts["helps"]["dms project task create"])["long-summary"]
    start = cores.index("helps['dms project task create']")
    text = cores[start : cores.index("helps['dms project task delete']")]
    keys = set(re.findall(r"""["'](\w+)["']\s*:""", text)) - {"setting1"}
    assert len(keys) > 40
    assert {key for key in keys if key not in ours} == set()
    for pair in ("SQL -> SQLDB", "MySQL -> AzureDbForMySQL"):
        assert pair in ours
        assert pair in yaml.safe_load(facts["helps"]["dms project create"])["long-summary"]
    assert "OfflineMigration, OnlineMigration, ReplicateChanges" in ours
