"""Local services: a name to keep projects under, and the switch that pauses their workers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from azext_dms_pg.backends import shape
from azext_dms_pg.backends.local import removal
from azext_dms_pg.backends.local.spawn import spawn
from azext_dms_pg.backends.local.tree import require_supported_platform
from azext_dms_pg.backends.shape import LOCAL_SUBSCRIPTION
from azext_dms_pg.errors import ConflictError
from azext_dms_pg.model.states import ServiceState
from azext_dms_pg.model.task_input import TASK_TYPE
from azext_dms_pg.model.version import VERSION
from azext_dms_pg.state import resources
from azext_dms_pg.state.report import Liveness

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azext_dms_pg.backends.base import Json, Rows, ServiceAddress
    from azext_dms_pg.backends.local.tree import Tree
    from azext_dms_pg.state.records import ServiceRecord, TaskRecord

_SKU = "Local"
# A worker pauses between two batches; a batch is bounded, a slow target can stretch it.
_PAUSE_SECONDS = 120.0


class LocalServices:
    """``base.Services`` answered from the local store."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def create(
        self,
        where: ServiceAddress,
        *,
        location: str | None,
        sku: str | None,
        subnet: str | None,  # noqa: ARG002 - part of the protocol; there is no network to join
        tags: Mapping[str, str] | None,
    ) -> Json:
        require_supported_platform()
        service = resources.put_service(
            self._tree.store,
            where.group,
            where.service,
            (location or "local").lower(),
            sku or _SKU,
            dict(tags or {}),
        )
        return _shape(service)

    def show(self, where: ServiceAddress) -> Json:
        return _shape(self._tree.service(where))

    def list(self, group: str | None) -> Rows:
        if not self._tree.directory.exists():
            return []
        return [_shape(service) for service in resources.list_services(self._tree.store, group)]

    def delete(self, where: ServiceAddress, *, delete_running_tasks: bool) -> None:
        service = self._tree.service(where)
        for task in self._tasks(service):
            removal.remove_task(self._tree, task, delete_running_tasks=delete_running_tasks)
        resources.delete_service(self._tree.store, service)

    def start(self, where: ServiceAddress) -> Json:
        """Resume every task that has not ended, also after a reboot of this machine."""
        require_supported_platform()
        service = self._tree.service(where)
        if service.state in {ServiceState.STOPPED, ServiceState.STOPPING}:
            resources.start_service(self._tree.store, service)
        try:
            for task in self._tasks(service):
                if self._tree.service(where).state == ServiceState.STOPPING:
                    # Stopped again meanwhile: the last word counts.
                    break
                if resources.has_ended(self._tree.store, task):
                    continue
                spawn(self._tree, task)
        finally:
            resources.set_service_state(
                self._tree.store,
                service,
                ServiceState.SUCCEEDED,
                only_from=ServiceState.STARTING,
            )
        return self.show(where)

    def stop(self, where: ServiceAddress) -> Json:
        """Pause the workers in an orderly way and wait until they have ended.

        :raises ConflictError: one is still busy; it stops as soon as it can. Or the service was
            started meanwhile.
        """
        service = self._tree.service(where)
        if service.state == ServiceState.STOPPED:
            return _shape(service)
        resources.stop_service(self._tree.store, service)
        unfinished = [task for task in self._tasks(service) if not task.state.is_final]
        deadline = time.monotonic() + _PAUSE_SECONDS
        while busy := [task for task in unfinished if self._tree.is_worked_on(task)]:
            self._require_no_start(where)
            if time.monotonic() > deadline:
                raise ConflictError(
                    f"Task {busy[0].name!r} is still finishing what it cannot leave half done.",
                    "It pauses by itself; run az dms stop again to wait for it.",
                    code="StillStopping",
                )
            time.sleep(0.1)
        if not resources.set_service_state(
            self._tree.store, service, ServiceState.STOPPED, only_from=ServiceState.STOPPING
        ):
            self._require_no_start(where)
        return self.show(where)

    def check_status(self, where: ServiceAddress) -> Json:
        service = self._tree.service(where)
        unfinished = [task for task in self._tasks(service) if not task.state.is_final]
        lives = {self._tree.liveness(task) for task in unfinished}
        if service.state != ServiceState.SUCCEEDED:
            status = str(service.state)
        elif Liveness.DEAD in lives:
            status = "Degraded"
        else:
            status = "Online"
        return shape.service_status(
            status=status, vm_size=None, agent_version=VERSION, task_types=[TASK_TYPE]
        )

    def check_name(self, name: str, location: str) -> Json:  # noqa: ARG002 - there is one place
        taken = any(service["name"].lower() == name.lower() for service in self.list(group=None))
        return shape.name_availability(
            available=not taken,
            reason="AlreadyExists" if taken else None,
            message=f"A local service {name!r} exists already." if taken else None,
        )

    def list_skus(self) -> Rows:
        return [{"locations": ["local"], "name": _SKU, "resourceType": "services"}]

    def _require_no_start(self, where: ServiceAddress) -> None:
        if self._tree.service(where).state in {ServiceState.STARTING, ServiceState.SUCCEEDED}:
            raise ConflictError(
                f"The {where} was started while it was being stopped; its tasks go on.",
                "Run az dms stop again if it is to stand still.",
                code="StartedMeanwhile",
            )

    def _tasks(self, service: ServiceRecord) -> tuple[TaskRecord, ...]:
        return tuple(
            task
            for project in resources.list_projects(self._tree.store, service)
            for task in resources.list_tasks(self._tree.store, project)
        )


def _shape(service: ServiceRecord) -> Json:
    return shape.service(
        resource_id=shape.service_id(LOCAL_SUBSCRIPTION, service.group, service.name),
        name=service.name,
        group=service.group,
        location=service.location,
        provisioning_state=service.state,
        sku=shape.sku(service.sku),
        tags=service.tags,
    )
