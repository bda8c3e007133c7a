"""Services on Azure: requests exactly as core's ``az dms`` sends them.

Source: azure-cli 2.91 ``command_modules/dms/custom.py``. Knows nothing of networks; what a
subnet must offer is looked at in ``network.py`` before ``create`` is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends.azure.client import plain
from azext_dms_pg.backends.azure.errors import translated
from azext_dms_pg.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azext_dms_pg.backends.azure.client import Clients
    from azext_dms_pg.backends.base import Json, Rows, ServiceAddress


class AzureServices:
    """``base.Services`` over ARM.

    :param no_wait: start long operations and answer None at once.
    :param elsewhere: added to the advice when a service is missing: where else was looked.
    """

    def __init__(self, clients: Clients, *, no_wait: bool, elsewhere: str) -> None:
        self._clients = clients
        self._no_wait = no_wait
        self._elsewhere = elsewhere

    @property
    def _operations(self) -> Any:
        return self._clients.datamigration.services

    def create(
        self,
        where: ServiceAddress,
        *,
        location: str | None,
        sku: str | None,
        subnet: str | None,
        tags: Mapping[str, str] | None,
    ) -> Json | None:
        with translated(where):
            from azure.mgmt.datamigration.models import DataMigrationService, ServiceSku

            parameters = DataMigrationService(
                location=location,
                virtual_subnet_id=subnet,
                sku=ServiceSku(name=sku),
                tags=tags,
            )
            return self._long(
                self._operations.begin_create_or_update, where, "create", parameters=parameters
            )

    def show(self, where: ServiceAddress) -> Json:
        with self._asking(where):
            return plain(self._operations.get(group_name=where.group, service_name=where.service))

    def uses_subnet(self, where: ServiceAddress, subnet_id: str) -> bool:
        """Whether the service exists, and in that subnet."""
        try:
            found = self.show(where)
        except NotFoundError:
            return False
        return str(found["virtualSubnetId"]).lower() == subnet_id.lower()

    def list(self, group: str | None) -> Rows:
        with translated(f"services in resource group {group!r}" if group else "services"):
            found = (
                self._operations.list_by_resource_group(group_name=group)
                if group
                else self._operations.list()
            )
            return [plain(item) for item in found]

    def delete(self, where: ServiceAddress, *, delete_running_tasks: bool) -> None:
        with self._asking(where):
            self._long(
                self._operations.begin_delete,
                where,
                "delete",
                delete_running_tasks=delete_running_tasks or None,
            )

    def start(self, where: ServiceAddress) -> Json | None:
        with self._asking(where):
            return self._long(self._operations.begin_start, where, "start")

    def stop(self, where: ServiceAddress) -> Json | None:
        with self._asking(where):
            return self._long(self._operations.begin_stop, where, "stop")

    def check_status(self, where: ServiceAddress) -> Json:
        with self._asking(where):
            return plain(
                self._operations.check_status(group_name=where.group, service_name=where.service)
            )

    def check_name(self, name: str, location: str) -> Json:
        with translated(f"the name {name!r} in {location}"):
            from azure.mgmt.datamigration.models import NameAvailabilityRequest

            return plain(
                self._operations.check_name_availability(
                    location=location,
                    parameters=NameAvailabilityRequest(name=name, type="services"),
                )
            )

    def list_skus(self) -> Rows:
        with translated("SKUs"):
            return [plain(item) for item in self._clients.datamigration.resource_skus.list_skus()]

    def _asking(self, where: ServiceAddress) -> Any:
        return translated(where, missing=self._elsewhere)

    def _long(self, begin: Any, where: ServiceAddress, verb: str, **arguments: Any) -> Json | None:
        if self._no_wait:
            arguments["polling"] = False
        poller = begin(group_name=where.group, service_name=where.service, **arguments)
        if self._no_wait:
            return None
        result = self._clients.finished(poller, f"Starting dms {verb}")
        return None if result is None else plain(result)
