"""What ``-h`` says. Every example is parsed by the real parser in the tests.

Core's texts for the same commands would stay if we set none, so every command has one here.
"""

from __future__ import annotations

from knack.help_files import helps

_TASK = "-g PostgresDemo --service-name PostgresCLI --project-name PGMigration -n runnowtask"
_PROJECT = "-g PostgresDemo --service-name PostgresCLI -n PGMigration"
_SERVICE = "-g PostgresDemo -n PostgresCLI"
_FILES = "--source-connection-json source.json --target-connection-json target.json"
_SUBNET = (
    "/subscriptions/97181df2-909d-420b-ab93-1bff15acb6b7/resourceGroups/ERNetwork/providers"
    "/Microsoft.Network/virtualNetworks/AzureDMS-CORP-USC-VNET-5044/subnets/Subnet-1"
)


def _command(name: str, short: str, *examples: tuple[str, str], more: str = "") -> None:
    lines = ["type: command", f"short-summary: >-\n    {short}"]
    if more:
        body = "\n".join(f"    {line}".rstrip() for line in more.strip().splitlines())
        lines.append(f"long-summary: |\n{body}")
    lines.append("examples:")
    for title, text in examples:
        lines.append(f"  - name: >-\n      {title}\n    text: |-\n      az {name} {text}")
    helps[name] = "\n".join(lines) + "\n"


def _group(name: str, short: str, more: str = "") -> None:
    lines = ["type: group", f"short-summary: >-\n    {short}"]
    if more:
        body = "\n".join(f"    {line}".rstrip() for line in more.strip().splitlines())
        lines.append(f"long-summary: |\n{body}")
    helps[name] = "\n".join(lines) + "\n"


