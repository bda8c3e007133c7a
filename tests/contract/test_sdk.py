"""Our own model against the SDK's, on the version core pins and on the newest.

The extension keeps its own frozen model so that a worker never loads an SDK; these tests are
what makes that safe.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from azext_dms_pg.backends import shape
from azext_dms_pg.model import states
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.task_input import TASK_TYPE, DatabaseInput, TaskInput
from azext_dms_pg.state import report
from azext_dms_pg.state.records import EventRecord
from tests.unit.state.test_report import SNAPSHOT

ROOT = Path(__file__).parents[2]
NEWEST = "10.1.0"
CLASS = "MigratePostgreSqlAzureDbForPostgreSqlSync"

Facts = dict[str, Any]


def _facts(first: Path | None) -> Facts:
    paths = [str(path) for path in (first, ROOT) if path is not None]
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract.sdk_facts"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: Facts = json.loads(done.stdout)
    return found


def _newest() -> Path:
    """The newest SDK in a directory of its own: it must not replace the one core pins."""
    directory = ROOT / ".cache" / f"sdk-{NEWEST}"
    if not (directory / "azure" / "mgmt" / "datamigration").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile"]
        wanted = f"azure-mgmt-datamigration=={NEWEST}"
        done = subprocess.run(
            [*pip, "--target", str(directory), wanted], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"{wanted} cannot be installed: {done.stderr.strip()[-200:]}")
    return directory


@pytest.fixture(scope="module", params=["core's", NEWEST])
def sdk(request: pytest.FixtureRequest) -> Facts:
    if request.param == NEWEST:
        found = _facts(_newest())
        assert found["version"] == NEWEST
        return found
    found = _facts(None)
    assert found["version"].startswith("10.0.")
    return found


def _keys(facts: Facts, name: str) -> set[str]:
    return set(facts["attributes"][name])


INPUT = TaskInput(
    source=Connection("s", "u", Secret("p"), "d", 5433, encrypt=False),
    target=Connection("t", "v", Secret("q"), trust_server_certificate=True),
    databases=(
        DatabaseInput("a", "b", ("x.y",), {"m": "1"}, {"s": "2"}, {"t": "3"}),
        DatabaseInput("c", "d"),
    ),
)


def test_the_request_is_our_model_with_passwords(sdk: Facts) -> None:
    """What the SDK sends is ``to_wire`` with the passwords (nulls are left out on the wire)."""
    wire = INPUT.to_wire()
    wire["sourceConnectionInfo"] |= {"password": "p"}
    wire["targetConnectionInfo"] |= {"password": "q", "encryptConnection": True}
    assert sdk["task"] == {"properties": {"taskType": TASK_TYPE, "input": wire}}


def test_input_keys_are_the_sdks(sdk: Facts) -> None:
    wire = INPUT.to_wire()
    assert set(wire) <= _keys(sdk, f"{CLASS}TaskInput")
    assert set(wire["sourceConnectionInfo"]) <= _keys(sdk, "PostgreSqlConnectionInfo")
    assert set(wire["selectedDatabases"][0]) <= _keys(sdk, f"{CLASS}DatabaseInput")
    assert set(wire["selectedDatabases"][0]["selectedTables"][0]) == _keys(
        sdk, f"{CLASS}DatabaseTableInput"
    )


@pytest.mark.parametrize("kind", ["service", "project", "task"])
def test_printed_keys_are_cores(sdk: Facts, kind: str) -> None:
    """Nothing core prints is missing, so a query written against Azure finds its key."""
    ours = {
        "service": shape.service(
            resource_id="", name="", group="", location="", provisioning_state=""
        ),
        "project": shape.project(
            resource_id="",
            name="",
            group="",
            location="",
            source_platform="",
            target_platform="",
            provisioning_state="",
        ),
        "task": shape.task(resource_id="", name="", group="", properties={}),
    }[kind]
    assert set(ours) - {"resourceGroup"} >= set(sdk["printed"][kind]) - NEW_IN_NEWEST[kind]
    if sdk["version"].startswith("10.0."):
        assert set(ours) == set(sdk["printed"][kind]) | {"resourceGroup"}


#: Azure sends these only to callers of the newest api-version; core does not call it yet.
NEW_IN_NEWEST: dict[str, set[str]] = {
    "service": {"autoStopDelay", "deleteResourcesOnStop"},
    "project": {"etag", "azureAuthenticationInfo"},
    "task": set(),
    "status": {"agentConfiguration"},
}


def test_small_answers(sdk: Facts) -> None:
    status = shape.service_status(status="", vm_size=None, agent_version="", task_types=[])
    theirs = _keys(sdk, "DataMigrationServiceStatusResponse")
    assert set(status) == theirs - NEW_IN_NEWEST["status"]
    available = shape.name_availability(available=True, reason=None, message=None)
    assert set(available) == _keys(sdk, "NameAvailabilityResponse")
    assert set(shape.sku("x")) == _keys(sdk, "ServiceSku")
    properties = shape.task_properties(task_type="", state="", task_input=None)
    assert set(properties) >= _keys(sdk, f"{CLASS}TaskProperties") - {
        "createdOn",
        "isCloneable",
        "taskId",
    }


def test_output_levels(sdk: Facts) -> None:
    event = EventRecord(
        id=1,
        ordinal=0,
        at="x",
        severity="error",
        code="C",
        subject="s",
        message="m",
        action="a",
    )
    snapshot = replace(SNAPSHOT, events=(event,))
    output = report.output(snapshot, report.standing(snapshot, report.Liveness.ALIVE))
    levels = {item["resultType"]: item for item in output}
    for level, name in (
        ("MigrationLevelOutput", "MigrationLevel"),
        ("DatabaseLevelOutput", "DatabaseLevel"),
        ("TableLevelOutput", "TableLevel"),
        ("ErrorOutput", "Error"),
        ("DatabaseLevelErrorOutput", "DatabaseError"),
    ):
        assert set(levels[level]) >= _keys(sdk, f"{CLASS}TaskOutput{name}"), level
    error = levels["ErrorOutput"]["error"]
    assert set(error) >= _keys(sdk, "ReportableException")
    (shown,) = levels["DatabaseLevelErrorOutput"]["events"]
    assert set(shown) == _keys(sdk, "SyncMigrationDatabaseErrorEvent")


@pytest.mark.parametrize(
    ("ours", "theirs", "beyond"),
    [
        (states.MigrationState, "SyncDatabaseMigrationReportingState", set()),
        (states.TableState, "SyncTableMigrationState", set()),
        (states.ReplicateState, "ReplicateMigrationState", set()),
        (states.CommandState, "CommandState", set()),
        # The live service answers this after a cancel, though no SDK knows it.
        (states.TaskState, "TaskState", {"Canceling"}),
    ],
)
def test_states_are_spelled_as_the_service_does(
    sdk: Facts, ours: type[states.Wire], theirs: str, beyond: set[str]
) -> None:
    assert {item.value for item in ours} - beyond <= set(sdk["enums"][theirs])


def test_operations_take_what_we_pass(sdk: Facts) -> None:
    for name, parameters in sdk["parameters"].items():
        group = name.partition("Operations")[0]
        if name.endswith(("list_skus", ".list")) and group in {"ResourceSkus", "Services"}:
            continue
        if name.endswith(".check_name_availability"):
            assert {"location", "parameters"} <= set(parameters)
            continue
        assert "group_name" in parameters, name
        if group == "Tasks":
            assert {"service_name", "project_name"} <= set(parameters), name
    assert "expand" in sdk["parameters"]["TasksOperations.get"]
    assert "task_type" in sdk["parameters"]["TasksOperations.list"]
    for group in ("Tasks", "Projects"):
        assert "delete_running_tasks" in sdk["parameters"][f"{group}Operations.delete"]
