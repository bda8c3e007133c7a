"""The Azure backend: the same questions, asked of Azure Resource Manager.

Importing this package imports no SDK; each module does so when it first sends a request.
"""

from __future__ import annotations

from typing import Any

from azext_dms_pg.backends.azure.client import Clients
from azext_dms_pg.backends.azure.firewall import Firewall
from azext_dms_pg.backends.azure.network import Network
from azext_dms_pg.backends.azure.projects import AzureProjects
from azext_dms_pg.backends.azure.services import AzureServices
from azext_dms_pg.backends.azure.tasks import AzureTasks


class AzureBackend:
    """``base.Backend`` for the subscription ``az`` is signed in to.

    :param no_wait: start long operations and answer None at once.
    :param elsewhere: a sentence for "not found" errors: where else was looked.
    """

    def __init__(self, cli_ctx: Any, *, no_wait: bool = False, elsewhere: str = "") -> None:
        self.clients = Clients(cli_ctx)
        self.network = Network(self.clients)
        self.firewall = Firewall(self.clients)
        self.services = AzureServices(self.clients, no_wait=no_wait, elsewhere=elsewhere)
        self.projects = AzureProjects(self.clients, elsewhere=elsewhere)
        self.tasks = AzureTasks(self.clients, elsewhere=elsewhere)
