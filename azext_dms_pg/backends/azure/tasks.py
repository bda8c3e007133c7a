"""Tasks on Azure: ``Migrate.PostgreSql.AzureDbForPostgreSql.SyncV2`` as core sends it.

Source: azure-cli 2.91 ``command_modules/dms/custom.py`` and ``scenario_inputs.py``. Calls that
carry passwords turn off request logging, so that ``--debug`` cannot show them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends import shape
from azext_dms_pg.backends.azure.client import plain
from azext_dms_pg.backends.azure.errors import translated
from azext_dms_pg.errors import ConflictError, DmsPgError, InputError
from azext_dms_pg.model.connection import Connection
from azext_dms_pg.model.states import MigrationState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from azext_dms_pg.backends.azure.client import Clients
    from azext_dms_pg.backends.base import Json, ProjectAddress, Rows, TaskAddress, TaskLog
    from azext_dms_pg.model.task_input import TaskInput

Names = list[str]  # AzureTasks has a method ``list``
_OVER = {state for state in MigrationState if state.is_final} | {
    MigrationState.COMPLETING,
    MigrationState.CANCELLING,
}


class AzureTasks:
    """``base.Tasks`` over ARM."""

    def __init__(self, clients: Clients, *, elsewhere: str) -> None:
        self._clients = clients
        self._elsewhere = elsewhere

    @property
    def _operations(self) -> Any:
        return self._clients.datamigration.tasks

    def create(
        self, where: TaskAddress, source: Json, target: Json, databases: Iterable[Json]
    ) -> Json:
        """Make the task and start it.

        :param source: the connection JSON as core reads it, user and password filled in.
        :param databases: the database options as core reads them.
        """
        secrets = []
        for side in (source, target):
            if not side.get("password"):
                raise InputError(
                    "Azure Database Migration Service signs in with a user and a password;"
                    f" there is no password for {side.get('serverName')}.",
                    "Give one, or migrate with -l local, which signs in with Microsoft Entra ID.",
                    code="MissingArgument",
                )
            secrets.append(str(side["password"]))
        return self.put(where, _properties(source, target, databases), secrets)

    def put(self, where: TaskAddress, properties: Any, secrets: Sequence[str]) -> Json:
        """Make a task of any kind; ``secrets`` are what ``properties`` holds of them."""
        with self._asking(where, secrets=secrets):
            from azure.mgmt.datamigration.models import ProjectTask

            return plain(
                self._operations.create_or_update(
                    parameters=ProjectTask(properties=properties),
                    logging_enable=False,
                    **_names(where),
                )
            )

    def show(self, where: TaskAddress, *, expand: str | None) -> Json:
        with self._asking(where):
            return plain(self._operations.get(expand=expand, **_names(where)))

    def list(self, where: ProjectAddress, *, task_type: str | None, expand: str | None) -> Rows:
        with self._asking(where):
            found = [
                plain(item)
                for item in self._operations.list(
                    group_name=where.group,
                    service_name=where.service,
                    project_name=where.project,
                    task_type=task_type,
                )
            ]
        if expand is None:
            return found
        # ARM expands one task at a time only.
        return [self.show(where.task(item["name"]), expand=expand) for item in found]

    def cutover(
        self,
        where: TaskAddress,
        *,
        object_name: str | None,
        make_source_read_only: bool = False,  # noqa: ARG002 - refused where options are read
    ) -> None:
        if object_name is not None:
            self.complete(where, object_name)
            return
        sent: list[str] = []
        for name in self._ready(where):
            try:
                self.complete(where, name)
            except DmsPgError as error:
                if sent:
                    error.add(f"The cutover was asked for already of {', '.join(sent)}.")
                raise
            sent.append(name)

    def complete(self, where: TaskAddress, name: str) -> None:
        """Ask for the cutover of one database, whatever the platform."""
        with self._asking(where):
            from azure.mgmt.datamigration import models

            self._operations.command(
                parameters=models.MigrateSyncCompleteCommandProperties(
                    input=models.MigrateSyncCompleteCommandInput(database_name=name)
                ),
                **_names(where),
            )

    def cancel(self, where: TaskAddress) -> Json:
        with self._asking(where):
            return plain(self._operations.cancel(**_names(where)))

    def delete(self, where: TaskAddress, *, delete_running_tasks: bool) -> None:
        with self._asking(where):
            self._operations.delete(
                delete_running_tasks=delete_running_tasks or None, **_names(where)
            )

    def restart(self, where: TaskAddress) -> Json:
        raise ConflictError(
            f"Azure Database Migration Service cannot restart a PostgreSQL task; {where} was"
            " left as it is.",
            "Cancel and delete the task, empty the target tables, and create the task again."
            " Tasks of a service made with -l local can be restarted.",
            code="RestartNotSupported",
        )

    def check_name(self, where: TaskAddress) -> Json:
        with self._asking(where.parent):
            from azure.mgmt.datamigration.models import NameAvailabilityRequest

            # ARM checks task names below the project, but the SDK only knows the path below
            # the service; the project travels, encoded, inside the service's name.
            return plain(
                self._clients.datamigration.services.check_children_name_availability(
                    group_name=where.group,
                    service_name=f"{where.service}/projects/{where.project}",
                    parameters=NameAvailabilityRequest(name=where.task, type="tasks"),
                )
            )

    def compare(
        self,
        where: TaskAddress,
        *,
        object_name: str | None,  # noqa: ARG002 - refused whatever it names
        limit: int,  # noqa: ARG002
        with_passwords: Callable[[TaskInput], TaskInput],  # noqa: ARG002
    ) -> Rows:
        raise ConflictError(
            f"{where} runs on Azure; only tasks of a service made with -l local can be compared.",
            "Compare the databases by other means before the applications move.",
            code="ComparisonNotSupported",
        )

    def history(self, where: TaskAddress) -> Json:  # noqa: ARG002 - ARM remembers nothing of it
        return shape.history()

    def log(self, where: TaskAddress) -> TaskLog:
        raise ConflictError(
            f"Azure Database Migration Service keeps no log that can be read; {where} runs there.",
            "See its errors with `az dms project task show --expand output -o table`.",
            code="NoLog",
        )

    def _ready(self, where: TaskAddress) -> Names:
        """The databases that are left.

        :raises ConflictError: there is none, or one is not ready; nothing was asked for yet.
        """
        properties = self.show(where, expand="output")["properties"]
        states = {
            str(item.get("databaseName")).lower(): str(item["migrationState"])
            for item in properties.get("output") or ()
            if item.get("migrationState")
        }
        names = [item["name"] for item in properties["input"]["selectedDatabases"]]
        found = {name: states.get(name.lower(), "not begun") for name in names}
        left = [name for name, state in found.items() if state not in _OVER]
        told = ", ".join(f"{name}: {found[name]}" for name in left or names)
        if not left:
            raise ConflictError(
                f"No database of {where} is left to cut over ({told}).",
                "See the result with `az dms project task show --expand output`.",
            )
        if any(found[name] != MigrationState.READY_TO_COMPLETE for name in left):
            raise ConflictError(
                f"Not every database of {where} is ready for the cutover ({told}); none was cut"
                " over.",
                "Wait for READY_TO_COMPLETE, or cut over a ready one with --object-name.",
            )
        return left

    def _asking(self, where: object, **more: Any) -> Any:
        return translated(where, missing=self._elsewhere, **more)


def _names(where: TaskAddress) -> dict[str, str]:
    return {
        "group_name": where.group,
        "service_name": where.service,
        "project_name": where.project,
        "task_name": where.task,
    }


def _properties(source: Json, target: Json, databases: Iterable[Json]) -> Any:
    from azure.mgmt.datamigration import models

    return models.MigratePostgreSqlAzureDbForPostgreSqlSyncTaskProperties(
        input=models.MigratePostgreSqlAzureDbForPostgreSqlSyncTaskInput(
            source_connection_info=_connection(source),
            target_connection_info=_connection(target),
            selected_databases=[_database(item) for item in databases],
        )
    )


def _connection(wire: Json) -> Any:
    """As core sends it: its defaults for keys that are missing, and no key for a null."""
    from azure.mgmt.datamigration.models import PostgreSqlConnectionInfo

    read = Connection.from_wire(wire)

    def sent(key: str, value: Any) -> Any:
        return None if wire.get(key, value) is None else value

    return PostgreSqlConnectionInfo(
        user_name=read.user,
        password=read.password.reveal() if read.password else None,
        server_name=read.server,
        database_name=sent("databaseName", read.database),
        port=sent("port", read.port),
        encrypt_connection=sent("encryptConnection", read.encrypt is not False),
        trust_server_certificate=sent("trustServerCertificate", read.trust_server_certificate),
    )


def _database(item: Json) -> Any:
    from azure.mgmt.datamigration import models

    tables = item.get("selectedTables")
    return models.MigratePostgreSqlAzureDbForPostgreSqlSyncDatabaseInput(
        name=item["name"],
        target_database_name=item["target_database_name"],
        migration_setting=item.get("migrationSetting"),
        source_setting=item.get("sourceSetting"),
        target_setting=item.get("targetSetting"),
        selected_tables=None
        if tables is None
        else [
            models.MigratePostgreSqlAzureDbForPostgreSqlSyncDatabaseTableInput(name=name)
            for name in tables
        ],
    )
