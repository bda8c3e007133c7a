"""The resources the stand-in answers with, and how a task gets on from look to look."""

from __future__ import annotations

import base64
import copy
import hashlib
from typing import Any

from tests.support.arm.messages import Json, Response, error

_WHEN = "2026-01-02T03:04:05+00:00"
_TASK_TYPES = [
    "Migrate.PostgreSql.AzureDbForPostgreSql.SyncV2",
    "Migrate.MySql.AzureDbForMySql",
    "Migrate.SqlServer.SqlDb",
]
STATUS = {
    "agentVersion": "5.0.1234.5",
    "status": "Online",
    "supportedTaskTypes": _TASK_TYPES,
    "vmSize": "Standard_A4_v2",
}
SKUS = [
    {
        "resourceType": "services",
        "name": name,
        "tier": name.split("_")[0],
        "size": name.split("_")[1],
        "family": name[0] if name[0] == "B" else "P",
        "kind": None,
        "locations": ["eastus2", "westcentralus"],
        "capabilities": [],
        "restrictions": [],
    }
    for name in ("Basic_1vCore", "Standard_4vCores", "Premium_4vCores")
]


def service(resource_id: str, name: str, body: Json) -> Json:
    return {
        "id": resource_id,
        "name": name,
        "type": "Microsoft.DataMigration/services",
        "etag": _etag(body),
        "kind": "Cloud",
        "location": body["location"],
        "tags": body.get("tags"),
        "sku": {**body["sku"], "tier": body["sku"]["name"].split("_")[0], "size": "4 vCores"},
        "properties": {
            "provisioningState": "Succeeded",
            "virtualSubnetId": body["properties"]["virtualSubnetId"],
            "virtualNicId": _nic(resource_id),
        },
    }


def _nic(service_id: str) -> str:
    group, _, rest = service_id.partition("/providers/")
    name = rest.rpartition("/")[2]
    return f"{group}/providers/Microsoft.Network/networkInterfaces/NIC-{name}"


def project(resource_id: str, name: str, body: Json) -> Json:
    return {
        "id": resource_id,
        "name": name,
        "type": "Microsoft.DataMigration/services/projects",
        "location": body["location"],
        "tags": body.get("tags"),
        "properties": {
            **body["properties"],
            "sourcePlatform": _platform(body["properties"]["sourcePlatform"]),
            "targetPlatform": _platform(body["properties"]["targetPlatform"]),
            "creationTime": _WHEN,
            "provisioningState": "Succeeded",
        },
    }


def task(resource_id: str, name: str, body: Json, number: int) -> Json:
    properties = copy.deepcopy(body["properties"])
    for side in ("sourceConnectionInfo", "targetConnectionInfo"):
        connection = properties["input"][side]
        if connection.get("password"):
            connection["password"] = _encrypted(connection["password"])
    properties["input"]["encryptedKeyForSecureFields"] = _encrypted("key")
    return {
        "id": resource_id,
        "name": name,
        "type": "Microsoft.DataMigration/services/projects/tasks",
        "etag": _etag(body),
        "properties": {
            **properties,
            "taskId": f"55555555-5555-5555-5555-{number:012}",
            "isCloneable": True,
            "createdOn": _WHEN,
            "state": "Queued",
        },
    }


def progress(found: Json, looks: int) -> None:
    """Running at the first look, ready at the second; a cutover ends at the next look."""
    properties = found["properties"]
    if properties["state"] == "Canceling":
        properties["state"] = "Canceled"
        _finish(properties, "CANCELLED", only=None)
        return
    if properties["state"] in {"Canceled", "Succeeded", "Failed"}:
        return
    properties["state"] = "Running"
    if "output" not in properties and "SyncV2" in properties["taskType"]:
        properties["output"] = _output(properties["input"])
    if looks < 2 or "output" not in properties:
        return
    for entry in properties["output"]:
        if entry.get("migrationState") == "INITIALIAZING":
            entry.update(
                migrationState="READY_TO_COMPLETE",
                initializationCompleted=True,
                fullLoadCompletedTables=2,
                fullLoadLoadingTables=0,
            )
        elif entry.get("state") == "FULL_LOAD":
            entry.update(state="COMPLETED", fullLoadEndedOn=_WHEN)
    for item in properties.get("commands") or ():
        if item["state"] == "Accepted":
            item["state"] = "Succeeded"
            _finish(properties, "COMPLETE", only=item["input"]["databaseName"])
    states = {entry.get("migrationState") for entry in properties["output"]} - {None}
    if states == {"COMPLETE"}:
        properties["state"] = "Succeeded"


