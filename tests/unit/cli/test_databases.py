"""The list of databases: as JSON, or as flags."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azext_dms_pg.cli import databases
from azext_dms_pg.errors import InputError
from azext_dms_pg.model.task_input import DatabaseInput


def test_everything_core_reads() -> None:
    (found,) = databases.from_json(
        [
            {
                "name": "a",
                "target_database_name": "b",
                "selectedTables": ["public.x", 'public."Y z"'],
                "migrationSetting": {"m": "1"},
                "sourceSetting": {"s": 2},
                "targetSetting": {"t": True},
            }
        ]
    )
    assert found == DatabaseInput(
        "a", "b", ("public.x", 'public."Y z"'), {"m": "1"}, {"s": "2"}, {"t": "true"}
    )


def test_target_defaults_to_source() -> None:
    assert databases.from_json([{"name": "a"}])[0].target_name == "a"


def test_flags() -> None:
    found = databases.chosen(None, ["a", "b=c"], None)
    assert [(item.name, item.target_name) for item in found] == [("a", "a"), ("b", "c")]
    (one,) = databases.chosen(None, ["a"], ["public.x"])
    assert one.selected_tables == ("public.x",)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "a"}, "found one object"),
        ("x", "expected a list"),
        ([1], "entry 1: expected an object"),
        ([{"name": ""}], "expected the name of a database"),
        ([{"name": "a"}, {"name": 1}], "entry 2"),
        ([{"name": "a", "target_database_name": " "}], "target_database_name"),
        ([{"name": "a", "selectedTables": "x"}], "expected a list of names"),
        ([{"name": "a", "selectedTables": []}], "nothing would be migrated"),
        ([{"name": "a", "selectedTables": [1]}], "expected a name like"),
        ([{"name": "a", "migrationSetting": [1]}], "expected an object of names"),
        ([{"name": "a", "migrationSetting": {"x": [1]}}], "migrationSetting, x"),
        ([{"name": "a", "selected_table": []}], "'selected_table' is not an option"),
    ],
)
def test_refused(value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        databases.from_json(value)


def test_on_azure_settings_and_what_is_empty_go_as_they_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The body they make is compared with core's in the tests of the Azure backend."""
    entry = {
        "name": "a",
        "targetDatabaseName": "b",
        "selected_tables": [],
        "migrationSetting": {"x": True, "y": None, "z": [1]},
        "sourceSetting": {},
        "table_map": {},
    }
    assert databases.for_azure(json.dumps([entry]), None, None) == [
        {
            "name": "a",
            "target_database_name": "b",
            "selectedTables": [],
            "migrationSetting": {"x": True, "y": None, "z": [1]},
            "sourceSetting": {},
        }
    ]
    (said,) = caplog.messages
    assert "'table_map' is not an option" in said


def test_flags_on_azure() -> None:
    found = databases.for_azure(None, ["a=b"], ["public.x"])
    assert found == [{"name": "a", "target_database_name": "b", "selectedTables": ["public.x"]}]
    assert databases.for_azure('[{"name": "a"}]', None, None)[0]["target_database_name"] == "a"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{}", "found one object"),
        ("[]", "list no database"),
        ('[{"name": "a"}, {"name": "a", "target_database_name": "b"}]', "more than once"),
        ('[{"name": ""}]', "expected the name of a database"),
        ('[{"name": "a", "selectedTables": "x"}]', "expected a list of names"),
        ('[{"name": "a", "sourceSetting": "x"}]', "expected an object of names"),
    ],
)
def test_refused_on_azure(value: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        databases.for_azure(value, None, None)


def test_an_empty_name_is_not_every_database() -> None:
    assert databases.one(None) is None
    assert databases.one("a") == "a"
    for blank in ("", " "):
        with pytest.raises(InputError, match="--object-name is empty"):
            databases.one(blank)


@pytest.mark.parametrize(
    ("options", "names", "tables", "message"),
    [
        (None, None, None, "No database"),
        ("[]", ["a"], None, "both given"),
        ("[]", None, ["x"], "both given"),
        (None, ["a", "b"], ["x"], "exactly one database"),
        (None, ["=a"], None, "SOURCE=TARGET"),
        (None, ["a="], None, "SOURCE=TARGET"),
    ],
)
def test_flags_refused(
    options: str | None, names: list[str] | None, tables: list[str] | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        databases.chosen(options, names, tables)
