"""Options a project or a service does not understand are refused before anything is sent."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from azext_dms_pg.backends.base import TaskAddress
from azext_dms_pg.cli import flags, handover, task
from azext_dms_pg.cli.platforms import Pair
from azext_dms_pg.errors import InputError

MYSQL = Pair("MySQL", "AzureDbForMySQL")
SQL = Pair("SQL", "SQLDB")
WHERE = ("g", "s", "p", "t")
ADDRESS = TaskAddress(*WHERE)
FILES: dict[str, Any] = {
    "source_connection_json": "{}",
    "target_connection_json": "{}",
    "database_options_json": "{}",
}


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project for MySQL; whatever else is asked of Azure fails the test."""
    shown = {"sourcePlatform": MYSQL.source, "targetPlatform": MYSQL.target}
    backend = SimpleNamespace(projects=SimpleNamespace(show=lambda _: shown))
    monkeypatch.setattr(task, "_backend", lambda *_: backend)
    return None


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("argument", "value", "flag"),
    [
        ("source_server", "x", "--source-server"),
        ("source_port", 1, "--source-port"),
        ("source_user", "x", "--source-user"),
        ("source_database", "x", "--source-database"),
        ("target_server", "x", "--target-server"),
        ("target_port", 1, "--target-port"),
        ("target_user", "x", "--target-user"),
        ("target_database", "x", "--target-database"),
        ("databases_to_migrate", ["x"], "--databases"),
        ("tables", ["x"], "--tables"),
        ("wait_until", "ready", "--wait-until"),
        ("validate_only", True, "--validate-only"),
        ("migrate_schema", True, "--migrate-schema"),
    ],
)
def test_mysql_refuses_what_is_for_postgresql(argument: str, value: Any, flag: str) -> None:
    with pytest.raises(InputError, match=rf"^{flag}: only for PostgreSQL"):
        task.create_task(None, *WHERE, **{**FILES, argument: value})


@pytest.mark.usefixtures("project")
def test_every_flag_is_named() -> None:
    with pytest.raises(InputError, match=r"^--databases, --validate-only: only"):
        task.create_task(None, *WHERE, **FILES, databases_to_migrate=["x"], validate_only=True)
    with pytest.raises(InputError, match=r"^--make-source-read-only: only"):
        task.cutover_task(None, *WHERE, object_name="x", make_source_read_only=True)


def test_on_azure_each_flag_has_another_way() -> None:
    flags.only_for_local({"--validate-only": False, "--migrate-schema": None})
    with pytest.raises(InputError, match=r"^--migrate-schema: only for services") as caught:
        flags.only_for_local({"--validate-only": False, "--migrate-schema": True})
    assert "pg_dump -s" in caught.value.action


@pytest.mark.parametrize("missing", FILES)
def test_what_is_missing_is_known_before_azure_is_asked(missing: str) -> None:
    given = {name: value for name, value in FILES.items() if name != missing}
    with pytest.raises(InputError) as caught:
        task.create_task(None, *WHERE, **given)
    assert caught.value.code == "MissingArgument"


@pytest.mark.parametrize(
    ("pair", "options"),
    [(SQL, "{}"), (SQL, "[1]"), (SQL, "null"), (MYSQL, "[]"), (MYSQL, '"x"')],
)
def test_the_shape_of_the_options_is_checked_before_core_trips_over_it(
    pair: Pair, options: str
) -> None:
    tasks: Any = None
    with pytest.raises(InputError, match="--database-options-json: expected"):
        handover.create_task(
            tasks, ADDRESS, pair, None, "{}", "{}", options, validations=(False, False, False)
        )


def test_a_core_without_its_module_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.cli.command_modules.dms", None)
    tasks: Any = None
    with pytest.raises(InputError, match="own module dms"):
        handover.cutover(tasks, ADDRESS, MYSQL, "x")


def test_who_answers_nothing_for_a_mysql_password_is_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    sent: list[Any] = []

    def nothing(msg: str) -> str:
        asked.append(msg)
        return ""

    monkeypatch.setattr("knack.prompting.prompt_pass", nothing)
    monkeypatch.setattr("azure.cli.command_modules.dms.custom.prompt_pass", nothing)
    tasks: Any = SimpleNamespace(put=lambda *given: sent.append(given))
    connection = '{"userName": "u", "serverName": "s"}'
    options = '{"selected_databases": [{"name": "a", "target_database_name": "b"}]}'
    none = (False, False, False)
    handover.create_task(
        tasks, ADDRESS, MYSQL, None, connection, connection, options, validations=none
    )
    assert asked == ["Source Database Password: ", "Target Database Password: "]
    ((_, properties, secrets),) = sent
    assert properties.input.source_connection_info.password == ""
    assert secrets == []