_group(
    "dms",
    "Migrate live databases with Azure Database Migration Service (classic), or PostgreSQL"
    " with a service on this machine.",
    """
A migration of PostgreSQL in five commands. Leave out -l local (and give --sku-name and
--subnet) to do the same with a service on Azure; every later command is the same.

    az dms create -l local -g GROUP -n SERVICE
    az dms project create -g GROUP --service-name SERVICE -n PROJECT \\
        --source-platform PostgreSQL --target-platform AzureDbForPostgreSql
    az dms project task create -g GROUP --service-name SERVICE --project-name PROJECT -n TASK \\
        --source-server db.example.com --target-server new.example.com --databases sales
    az dms project task show … --expand output -o table     (until READY_TO_COMPLETE)
    az dms project task cutover … --object-name sales

A local service needs no login to Azure. It is found by group and name before Azure is asked.
""",
)
_command(
    "dms check-name",
    "Check whether a name for a service is valid and free.",
    ("Check a name in a region", "-l eastus2 -n PostgresCLI"),
    ("Check a name for a service on this machine", "-l local -n PostgresCLI"),
)
_command(
    "dms check-status",
    "Check the health of a service.",
    ("Check the health of a service", f"{_SERVICE}"),
)
_command(
    "dms create",
    "Create a service on Azure or on this machine, or update the one of that name.",
    ("Create a service on this machine; no login is needed", f"-l local {_SERVICE}"),
    (
        "Create a service on Azure",
        f"-l eastus2 {_SERVICE} --sku-name Premium_4vCores --subnet {_SUBNET}",
    ),
    (
        "Name the subnet and its virtual network instead of writing a resource id",
        (
            f"-l eastus2 {_SERVICE} --sku-name Premium_4vCores --vnet-name MyVnet --subnet default"
            " --vnet-resource-group Network --no-wait"
        ),
    ),
    more="""
On Azure this takes ten to twelve minutes. Before it starts, the subnet is looked at: that it
exists in the same region, has free addresses and no delegation, and that its network security
group lets through what the service needs. What is in the way is said, with its remedy.
""",
)
_command(
    "dms delete",
    "Delete a service.",
    ("Delete a service", f"{_SERVICE}"),
    ("Delete it together with running tasks, unasked", f"{_SERVICE} --delete-running-tasks -y"),
)
_command(
    "dms list",
    "List the services on this machine and, when logged in, those of the subscription.",
    ("List all services", "-o table"),
    ("List the services of a resource group", "-g PostgresDemo"),
)
_command(
    "dms list-skus",
    "List the sizes a service can have.",
    ("List the sizes to be had in a region", "--query \"[?contains(locations, 'eastus2')]\""),
)
_command(
    "dms show",
    "Show a service.",
    ("Show a service", f"{_SERVICE}"),
)
_command(
    "dms start",
    "Start a service. A local one goes on with its tasks where they stood.",
    ("Start a service", f"{_SERVICE}"),
)
_command(
    "dms stop",
    "Stop a service. A local one pauses its tasks in an orderly way; one on Azure is not billed"
    " while stopped.",
    ("Stop a service", f"{_SERVICE}"),
    more="While tasks are paused, the source keeps the changes they have not read yet.",
)
_command(
    "dms wait",
    "Wait until something is so about a service.",
    ("Wait until a service is created", f"{_SERVICE} --created"),
    ("Wait until a service is gone", f"{_SERVICE} --deleted --interval 10"),
)
_group("dms network", "See and open the network between a service, its source and its target.")
_command(
    "dms network show",
    "Show the addresses a service connects from, with the lines for pg_hba.conf on the source.",
    ("Show addresses and pg_hba.conf lines", f"{_SERVICE} -o table"),
    ("Print only the lines for pg_hba.conf", f"{_SERVICE} --query pgHba -o tsv"),
)
_command(
    "dms network check",
    "Check what stands between a service, its source and its target. Ends with exit code 1 when"
    " something blocks.",
    ("Check the subnet and its rules", f"{_SERVICE} -o table"),
    (
        "Check the firewall of the target, too",
        f"{_SERVICE} --target-server builddemotarget -o table",
    ),
)
_command(
    "dms network allow",
    "Let a service through the firewall of its target and, on request, through the rules of"
    " its subnet.",
    (
        "See what would be changed",
        f"{_SERVICE} --target-server builddemotarget --nsg-rules --dry-run -o table",
    ),
    ("Add the firewall rule on the target", f"{_SERVICE} --target-server builddemotarget"),
    more="Running it again changes nothing.",
)
_group("dms project", "Manage the projects of a service.")
_command(
    "dms project check-name",
    "Check whether a name for a project is valid and free.",
    ("Check a name", f"{_PROJECT}"),
)
_command(
    "dms project create",
    "Create a project, or update the one of that name.",
    (
        "Create a project for PostgreSQL",
        f"{_PROJECT} --source-platform PostgreSQL --target-platform AzureDbForPostgreSql",
    ),
    (
        "Create a project for MySQL (Azure only)",
        f"{_PROJECT} --source-platform MySQL --target-platform AzureDbForMySQL",
    ),
    (
        "Create a project for SQL Server (Azure only)",
        f"{_PROJECT} --source-platform SQL --target-platform SQLDB --tags team=data",
    ),
    more="A project holds tasks with the same kind of source and target.",
)
_command(
    "dms project delete",
    "Delete a project.",
    ("Delete a project", f"{_PROJECT}"),
    ("Delete it together with running tasks, unasked", f"{_PROJECT} --delete-running-tasks -y"),
)
_command(
    "dms project list",
    "List the projects of a service.",
    ("List the projects of a service", "-g PostgresDemo --service-name PostgresCLI -o table"),
)
_command("dms project show", "Show a project.", ("Show a project", f"{_PROJECT}"))
_command(
    "dms project wait",
    "Wait until something is so about a project.",
    ("Wait until a project is created", f"{_PROJECT} --created"),
)
_group("dms project task", "Manage the tasks of a project: each migrates some databases.")
_command(
    "dms project task cancel",
    "Cancel a task. Nothing of it stays behind on the source.",
    ("Cancel a task", f"{_TASK}"),
)
_command(
    "dms project task check-name",
    "Check whether a name for a task is valid and free.",
    ("Check a name", f"{_TASK}"),
)
_command(
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
    more="""
The connection JSON for PostgreSQL:

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

A password belongs neither on the command line nor, for long, in a file. Where nobody can be
asked, set AZEXT_DMS_PG_SOURCE_PASSWORD and AZEXT_DMS_PG_TARGET_PASSWORD (and …_USER).

The JSON for MySQL and SQL Server is that of azure-cli, which serves these platforms:
for SQL Server the connection has dataSource, authentication, encryptConnection and
trustServerCertificate, and a database make_source_db_read_only and table_map; for MySQL the
options are one object with selected_databases and migration_level_settings.
""",
)
_command(
    "dms project task cutover",
    "Complete an online migration: apply the last changes and hand over to the target.",
    ("Cut over one database", f"{_TASK} --object-name Inventory"),
    ("Cut over every database of the task", f"{_TASK}"),
    (
        "Let nobody write to the source from then on",
        f"{_TASK} --object-name Inventory --make-source-read-only",
    ),
    more="""
Stop the applications that write to the source first, and wait for READY_TO_COMPLETE. The
command returns at once; see how it goes with `az dms project task show --expand command`.
""",
)
_command(
    "dms project task delete",
    "Delete a task.",
    ("Delete a task", f"{_TASK}"),
    ("Delete a task that may be running, unasked", f"{_TASK} --delete-running-tasks -y"),
)
_command(
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
_command(
    "dms project task restart",
    "Go on with a local task whose worker died or that failed, from where it durably stood.",
    ("Restart a task", f"{_TASK}"),
)
_command(
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
_command(
    "dms project task compare",
    "Compare the contents of source and target, table by table. Ends with exit code 1 when they"
    " differ.",
    ("Compare every database of a task", f"{_TASK} -o table"),
    ("Compare one of them, and name up to 100 keys", f"{_TASK} --object-name Sales --limit 100"),
    more="""
For each table both sides count the rows and add up a checksum of each row; where they differ, the
keys of rows that are missing, extra or different are named. For local services only.

While changes are being applied, both sides are compared at the same moment: the stream rests until
the source has answered with a position in its WAL (20 seconds at most, when transactions are open
for long), the target is brought up to exactly that position, and both are read as they were then.
After the cutover both sides are read as they are. The passwords of a task that has ended are no
longer kept: they are asked for, or read from AZEXT_DMS_PG_SOURCE_PASSWORD and
AZEXT_DMS_PG_TARGET_PASSWORD.
""",
)
_command(
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
_command(
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
_command(
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
_command(
    "dms project task wait",
    "Wait until something is so about a task. Ends with an error when the task has failed.",
    (
        "Wait until every database is ready for the cutover",
        (
            f"{_TASK} --interval 5 --custom \"properties.output[?resultType=='DatabaseLevelOutput']"
            " | !([?migrationState!='READY_TO_COMPLETE'])\""
        ),
    ),
    ("Wait until a task is gone", f"{_TASK} --deleted"),
)
