"""Tasks on Azure: ``Migrate.PostgreSql.AzureDbForPostgreSql.SyncV2`` as core sends it.

Source: azure-cli 2.91 ``command_modules/dms/custom.py`` and ``scenario_inputs.py``. Calls that
carry passwords turn off request logging, so that ``--debug`` cannot show them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends import shape
from azext_dms_pg.backends.azure.client import plain
from azext_dms_pg.backends.azure.errors import translated
from azext_dms_pg.errors import ConflictError, InputError
from azext_dms_pg.model.options import DEFAULTS
from azext_dms_pg.model.states import MigrationState

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.backends.azure.client import Clients
    from azext_dms_pg.backends.base import Json, ProjectAddress, Rows, TaskAddress, TaskLog
    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.model.options import TaskOptions
    from azext_dms_pg.model.task_input import DatabaseInput, TaskInput


class AzureTasks:
    """``base.Tasks`` over ARM."""

    def __init__(self, clients: Clients, *, elsewhere: str) -> None:
        self._clients = clients
        self._elsewhere = elsewhere

    @property
    def _operations(self) -> Any:
        return self._clients.datamigration.tasks

    def create(
        self, where: TaskAddress, task_input: TaskInput, options: TaskOptions = DEFAULTS
    ) -> Json:
        _refuse(options)
        for side in (task_input.source, task_input.target):
            if side.password is None:
                raise InputError(
                    "Azure Database Migration Service signs in with a user and a password;"
                    f" there is no password for {side.address}.",
                    "Give one, or migrate with -l local, which signs in with Microsoft Entra ID.",
                    code="MissingArgument",
                )
        secrets = [
            side.password.reveal()
            for side in (task_input.source, task_input.target)
            if side.password is not None
        ]
        with self._asking(where, secrets=secrets):
            return plain(
                self._operations.create_or_update(
                    parameters=_task(task_input), logging_enable=False, **_names(where)
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
        self, where: TaskAddress, *, object_name: str | None, make_source_read_only: bool = False
    ) -> None:
        if make_source_read_only:
            raise InputError(
                "--make-source-read-only is for services made with -l local.",
                "Run on the source: ALTER DATABASE … SET default_transaction_read_only = on; and"
                " end the sessions that write.",
            )
        names = [object_name] if object_name else self._not_cut_over(where)
        for name in names:
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

    def _not_cut_over(self, where: TaskAddress) -> Rows | Any:
        properties = self.show(where, expand="output")["properties"]
        done = {
            item.get("databaseName")
            for item in properties.get("output") or ()
            if item.get("migrationState") in {MigrationState.COMPLETING, MigrationState.COMPLETE}
        }
        databases = [item["name"] for item in properties["input"]["selectedDatabases"]]
        names = [name for name in databases if name not in done]
        if not names:
            raise ConflictError(
                f"Every database of {where} is cut over already.",
                "See the result with `az dms project task show --expand output`.",
            )
        return names

    def _asking(self, where: object, **more: Any) -> Any:
        return translated(where, missing=self._elsewhere, **more)


def _refuse(options: TaskOptions) -> None:
    """:raises InputError: something was asked that the service cannot do."""
    for flag, wanted, instead in (
        (
            "--validate-only",
            options.validate_only,
            "The service checks each task itself; see the network with `az dms network check`.",
        ),
        (
            "--migrate-schema",
            options.migrate_schema,
            "Create the schema on the target yourself: pg_dump -s … | psql …",
        ),
    ):
        if wanted:
            raise InputError(f"{flag} is for services made with -l local.", instead)


def _names(where: TaskAddress) -> dict[str, str]:
    return {
        "group_name": where.group,
        "service_name": where.service,
        "project_name": where.project,
        "task_name": where.task,
    }


def _task(task_input: TaskInput) -> Any:
    from azure.mgmt.datamigration import models

    return models.ProjectTask(
        properties=models.MigratePostgreSqlAzureDbForPostgreSqlSyncTaskProperties(
            input=models.MigratePostgreSqlAzureDbForPostgreSqlSyncTaskInput(
                source_connection_info=_connection(task_input.source),
                target_connection_info=_connection(task_input.target),
                selected_databases=[_database(item) for item in task_input.databases],
            )
        )
    )


def _connection(connection: Connection) -> Any:
    from azure.mgmt.datamigration.models import PostgreSqlConnectionInfo

    return PostgreSqlConnectionInfo(
        user_name=connection.user,
        password=connection.password.reveal() if connection.password else None,
        server_name=connection.server,
        database_name=connection.database,
        port=connection.port,
        encrypt_connection=connection.encrypt is not False,
        trust_server_certificate=connection.trust_server_certificate,
    )


def _database(database: DatabaseInput) -> Any:
    from azure.mgmt.datamigration import models

    tables = database.selected_tables
    return models.MigratePostgreSqlAzureDbForPostgreSqlSyncDatabaseInput(
        name=database.name,
        target_database_name=database.target_name,
        migration_setting=database.migration_setting or None,
        source_setting=database.source_setting or None,
        target_setting=database.target_setting or None,
        selected_tables=None
        if tables is None
        else [
            models.MigratePostgreSqlAzureDbForPostgreSqlSyncDatabaseTableInput(name=name)
            for name in tables
        ],
    )
