"""Microsoft.DataMigration as it is documented to behave, in memory.

Behaviour: creating answers 201 with Azure-AsyncOperation, stopping and starting 202 with that
and Location; projects and tasks are synchronous; a missing task answers 404 with an empty body;
the answer to a task's PUT holds encrypted passwords; a cancelled task is ``Canceling`` first.
Whatever was sent is kept in ``seen`` for tests to look at.
"""

from __future__ import annotations

import itertools
from typing import Any

from tests.support.arm import outputs
from tests.support.arm.messages import Json, Request, Response, error
from tests.support.arm.server import SUBSCRIPTION

PROVIDER = "microsoft.datamigration"
VERSIONS = {"2021-06-30", "2025-06-30"}
#: How often an operation is asked about before it has ended.
POLLS = 2
_SOON = "0.01"


class StandIn:
    """A brain for the server; ``others`` answers for other providers."""

    def __init__(self, others: Any = None) -> None:
        self.seen: list[Request] = []
        self.groups: dict[str, Json] = {
            "postgresdemo": _group("PostgresDemo"),
            "ernetwork": _group("ERNetwork"),
        }
        self.services: dict[tuple[str, ...], Json] = {}
        self.projects: dict[tuple[str, ...], Json] = {}
        self.tasks: dict[tuple[str, ...], Json] = {}
        self.looks: dict[tuple[str, ...], int] = {}
        self._operations: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._others = others

    def __call__(self, request: Request) -> Response:
        self.seen.append(request)
        parts = request.segments
        if parts[:2] != ["subscriptions", SUBSCRIPTION]:
            return error(404, "SubscriptionNotFound", "The subscription could not be found.")
        parts = parts[2:]
        lowered = [part.lower() for part in parts]
        if "providers" in lowered and lowered[lowered.index("providers") + 1] != PROVIDER:
            return self._others(request) if self._others else _unknown(request)
        if PROVIDER in lowered and request.query.get("api-version") not in VERSIONS:
            return error(400, "InvalidApiVersionParameter", "The api-version is invalid.")
        if lowered[0] == "resourcegroups" and len(parts) == 2:
            return self._group(lowered[1], parts[1])
        if lowered[0] == "providers":
            return self._subscription(request, parts[2:])
        if lowered[1] not in self.groups:
            return error(
                404, "ResourceGroupNotFound", f"Resource group '{parts[1]}' could not be found."
            )
        return self._resource(request, parts[1], parts[4:])

    def _group(self, key: str, name: str) -> Response:
        if key not in self.groups:
            return error(
                404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found."
            )
        return Response(200, self.groups[key])

    def _subscription(self, request: Request, parts: list[str]) -> Response:
        if parts == ["services"]:
            return Response(200, {"value": list(self.services.values())})
        if parts == ["skus"]:
            return Response(200, {"value": outputs.SKUS})
        if parts[0] == "locations" and parts[2] == "operationStatuses":
            left = self._operations.get(parts[3], 0)
            self._operations[parts[3]] = left - 1
            status = "Running" if left > 0 else "Succeeded"
            return Response(200, {"name": parts[3], "status": status}, _retry())
        if parts[0] == "locations" and parts[2] == "operationResults":
            left = self._operations.get(parts[3], 0)
            self._operations[parts[3]] = left - 1
            if left > 0:
                return Response(202, None, {**_retry(), "Location": "{origin}" + request.target})
            return Response(204)
        if parts[0] == "locations" and parts[2] == "checkNameAvailability":
            taken = {service["name"].lower() for service in self.services.values()}
            return _availability(request.json["name"], taken)
        return _unknown(request)

    def _resource(self, request: Request, group: str, parts: list[str]) -> Response:
        """``parts`` begins with ``services``."""
        names = parts[1::2]
        keys = (group.lower(), *(name.lower() for name in names))
        if parts == ["services"]:
            return Response(
                200, {"value": [item for key, item in self.services.items() if key[0] == keys[0]]}
            )
        if request.method == "POST" and parts[-1] == "checkNameAvailability":
            return self._child_name(request, group, names[0])
        kind = len(parts)
        if (
            kind >= 2
            and keys[:2] not in self.services
            and not (kind == 2 and request.method in {"PUT", "DELETE"})
        ):
            return error(
                404,
                "ResourceNotFound",
                f"The Resource 'Microsoft.DataMigration/services/{names[0]}' under resource group"
                f" '{group}' was not found.",
            )
        if kind in {2, 3} and (kind == 2 or parts[2] in {"start", "stop", "checkStatus"}):
            return self._service(request, group, names[0], parts[2] if kind == 3 else "")
        if kind == 3:
            return Response(
                200, {"value": [item for key, item in self.projects.items() if key[:2] == keys[:2]]}
            )
        if kind == 4:
            return self._project(request, group, names[0], names[1])
        if keys[:3] not in self.projects:
            return error(404, "ResourceNotFound", f"The project '{names[1]}' was not found.")
        if kind == 5:
            wanted = request.query.get("taskType")
            found = [
                _without_output(item)
                for key, item in self.tasks.items()
                if key[:3] == keys[:3] and wanted in {None, item["properties"]["taskType"]}
            ]
            return Response(200, {"value": found})
        return self._task(request, group, names, parts[6] if kind == 7 else "")

    def _service(self, request: Request, group: str, name: str, action: str) -> Response:
        key = (group.lower(), name.lower())
        found = self.services.get(key)
        if request.method == "PUT":
            body = request.json
            if "Missing" in str(body["properties"].get("virtualSubnetId")):
                return error(400, "SubnetNotFound", "The subnet of the request does not exist.")
            new = outputs.service(_id(group, "services", name), name, body)
            self.services[key] = new
            deploying = {**new, "properties": {**new["properties"]}}
            deploying["properties"]["provisioningState"] = "Deploying"
            return Response(200 if found else 201, deploying, self._operation(body["location"]))
        if request.method == "DELETE":
            if found is None:
                return Response(204)
            running = any(
                task["properties"]["state"] == "Running"
                for task_key, task in self.tasks.items()
                if task_key[:2] == key
            )
            if running and request.query.get("deleteRunningTasks") != "true":
                return error(
                    409, "ServiceIsBusy", "The service cannot be deleted while tasks are running."
                )
            for store in (self.services, self.projects, self.tasks):
                for other in [other for other in store if other[:2] == key]:
                    del store[other]
            return Response(202, None, self._operation(found["location"], location=True))
        assert found is not None
        if action == "checkStatus":
            return Response(200, outputs.STATUS)
        if action:
            state = "Stopped" if action == "stop" else "Succeeded"
            if action == "start" and found["properties"]["provisioningState"] == "Succeeded":
                return error(409, "ServiceAlreadyRunning", "The service is running already.")
            found["properties"]["provisioningState"] = state
            return Response(202, None, self._operation(found["location"], location=True))
        return Response(200, found)

    def _project(self, request: Request, group: str, service: str, name: str) -> Response:
        key = (group.lower(), service.lower(), name.lower())
        found = self.projects.get(key)
        if request.method == "PUT":
            new = outputs.project(
                _id(group, "services", service, "projects", name), name, request.json
            )
            self.projects[key] = new
            return Response(200 if found else 201, new)
        if request.method == "DELETE":
            for store in (self.projects, self.tasks):
                for other in [other for other in store if other[:3] == key]:
                    del store[other]
            return Response(200 if found else 204)
        if found is None:
            return error(404, "ResourceNotFound", f"The project '{name}' was not found.")
        return Response(200, found)

    def _task(self, request: Request, group: str, names: list[str], action: str) -> Response:
        key = (group.lower(), *(name.lower() for name in names[:3]))
        found = self.tasks.get(key)
        if request.method == "PUT":
            task_id = _id(group, "services", names[0], "projects", names[1], "tasks", names[2])
            new = outputs.task(task_id, names[2], request.json, next(self._numbers))
            self.tasks[key] = new
            self.looks[key] = 0
            return Response(200 if found else 201, new)
        if found is None:
            return Response(404 if request.method != "DELETE" else 204)
        if request.method == "DELETE":
            if (
                found["properties"]["state"] == "Running"
                and request.query.get("deleteRunningTasks") != "true"
            ):
                return error(409, "TaskIsRunning", "The task is running; cancel it first.")
            del self.tasks[key]
            return Response(200)
        if action == "cancel":
            outputs.cancel(found)
            return Response(200, _without_output(found))
        if action == "command":
            return outputs.command(found, request.json)
        self.looks[key] += 1
        outputs.progress(found, self.looks[key])
        expand = request.query.get("$expand")
        return Response(200, found if expand == "output" else _without_output(found, expand))

    def _child_name(self, request: Request, group: str, where: str) -> Response:
        # A task's parent comes encoded inside the service's segment: service/projects/project.
        keys = (group.lower(), *where.lower().split("/")[::2])
        store = self.projects if len(keys) == 2 else self.tasks
        taken = {key[-1] for key in store if key[:-1] == keys}
        return _availability(request.json["name"], taken)

    def _operation(self, region: str, *, location: bool = False) -> dict[str, str]:
        name = f"44444444-4444-4444-4444-{next(self._numbers):012}"
        self._operations[name] = POLLS
        base = (
            "{origin}"
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.DataMigration/locations/{region}"
        )
        version = "?api-version=2021-06-30"
        headers = {
            **_retry(),
            "Azure-AsyncOperation": f"{base}/operationStatuses/{name}{version}",
        }
        if location:
            headers["Location"] = f"{base}/operationResults/{name}{version}"
        return headers


def _without_output(task: Json, expand: str | None = None) -> Json:
    properties = {**task["properties"]}
    properties.pop("output", None)
    if expand != "command":
        properties.pop("commands", None)
    return {**task, "properties": properties}


def _availability(name: str, taken: set[str]) -> Response:
    if name.lower() in taken:
        return Response(
            200,
            {
                "nameAvailable": False,
                "reason": "AlreadyExists",
                "message": f"The name '{name}' is already in use.",
            },
        )
    return Response(200, {"nameAvailable": True, "reason": None, "message": None})


def _id(group: str, *names: str) -> str:
    return (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.DataMigration/"
        + "/".join(names)
    )


def _group(name: str) -> Json:
    return {
        "id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}",
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": "eastus2",
        "properties": {"provisioningState": "Succeeded"},
    }


def _retry() -> dict[str, str]:
    return {"Retry-After": _SOON}


def _unknown(request: Request) -> Response:
    return error(404, "InvalidResourceType", f"The stand-in does not know {request.path}.")
