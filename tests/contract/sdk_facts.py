"""What one version of azure-mgmt-datamigration says, as JSON on stdout; run in its own process.

``python -m tests.contract.sdk_facts`` with the SDK to look at first on PYTHONPATH.
"""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

CLASSES = [
    "DataMigrationService",
    "DataMigrationServiceStatusResponse",
    "NameAvailabilityRequest",
    "NameAvailabilityResponse",
    "Project",
    "ProjectTask",
    "ResourceSku",
    "ServiceSku",
    "PostgreSqlConnectionInfo",
    "MigratePostgreSqlAzureDbForPostgreSqlSyncTaskProperties",
    "MigratePostgreSqlAzureDbForPostgreSqlSyncTaskInput",
    "MigratePostgreSqlAzureDbForPostgreSqlSyncDatabaseInput",
    "MigratePostgreSqlAzureDbForPostgreSqlSyncDatabaseTableInput",
    "MigrateSyncCompleteCommandProperties",
    "MigrateSyncCompleteCommandInput",
    "ODataError",
    "ReportableException",
    "SyncMigrationDatabaseErrorEvent",
    *(
        f"MigratePostgreSqlAzureDbForPostgreSqlSyncTaskOutput{level}"
        for level in ("", "MigrationLevel", "DatabaseLevel", "TableLevel", "Error", "DatabaseError")
    ),
]
ENUMS = [
    "SyncDatabaseMigrationReportingState",
    "SyncTableMigrationState",
    "ReplicateMigrationState",
    "TaskState",
    "CommandState",
]


def facts() -> dict[str, Any]:
    import azure.mgmt.datamigration as sdk
    from azure.cli.core.util import todict
    from azure.mgmt.datamigration import models, operations

    from azext_dms_pg.backends.azure import tasks

    connection = {"userName": "u", "password": "p", "serverName": "s", "databaseName": "d"}
    properties = tasks._properties(
        {**connection, "port": 5433, "encryptConnection": False},
        {"userName": "v", "password": "q", "serverName": "t", "trustServerCertificate": True},
        [
            {
                "name": "a",
                "target_database_name": "b",
                "selectedTables": ["x.y"],
                "migrationSetting": {"m": "1"},
                "sourceSetting": {"s": "2"},
                "targetSetting": {"t": "3"},
            },
            {"name": "c", "target_database_name": "d"},
        ],
    )
    printed = {
        "service": models.DataMigrationService(location="x"),
        "project": models.Project(location="x", source_platform="a", target_platform="b"),
        "task": models.ProjectTask(
            properties=models.MigratePostgreSqlAzureDbForPostgreSqlSyncTaskProperties()
        ),
    }
    return {
        "version": sdk.__version__ if hasattr(sdk, "__version__") else sdk._version.VERSION,
        "attributes": {
            name: {
                value["key"].rsplit(".", 1)[-1]: value["type"]
                for value in getattr(models, name)._attribute_map.values()
            }
            for name in CLASSES
        },
        "enums": {name: [item.value for item in getattr(models, name)] for name in ENUMS},
        "printed": {
            name: sorted(set(todict(model)) - {"additionalProperties"})
            for name, model in printed.items()
        },
        "task": models.ProjectTask(properties=properties).serialize(),
        "parameters": {
            f"{group}.{name}": list(
                inspect.signature(getattr(getattr(operations, group), name)).parameters
            )
            for group, name in (
                ("ServicesOperations", "begin_create_or_update"),
                ("ServicesOperations", "begin_delete"),
                ("ServicesOperations", "begin_start"),
                ("ServicesOperations", "begin_stop"),
                ("ServicesOperations", "get"),
                ("ServicesOperations", "list"),
                ("ServicesOperations", "list_by_resource_group"),
                ("ServicesOperations", "check_status"),
                ("ServicesOperations", "check_name_availability"),
                ("ServicesOperations", "check_children_name_availability"),
                ("ProjectsOperations", "create_or_update"),
                ("ProjectsOperations", "get"),
                ("ProjectsOperations", "list"),
                ("ProjectsOperations", "delete"),
                ("TasksOperations", "create_or_update"),
                ("TasksOperations", "get"),
                ("TasksOperations", "list"),
                ("TasksOperations", "delete"),
                ("TasksOperations", "cancel"),
                ("TasksOperations", "command"),
                ("ResourceSkusOperations", "list_skus"),
            )
        },
    }


if __name__ == "__main__":
    json.dump(facts(), sys.stdout)
