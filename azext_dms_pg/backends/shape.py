"""What ``az dms`` prints, key by key, for services, projects and tasks.

Source: the SDK models of azure-mgmt-datamigration 10.0.0 after the CLI's own ``todict``: flat
services and projects, ``properties`` kept on tasks, null for what is unset. The contract tests
hold these functions against those models. Knows nothing of where the values come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

PROVIDER = "Microsoft.DataMigration"
SERVICE_TYPE = f"{PROVIDER}/services"
PROJECT_TYPE = f"{SERVICE_TYPE}/projects"
TASK_TYPE = f"{PROJECT_TYPE}/tasks"

#: Stands in resource ids of local services where Azure has a subscription, so that `--ids` works.
LOCAL_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


def service_id(subscription: str, group: str, service: str) -> str:
    return (
        f"/subscriptions/{subscription}/resourceGroups/{group}"
        f"/providers/{PROVIDER}/services/{service}"
    )


def project_id(subscription: str, group: str, service: str, project: str) -> str:
    return f"{service_id(subscription, group, service)}/projects/{project}"


def task_id(subscription: str, group: str, service: str, project: str, task: str) -> str:
    return f"{project_id(subscription, group, service, project)}/tasks/{task}"


def service(  # noqa: PLR0913 - one argument a printed key
    *,
    resource_id: str,
    name: str,
    group: str,
    location: str,
    provisioning_state: str,
    etag: str | None = None,
    kind: str | None = None,
    sku: Json | None = None,
    subnet: str | None = None,
    nic: str | None = None,
    public_key: str | None = None,
    tags: Mapping[str, str] | None = None,
    system_data: Json | None = None,
) -> Json:
    return {
        "etag": etag,
        "id": resource_id,
        "kind": kind,
        "location": location,
        "name": name,
        "provisioningState": provisioning_state,
        "publicKey": public_key,
        "resourceGroup": group,
        "sku": sku,
        "systemData": system_data,
        "tags": None if tags is None else dict(tags),
        "type": SERVICE_TYPE,
        "virtualNicId": nic,
        "virtualSubnetId": subnet,
    }


def sku(name: str, *, tier: str | None = None, size: str | None = None) -> Json:
    """The ``sku`` of a service."""
    return {"capacity": None, "family": None, "name": name, "size": size, "tier": tier}


def service_status(
    *, status: str, vm_size: str | None, agent_version: str, task_types: list[str]
) -> Json:
    return {
        "agentVersion": agent_version,
        "status": status,
        "supportedTaskTypes": task_types,
        "vmSize": vm_size,
    }


def name_availability(*, available: bool, reason: str | None, message: str | None) -> Json:
    """``reason`` is ``AlreadyExists`` or ``Invalid`` when the name cannot be used."""
    return {"message": message, "nameAvailable": available, "reason": reason}


def project(  # noqa: PLR0913 - one argument a printed key
    *,
    resource_id: str,
    name: str,
    group: str,
    location: str,
    source_platform: str,
    target_platform: str,
    provisioning_state: str,
    creation_time: str | None = None,
    tags: Mapping[str, str] | None = None,
    system_data: Json | None = None,
) -> Json:
    return {
        "creationTime": creation_time,
        "databasesInfo": None,
        "id": resource_id,
        "location": location,
        "name": name,
        "provisioningState": provisioning_state,
        "resourceGroup": group,
        "sourceConnectionInfo": None,
        "sourcePlatform": source_platform,
        "systemData": system_data,
        "tags": None if tags is None else dict(tags),
        "targetConnectionInfo": None,
        "targetPlatform": target_platform,
        "type": PROJECT_TYPE,
    }


def task(
    *,
    resource_id: str,
    name: str,
    group: str,
    properties: Json,
    etag: str | None = None,
    system_data: Json | None = None,
) -> Json:
    """One task; ``properties`` is what ``task_properties`` makes, or more than that."""
    return {
        "etag": etag,
        "id": resource_id,
        "name": name,
        "properties": properties,
        "resourceGroup": group,
        "systemData": system_data,
        "type": TASK_TYPE,
    }


def history(
    *,
    samples: list[Json] | None = None,
    states: list[Json] | None = None,
    comparisons: list[Json] | None = None,
) -> Json:
    """What is remembered of a task: lag and totals over time, states, the newest comparison."""
    return {
        "comparisons": comparisons or [],
        "samples": samples or [],
        "states": states or [],
    }


def task_properties(
    *,
    task_type: str,
    state: str,
    task_input: Json | None,
    errors: list[Json] | None = None,
    commands: list[Json] | None = None,
    output: list[Json] | None = None,
    client_data: Json | None = None,
    extra: Json | None = None,
) -> Json:
    """:param extra: what the service sends beside the SDK's model, such as ``taskId``."""
    return {
        **(extra or {}),
        "clientData": client_data,
        "commands": commands,
        "errors": errors,
        "input": task_input,
        "output": output,
        "state": state,
        "taskType": task_type,
    }
