"""Where each value of a connection comes from: file, flag, environment, prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from azext_dms_pg.cli import databases, inputs, passfile
from azext_dms_pg.cli.inputs import SOURCE, TARGET, Flags
from azext_dms_pg.errors import InputError
from azext_dms_pg.model.connection import TOKEN_RESOURCES


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for side in ("SOURCE", "TARGET"):
        for what in ("USER", "PASSWORD"):
            monkeypatch.delenv(f"AZEXT_DMS_PG_{side}_{what}", raising=False)
    monkeypatch.setenv("PGPASSFILE", "/nowhere")


HERE: dict[str, Any] = {"serverName": "s"}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What is typed at each prompt; a prompt that is not in it fails the test."""
    typed: dict[str, str] = {}

    def answer(msg: str) -> str:
        return typed.pop(msg)

    monkeypatch.setattr("knack.prompting.prompt", answer)
    monkeypatch.setattr("knack.prompting.prompt_pass", answer)
    return typed


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        ('{"a": "ü"}', "utf-8"),
        ('{"a": "ü"}', "utf-8-sig"),
        ('{"a": "ü"}', "utf-16"),
        ("{'a': 'ü'}", "utf-8"),
    ],
)
def test_reads_files(tmp_path: Path, raw: str, encoding: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(raw.encode(encoding))
    assert inputs.read_json(str(path), "--x") == {"a": "ü"}


def test_reads_inline() -> None:
    assert inputs.read_json('{"a": 1}', "--x") == {"a": 1}
    assert inputs.read_json("{'a': r'C:\\q', 'b': ('x' 'y')}", "--x") == {"a": "C:\\q", "b": "xy"}


def test_names_file_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "source.json"
    path.write_text('{\n "a": 1,\n be prompted\n}')
    with pytest.raises(InputError) as caught:
        inputs.read_json(str(path), "--source-connection-json")
    assert f"{path}, line 3, column 2" in caught.value.message
    assert "--source-connection-json" in caught.value.message
    assert "be prompted" in caught.value.message


def test_not_text(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{\n"a": "\xff"}')
    with pytest.raises(InputError, match="line 2"):
        inputs.read_json(str(path), "--x")


def test_missing_file_is_named() -> None:
    with pytest.raises(InputError, match=r"no file 'nowhere/a\.json'"):
        inputs.read_json("nowhere/a.json", "--x")


@pytest.mark.parametrize("value", ["postgresql://u:canary@h/d", "canary", "host=h password=canary"])
def test_what_may_be_a_password_is_not_repeated(value: str) -> None:
    with pytest.raises(InputError) as caught:
        inputs.read_json(value, "--x")
    assert "canary" not in caught.value.message + caught.value.action


@pytest.mark.parametrize("value", ["[]", '"text"', "null", "1"])
def test_a_connection_is_an_object(value: str) -> None:
    with pytest.raises(InputError):
        inputs.connection_json(value, SOURCE)


@pytest.mark.parametrize(
    ("words", "warned"),
    [
        (["--source-connection-json", "VALUE"], True),
        (["--source-connection-json=VALUE"], True),
        (["--source-connection-json", "@source.json"], False),
    ],
)
def test_only_a_password_that_was_typed_is_warned_of(
    words: list[str],
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """az itself puts a file into the place of @FILE."""
    value = '{"serverName": "a", "password": "canary"}'
    monkeypatch.setattr("sys.argv", ["az", *(word.replace("VALUE", value) for word in words)])
    inputs.connection_json(value, SOURCE)
    assert bool(caplog.messages) == warned
    assert "canary" not in caplog.text


@pytest.mark.parametrize("debug", [False, True])
def test_who_typed_a_password_is_told_the_way_on(
    debug: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    value = '{"serverName": "a", "password": "canary"}'
    monkeypatch.setattr("sys.argv", ["az", SOURCE.option, value, *(["--debug"] if debug else [])])
    inputs.connection_json(value, SOURCE)
    (told,) = caplog.messages
    assert "AZEXT_DMS_PG_SOURCE_PASSWORD" in told
    assert ("printed by --debug just now: change it" in told) is debug


def test_a_password_of_digits_is_text() -> None:
    wire = inputs.connection_json('{"serverName": "a", "password": 123}', SOURCE)
    assert wire["password"] == "123"


def test_flags_win_over_json() -> None:
    wire = inputs.connection_json(
        '{"serverName": "a", "port": 1, "userName": "u"}', SOURCE, Flags(server="b", port=2)
    )
    assert wire == {"serverName": "b", "port": 2, "userName": "u"}


def test_neither_flag_nor_json() -> None:
    with pytest.raises(InputError, match="No target server") as caught:
        inputs.connection_json(None, TARGET)
    assert "--target-server" in caught.value.action
    assert "--target-connection-json" in caught.value.action


def test_json_wins_over_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZEXT_DMS_PG_SOURCE_USER", "other")
    monkeypatch.setenv("AZEXT_DMS_PG_SOURCE_PASSWORD", "other")
    filled = inputs.complete({"userName": "u", "password": "p"}, SOURCE, token_allowed=False)
    assert (filled["userName"], filled["password"]) == ("u", "p")


def test_environment_wins_over_prompt(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, str]
) -> None:
    monkeypatch.setenv("AZEXT_DMS_PG_TARGET_USER", "u")
    monkeypatch.setenv("AZEXT_DMS_PG_TARGET_PASSWORD", "p")
    filled = inputs.complete(HERE, TARGET, token_allowed=False)
    assert (filled["userName"], filled["password"]) == ("u", "p")
    assert answers == {}


def test_prompts_are_those_of_core(answers: dict[str, str]) -> None:
    answers.update({"Source Database Username: ": "u", "Source Database Password: ": "p"})
    filled = inputs.complete({**HERE, "userName": None}, SOURCE, token_allowed=False)
    assert (filled["userName"], filled["password"]) == ("u", "p")


@pytest.mark.parametrize(
    ("wire", "variable", "key"),
    [
        (HERE, "AZEXT_DMS_PG_SOURCE_USER", "userName"),
        ({**HERE, "userName": "u"}, "AZEXT_DMS_PG_SOURCE_PASSWORD", "password"),
    ],
)
def test_without_terminal(wire: dict[str, Any], variable: str, key: str) -> None:
    with pytest.raises(InputError) as caught:
        inputs.complete(wire, SOURCE, token_allowed=False)
    assert variable in caught.value.action
    assert f'"{key}"' in caught.value.action
    assert "--source-connection-json" in caught.value.action
    assert caught.value.code == "NoTerminal"


def test_entra_id_needs_no_password() -> None:
    wire = {"userName": "u", "serverName": "s", "authentication": "activedirectory"}
    assert inputs.complete(wire, SOURCE, token_allowed=True)["password"] is None


AZURE_SERVER = {"userName": "u", "serverName": " x.postgres.database.azure.com"}


def test_an_azure_server_without_password_signs_in_with_entra_id() -> None:
    assert inputs.complete(AZURE_SERVER, TARGET, token_allowed=True)["password"] is None


@pytest.mark.parametrize(("typed", "password"), [("p", "p"), ("", None)])
def test_a_person_is_asked_for_the_password_of_an_azure_server(
    answers: dict[str, str], typed: str, password: str | None
) -> None:
    answers["Target Database Password (empty: sign in with Microsoft Entra ID): "] = typed
    assert inputs.complete(AZURE_SERVER, TARGET, token_allowed=True)["password"] == password


@pytest.mark.parametrize(("postgresql", "password"), [(True, None), (False, "")])
def test_an_empty_password_is_one_for_mysql(
    answers: dict[str, str], postgresql: bool, password: str | None
) -> None:
    answers["Source Database Password: "] = ""
    wire = {"serverName": "s", "userName": "u"}
    filled = inputs.complete(wire, SOURCE, token_allowed=False, postgresql=postgresql)
    assert filled["password"] == password


@pytest.mark.parametrize(
    "server", ["x.postgres.database.usgovcloudapi.net", "X.Postgres.Database.ChinaCloudApi.cn"]
)
def test_other_clouds_have_servers_too(server: str) -> None:
    wire = {"userName": "u", "serverName": server}
    assert inputs.complete(wire, TARGET, token_allowed=True)["password"] is None


def test_the_clouds_are_those_azure_cli_knows() -> None:
    from azure.cli.core.cloud import KNOWN_CLOUDS

    assert {
        cloud.suffixes.postgresql_server_endpoint: cloud.endpoints.ossrdbms_resource_id
        for cloud in KNOWN_CLOUDS
    } == TOKEN_RESOURCES


def test_azure_dms_needs_a_password_for_an_azure_server() -> None:
    wire = {"userName": "u", "serverName": "x.postgres.database.azure.com"}
    with pytest.raises(InputError):
        inputs.complete(wire, TARGET, token_allowed=False)


def test_connection_errors_name_the_option() -> None:
    good = {"serverName": "a", "userName": "u", "password": "p"}
    chosen = databases.chosen(None, ["d"], None)
    with pytest.raises(InputError, match=r"--target-connection-json: .*serverName"):
        inputs.task_input(good, {"serverName": ""}, chosen)
    with pytest.raises(InputError, match=r"--source-connection-json: .*port"):
        inputs.task_input({**good, "port": "x"}, good, chosen)


def test_blanks_around_values_go() -> None:
    """The tutorial's own target.json has them."""
    wire = {"serverName": " a ", "userName": " dms@b", "password": " p "}
    read = inputs.task_input(wire, wire, databases.chosen(None, ["d"], None)).source
    assert (read.server, read.user) == ("a", "dms@b")
    assert read.password is not None
    assert read.password.reveal() == " p "


def test_password_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "pgpass"
    path.write_text("# note\nother:*:*:*:wrong\ndb\\:1:5432:*:me:se\\:cr:et\n*:*:*:*:any\n")
    path.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(path))
    wire = {"serverName": " db:1", "userName": "me"}
    assert inputs.complete(wire, SOURCE, token_allowed=False)["password"] == "se:cr:et"
    wire["port"] = "1"
    assert inputs.complete(wire, SOURCE, token_allowed=False)["password"] == "any"
    path.chmod(0o640)
    with pytest.raises(InputError):
        inputs.complete(wire, SOURCE, token_allowed=False)


def test_password_file_of_windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "postgresql" / "pgpass.conf"
    path.parent.mkdir()
    path.write_text("*:*:*:*:any\n")
    path.chmod(0o644)
    monkeypatch.delenv("PGPASSFILE")
    monkeypatch.setenv("APPDATA", str(tmp_path))
    monkeypatch.setattr(passfile, "_on_windows", lambda: True)
    assert passfile.password("s", "5432", "d", "u") == "any"
