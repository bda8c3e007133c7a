"""Projects on Azure: requests exactly as core's ``az dms project`` sends them.

Source: azure-cli 2.91 ``command_modules/dms/custom.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends.azure.client import plain
from azext_dms_pg.backends.azure.errors import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azext_dms_pg.backends.azure.client import Clients
    from azext_dms_pg.backends.base import Json, ProjectAddress, Rows, ServiceAddress


class AzureProjects:
    """``base.Projects`` over ARM."""

    def __init__(self, clients: Clients, *, elsewhere: str) -> None:
        self._clients = clients
        self._elsewhere = elsewhere

    @property
    def _operations(self) -> Any:
        return self._clients.datamigration.projects

    def create(
        self,
        where: ProjectAddress,
        *,
        source_platform: str,
        target_platform: str,
        location: str | None,  # noqa: ARG002 - a project lives where its service does
        tags: Mapping[str, str] | None,
    ) -> Json:
        services = self._clients.datamigration.services
        with self._asking(where.parent):
            service = services.get(group_name=where.group, service_name=where.service)
        with translated(where):
            from azure.mgmt.datamigration.models import Project

            parameters = Project(
                location=service.location,
                source_platform=source_platform.lower(),
                target_platform=target_platform.lower(),
                tags=tags,
            )
            return plain(self._operations.create_or_update(parameters=parameters, **_names(where)))

    def show(self, where: ProjectAddress) -> Json:
        with self._asking(where):
            return plain(self._operations.get(**_names(where)))

    def list(self, where: ServiceAddress) -> Rows:
        with self._asking(where):
            found = self._operations.list(group_name=where.group, service_name=where.service)
            return [plain(item) for item in found]

    def delete(self, where: ProjectAddress, *, delete_running_tasks: bool) -> None:
        with self._asking(where):
            self._operations.delete(
                delete_running_tasks=delete_running_tasks or None, **_names(where)
            )

    def check_name(self, where: ProjectAddress) -> Json:
        with self._asking(where.parent):
            from azure.mgmt.datamigration.models import NameAvailabilityRequest

            return plain(
                self._clients.datamigration.services.check_children_name_availability(
                    group_name=where.group,
                    service_name=where.service,
                    parameters=NameAvailabilityRequest(name=where.project, type="projects"),
                )
            )

    def _asking(self, where: object) -> Any:
        return translated(where, missing=self._elsewhere)


def _names(where: ProjectAddress) -> dict[str, str]:
    return {
        "group_name": where.group,
        "service_name": where.service,
        "project_name": where.project,
    }
