"""What ``-h`` says about tasks. Every example is parsed by the real parser in the tests."""

from __future__ import annotations

from azext_dms_pg.cli import help_platforms
from azext_dms_pg.cli.help_text import command, group

_TASK = "-g PostgresDemo --service-name PostgresCLI --project-name PGMigration -n runnowtask"
_FILES = "--source-connection-json source.json --target-connection-json target.json"

group("dms project task", "Manage the tasks of a project: each migrates some databases.")
command(
    "dms project task cancel",
    "Cancel a task. Nothing of it stays behind on the source.",
    ("Cancel a task", f"{_TASK}"),
    more="""
A local task removes its slot and publication from the source, empties the tables it filled, and
puts back every key, index and trigger of the target. Databases that are cut over stay as they are.
The command returns at once; `az dms project task watch` shows how it goes. Where a server could not
be cleaned, the task says so (LeftBehind): mend that and cancel again.
""",
)
command(
    "dms project task check-name",
    "Check whether a name for a task is valid and free.",
    ("Check a name", f"{_TASK}"),
)
command(
    "dms project task create",
    "Create a task and start migrating.",
    (
        "With three files, as in the tutorial",
        (
            f"{_TASK} --source-connection-json source.json --target-connection-json target.json"
            " --database-options-json options.json"
        ),
    ),
    (
        "Without any file; the passwords are asked for",
        (
            f"{_TASK} --source-server db.example.com --source-user postgres"
            " --target-server new.postgres.database.azure.com --target-user dms"
            " --databases dvdrental sales=sales_new"
        ),
    ),
    (
        "Only some tables of one database",
        (
            f"{_TASK} --source-connection-json source.json --target-connection-json target.json"
            " --databases dvdrental --tables public.actor public.film"
        ),
    ),
    (
        "Only check: print what stands in the way, create nothing",
        f"{_TASK} {_FILES} --databases dvdrental --validate-only",
    ),
    (
        "Create the schema, too, and show progress until the cutover can be made",
        f"{_TASK} {_FILES} --databases dvdrental --migrate-schema --wait-until ready",
    ),
    (
        "SQL Server, with all validations (Azure only)",
        (
            f"{_TASK} --task-type OfflineMigration --source-connection-json source.json"
            " --target-connection-json target.json --database-options-json options.json"
            " --enable-schema-validation --enable-data-integrity-validation"
            " --enable-query-analysis-validation"
        ),
    ),
    more=help_platforms.TASK_TYPES
    + """
Stay with it with --wait-until; without that the command returns when the task is started. With
--no-wait, az prints nothing. The connection JSON for PostgreSQL:

    {
        "userName": "user name",        // asked for when missing
        "password": null,               // asked for when missing (recommended)
        "serverName": "server name",
        "databaseName": "postgres",     // for the first connection
        "port": 5432,
        "encryptConnection": true,
        "trustServerCertificate": false,
        "authentication": "ActiveDirectory"  // sign in with Microsoft Entra ID (local only)
    }

The database options JSON for PostgreSQL, one entry a database:

    [
        {
            "name": "source database",
            "target_database_name": "target database",
            "selectedTables": ["schema.table"],             // default: all tables
            "migrationSetting": {}, "sourceSetting": {}, "targetSetting": {}
        }
    ]

The settings are for the local engine, as texts: parallelTables, partBytes, maxRate, batchChanges,
batchMilliseconds, deferIndexes, indexJobs, nonEmptyTarget, compare, plugin, binary, sequenceMargin.
docs/settings.md explains them; the defaults are meant to need no tuning.

The typed options, --validate-only, --migrate-schema and --wait-until are for PostgreSQL; what
follows is for the other platforms, which azure-cli's own functions serve.
"""
    + help_platforms.CONNECTIONS
    + help_platforms.DATABASES
    + """
A password belongs neither on the command line nor, for long, in a file. Where nobody can be
asked, set AZEXT_DMS_PG_SOURCE_PASSWORD and AZEXT_DMS_PG_TARGET_PASSWORD (and …_USER).
""",
)
command(
    "dms project task cutover",
    "Complete an online migration: apply the last changes and hand over to the target.",
    ("Cut over one database", f"{_TASK} --object-name dvdrental"),
    ("Cut over every database of the task", f"{_TASK}"),
    (
        "Let nobody write to the source from then on",
        f"{_TASK} --object-name dvdrental --make-source-read-only",
    ),
    more="""
Stop the applications that write to the source first, and wait for READY_TO_COMPLETE. The
command returns at once; see how it goes with `az dms project task show --expand command`.
""",
)
command(
    "dms project task delete",
    "Delete a task.",
    ("Delete a task", f"{_TASK}"),
    ("Delete a task that may be running, unasked", f"{_TASK} --delete-running-tasks -y"),
)
command(
    "dms project task list",
    "List the tasks of a project.",
    (
        "List the tasks of a project",
        "-g PostgresDemo --service-name PostgresCLI --project-name PGMigration -o table",
    ),
    (
        "List only migrations of PostgreSQL",
        (
            "-g PostgresDemo --service-name PostgresCLI --project-name PGMigration"
            " --task-type Migrate.PostgreSql.AzureDbForPostgreSql.SyncV2"
        ),
    ),
)
command(
    "dms project task restart",
    "Go on with a local task whose worker died or that failed, from where it durably stood.",
    ("Restart a task", f"{_TASK}"),
    more="""
First mend what `az dms project task show --expand output` names. Databases that are being worked on
are left alone, those that have failed beside them go on. A database whose tables were being copied
begins the load anew; any other goes on with the first transaction that is not on the target.
""",
)
command(
    "dms project task show",
    "Show a task; with --expand output its progress, table by table.",
    ("Show the state of a task", f"{_TASK}"),
    ("Show the progress of every table", f"{_TASK} --expand output -o table"),
    (
        "Show whether the databases are ready for the cutover",
        f'{_TASK} --expand output --query "properties.output[].migrationState | [0]"',
    ),
    ("Show how a cutover went", f"{_TASK} --expand command"),
)
command(
    "dms project task compare",
    "Compare the contents of source and target, table by table. Ends with exit code 1 when they"
    " differ.",
    ("Compare every database of a task", f"{_TASK} -o table"),
    (
        "Compare one of them, and name up to 100 keys",
        f"{_TASK} --object-name dvdrental --limit 100",
    ),
    more="""
For each table both sides count the rows and add up a checksum of each row; where they differ, the
keys of rows that are missing, extra or different are named. Generated columns are left out, since
each side computes its own. For local services only.

While changes are being applied, both sides are compared at the same moment: the stream rests until
the source has answered with a position in its WAL (20 seconds at most, when transactions are open
for long), the target is brought up to exactly that position, and both are read as they were then.
After the cutover both sides are read as they are. The passwords of a task that has ended are no
longer kept: they are asked for, or read from AZEXT_DMS_PG_SOURCE_PASSWORD and
AZEXT_DMS_PG_TARGET_PASSWORD.
""",
)
command(
    "dms project task log",
    "Show what the workers of a local task have written down.",
    ("Show the newest lines", f"{_TASK} --tail 50"),
    ("Go on showing what is written", f"{_TASK} --tail 10 --follow"),
    ("Print the lines for a program", f"{_TASK} --json"),
    more="""
Each process of a task (its supervisor, and a worker for every database) has a log of its own of
at most 10 MB; this prints them together in order of time. They never hold passwords.
""",
)
command(
    "dms project task report",
    "Write down what a migration did: timeline, tables, lag, findings, comparison, downtime.",
    ("Write one page for the change record", f"{_TASK} --file report.html"),
    ("Print the same as JSON", f"{_TASK}"),
    (
        "How long the cutovers took, in seconds",
        f'{_TASK} --query "databases[].[name, downtimeSeconds]" -o tsv',
    ),
    more="""
May be written at any time, also while the task is at work. The curves over time are those of a
local task; Azure does not keep them.
""",
)
command(
    "dms project task watch",
    "Watch a task at work: progress, speed and lag, findings, and what to do next.",
    ("Watch a task until it has ended", f"{_TASK}"),
    ("Stop watching when the cutover can be made", f"{_TASK} --until ready"),
    (
        "Write numbers for Prometheus meanwhile",
        f"{_TASK} --metrics-file /var/lib/node_exporter/dms.prom",
    ),
    more="""
On a terminal this is a live screen; elsewhere a line is printed whenever something happens.
Ctrl-C stops the watching, never the migration: exit code 0, or 130 when --until was not reached.
Ends with exit code 1 when the task has failed. Works for tasks on Azure, too.
""",
)
command(
    "dms project task wait",
    "Wait until something is so about a task. Ends with an error when the task has failed.",
    (
        "Wait until every database is ready for the cutover",
        (
            f"{_TASK} --interval 5 --custom \"properties.output[?resultType=='DatabaseLevelOutput']"
            " | [0] && !([?migrationState!='READY_TO_COMPLETE'])\""
        ),
    ),
    ("Wait until a task is gone", f"{_TASK} --deleted"),
)