def cancel(found: Json) -> None:
    if found["properties"]["state"] not in {"Canceled", "Succeeded"}:
        found["properties"]["state"] = "Canceling"


def command(found: Json, body: Json) -> Response:
    wanted = (body.get("input") or {}).get("databaseName")
    names = {item["name"].lower() for item in found["properties"]["input"]["selectedDatabases"]}
    if str(wanted).lower() not in names:
        return error(400, "DatabaseNotFound", f"The database '{wanted}' is not part of the task.")
    states = {
        str(entry.get("databaseName")).lower(): entry.get("migrationState")
        for entry in found["properties"].get("output") or ()
        if entry.get("migrationState")
    }
    if states.get(str(wanted).lower()) != "READY_TO_COMPLETE":
        return error(
            409, "DatabaseNotReady", f"The database '{wanted}' is not ready for the cutover."
        )
    answer = {**body, "state": "Accepted", "errors": []}
    found["properties"].setdefault("commands", []).append(answer)
    return Response(200, answer)


def _finish(properties: Json, state: str, *, only: str | None) -> None:
    for entry in properties.get("output") or ():
        mine = only is None or str(entry.get("databaseName")).lower() == only.lower()
        if mine and "migrationState" in entry:
            entry.update(migrationState=state, endedOn=_WHEN)


def _output(task_input: Json) -> list[Json]:
    levels: list[Json] = []
    for database in task_input["selectedDatabases"]:
        name = database["name"]
        levels.append(
            {
                "appliedChanges": 0,
                "cdcDeleteCounter": 0,
                "cdcInsertCounter": 0,
                "cdcUpdateCounter": 0,
                "databaseName": name,
                "fullLoadCompletedTables": 0,
                "fullLoadErroredTables": 0,
                "fullLoadLoadingTables": 2,
                "fullLoadQueuedTables": 0,
                "id": f"db|{name}",
                "incomingChanges": 0,
                "initializationCompleted": False,
                "latency": 0,
                "migrationState": "INITIALIAZING",
                "resultType": "DatabaseLevelOutput",
                "startedOn": _WHEN,
            }
        )
    levels.append(
        {
            "databaseCount": len(task_input["selectedDatabases"]),
            "id": "66666666-6666-6666-6666-666666666666",
            "resultType": "MigrationLevelOutput",
            "sourceServer": task_input["sourceConnectionInfo"]["serverName"],
            "sourceVersion": "PostgreSQL",
            "startedOn": _WHEN,
            "state": "PENDING",
            "targetServer": task_input["targetConnectionInfo"]["serverName"],
            "targetVersion": "Azure Database for PostgreSQL",
        }
    )
    levels += [
        _table(database["name"], table)
        for database in task_input["selectedDatabases"]
        for table in ("actor", "address")
    ]
    return levels


def _table(database: str, table: str) -> Json:
    return {
        "cdcDeleteCounter": 0,
        "cdcInsertCounter": 0,
        "cdcUpdateCounter": 0,
        "dataErrorsCount": 0,
        "databaseName": database,
        "fullLoadEstFinishTime": "1970-01-01T00:00:00+00:00",
        "fullLoadStartedOn": _WHEN,
        "fullLoadTotalRows": 10,
        "fullLoadTotalVolumeBytes": 7056,
        "id": f"or|{database}|public|{table}",
        "lastModifiedTime": _WHEN,
        "resultType": "TableLevelOutput",
        "state": "FULL_LOAD",
        "tableName": f"public.{table}",
        "totalChangesApplied": 0,
    }


def _encrypted(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _etag(body: Any) -> str:
    return hashlib.sha256(repr(body).encode()).hexdigest()[:16]


def _platform(text: str) -> str:
    known = ("PostgreSQL", "AzureDbForPostgreSql", "MySQL", "AzureDbForMySql", "SQL", "SQLDB")
    return next((name for name in known if name.lower() == text.lower()), text)
