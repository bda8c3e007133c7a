"""What ``-h`` says about SQL Server and MySQL, whose tasks azure-cli's own functions make.

Source: the help of azure-cli 2.91 for the same commands, which ours replaces. A test holds every
key it names against this.
"""

from __future__ import annotations

PROJECTS = """
These are the supported pairs of platforms:

    1) SQL -> SQLDB
    2) PostgreSQL -> AzureDbForPostgreSql
    3) MySQL -> AzureDbForMySQL
"""

TASK_TYPES = """
These are the supported migrations, with their --task-type:

    1) SQL -> SQLDB :: OfflineMigration
    2) PostgreSQL -> AzureDbForPostgreSql :: OnlineMigration
    3) MySQL -> AzureDbForMySQL :: OfflineMigration, OnlineMigration, ReplicateChanges
"""

CONNECTIONS = """
The connection JSON for SQL Server (Azure only):

    {
        "userName": "user name",         // asked for when missing
        "password": null,                // asked for when missing (recommended)
        "dataSource": "server name[,port]",
        "authentication": "SqlAuthentication|WindowsAuthentication",
        "encryptConnection": true,       // recommended
        "trustServerCertificate": false  // recommended
    }

The connection JSON for MySQL (Azure only):

    {
        "userName": "user name",         // asked for when missing
        "password": null,                // asked for when missing (recommended)
        "serverName": "server name",
        "port": 3306,
        "encryptConnection": true,       // recommended
        "trustServerCertificate": false  // recommended
    }
"""

DATABASES = """
The database options JSON for SQL Server, one entry a database:

    [
        {
            "name": "source database",
            "target_database_name": "target database",
            "make_source_db_read_only": false,
            "table_map": {                // default: all tables
                "schema.SourceTableName": "schema.TargetTableName"
            }
        }
    ]

The database options JSON for MySQL, one object; all but selected_databases is optional, and
migration_level_settings is for those who know the engine below. ReplicateChanges needs binlog_info:

    {
        "selected_databases": [
            {
                "name": "sourceSchema1",
                "target_database_name": "targetSchema1",
                "table_map": {            // default: all tables
                    "sourceSchema1.table1": "targetSchema1.table1",
                    "sourceSchema1.table2": "targetSchema1.table2"
                },
                // Only for the migration of a part of the schema:
                "tables_to_migrate_schema": {
                    "sourceSchema1.table2": "targetSchema1.table2"
                },
                "selected_views": ["sourceSchema1.view1"],
                "selected_triggers": ["sourceSchema1.on_table1_updated"],
                "selected_routines": ["sourceSchema1.build_report"],
                "selected_events": ["sourceSchema1.nightly_maintenance"],
                // The whole schema of this database:
                "select_database_for_schema_migration": "true|false"
            }
        ],
        "migration_level_settings": {
            // Parallel reads of tables; threads that read and that write:
            "DesiredRangesCount": "4",
            "QueryTableDataRangeTaskCount": "8",
            "WriteDataRangeBatchTaskCount": "12",
            // Largest batch that is committed, least rows of a batch:
            "MaxBatchSizeKb": "4096",
            "MinBatchRows": null,
            // Databases and tables that are prepared in parallel:
            "PrepareDatabaseForBulkImportTaskCount": null,
            "PrepareTableForBulkImportTaskCount": null,
            // When reads are slowed: cache used, memory left, batches cached:
            "MaxBatchCacheSizeMb": null,
            "ThrottleQueryTableDataRangeTaskAtAvailableMemoryMb": null,
            "ThrottleQueryTableDataRangeTaskAtBatchCount": 36,
            // Time between two updates of the results:
            "DelayProgressUpdatesInStorageInterval": "00:00:30"
        },
        "migrate_full_server": "true|false",
        "make_source_server_read_only": "true|false",
        // True by default when online, unless without locks:
        "enable_consistent_backup": "true|false",
        "enable_consistent_backup_without_locks": "true|false",
        "migrate_all_views": "true|false",
        "migrate_all_triggers": "true|false",
        "migrate_all_events": "true|false",
        "migrate_all_routines": "true|false",
        "migrate_all_tables_schema": "true|false",
        "migrate_user_system_tables": "true|false",   // users and grants
        "binlog_info": {"filename": "binlog.0004523", "position": 283287}
    }
"""
