"""The signed-in clients of Azure's SDKs, made when first asked for.

Owns login questions and the way results become plain dicts. Imports an SDK only inside
functions: the command line imports this module's package for every Azure command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azext_dms_pg.backends.base import Json


class Clients:
    """Clients for one ``az`` invocation and its subscription."""

    def __init__(self, cli_ctx: Any) -> None:
        self.cli_ctx = cli_ctx
        self._datamigration: Any = None

    @property
    def datamigration(self) -> Any:
        if self._datamigration is None:
            from azure.mgmt.datamigration import DataMigrationManagementClient

            self._datamigration = self.of(DataMigrationManagementClient)
        return self._datamigration

    def of(self, client_class: Any, *, subscription: str | None = None) -> Any:
        from azure.cli.core.commands.client_factory import get_mgmt_service_client

        return get_mgmt_service_client(self.cli_ctx, client_class, subscription_id=subscription)

    @property
    def subscription(self) -> str:
        return str(subscription_of(self.cli_ctx))

    def group_location(self, group: str) -> str:
        from azure.cli.core.profiles import ResourceType

        from azext_dms_pg.backends.azure.errors import translated

        with translated(f"resource group {group!r}"):
            found = self.of(ResourceType.MGMT_RESOURCE_RESOURCES).resource_groups.get(group)
            return str(found.location)

    def finished(self, poller: Any, message: str) -> Any:
        """Wait for a long-running operation, with ``az``'s own progress line on stderr."""
        from azure.cli.core.commands import LongRunningOperation

        return LongRunningOperation(self.cli_ctx, message)(poller)


def subscription_of(cli_ctx: Any) -> str | None:
    """The subscription in use, or None when nobody is logged in."""
    from azure.cli.core._profile import Profile
    from knack.util import CLIError

    wanted = cli_ctx.data.get("subscription_id")
    try:
        return str(Profile(cli_ctx=cli_ctx).get_subscription(wanted)["id"])
    except CLIError:
        if wanted is not None:
            return str(wanted)
        return None


def plain(result: Any) -> Json:
    """An SDK model as the dict ``az`` prints for it."""
    from azure.cli.core.commands import AzCliCommandInvoker
    from azure.cli.core.util import todict

    printed: Json = todict(result, AzCliCommandInvoker.remove_additional_prop_layer)
    return printed
