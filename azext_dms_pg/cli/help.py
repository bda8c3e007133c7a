"""What ``-h`` says. Every example is parsed by the real parser in the tests.

Core's texts for the same commands would stay if we set none, so every command has one, those of
tasks in ``help_tasks``.
"""

from __future__ import annotations

from azext_dms_pg.cli import help_platforms
from azext_dms_pg.cli import help_tasks as _help_tasks  # noqa: F401 - fills knack's table
from azext_dms_pg.cli.help_text import command, group

_PROJECT = "-g PostgresDemo --service-name PostgresCLI -n PGMigration"
_SERVICE = "-g PostgresDemo -n PostgresCLI"
_SUBNET = (
    "/subscriptions/97181df2-909d-420b-ab93-1bff15acb6b7/resourceGroups/ERNetwork/providers"
    "/Microsoft.Network/virtualNetworks/AzureDMS-CORP-USC-VNET-5044/subnets/Subnet-1"
)

group(
    "dms",
    "Migrate live databases with Azure Database Migration Service (classic), or PostgreSQL"
    " with a service on this machine.",
    """
The path through a migration of PostgreSQL. For a service on Azure write a region instead of
local and give --sku-name and --subnet; every later command is the same.

    az dms create -l local -g GROUP -n SERVICE
    az dms project create -g GROUP --service-name SERVICE -n PROJECT \\
        --source-platform PostgreSQL --target-platform AzureDbForPostgreSql

Before. Add --validate-only to see what stands in the way, and create nothing:

    az dms project task create -g GROUP --service-name SERVICE --project-name PROJECT \\
        -n TASK --source-server db.example.com --target-server new.example.com \\
        --databases sales

While. Watch until the database is READY_TO_COMPLETE, stop the applications, cut over:

    az dms project task watch … --until ready
    az dms project task cutover … --object-name sales

After. Compare both sides, and keep a report:

    az dms project task compare …
    az dms project task report … --file report.html

When it stands still, `az dms project task show …` says why and what to do. A worker that died goes
on with `az dms project task restart …`, all of a service after a reboot with `az dms start`; and
`az dms project task cancel …` takes everything back.

A local service needs no login to Azure. It is found by group and name before Azure is asked.
""",
)
command(
    "dms check-name",
    "Check whether a name for a service is valid and free.",
    ("Check a name in a region", "-l eastus2 -n PostgresCLI"),
    ("Check a name for a service on this machine", "-l local -n PostgresCLI"),
)
command(
    "dms check-status",
    "Check the health of a service.",
    ("Check the health of a service", f"{_SERVICE} -o table"),
    more="A local service is Degraded when a task that has not ended has no worker: az dms start.",
)
command(
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
command(
    "dms delete",
    "Delete a service.",
    ("Delete a service", f"{_SERVICE}"),
    ("Delete it together with running tasks, unasked", f"{_SERVICE} --delete-running-tasks -y"),
)
command(
    "dms list",
    "List the services on this machine and, when logged in, those of the subscription.",
    ("List all services", "-o table"),
    ("List the services of a resource group", "-g PostgresDemo"),
)
command(
    "dms list-skus",
    "List the sizes a service can have.",
    ("List the sizes to be had in a region", "--query \"[?contains(locations, 'eastus2')]\""),
)
command(
    "dms show",
    "Show a service.",
    ("Show a service", f"{_SERVICE}"),
)
command(
    "dms start",
    "Start a service. A local one goes on with its tasks where they stood.",
    ("Start a service", f"{_SERVICE}"),
    more="""
Also after a reboot, or after the end of a Cloud Shell session: every task that has not ended goes
on. Where workers are alive nothing changes, so it may be run at any time.
""",
)
command(
    "dms stop",
    "Stop a service. A local one pauses its tasks in an orderly way; one on Azure is not billed"
    " while stopped.",
    ("Stop a service", f"{_SERVICE}"),
    more="While tasks are paused, the source keeps the changes they have not read yet.",
)
command(
    "dms wait",
    "Wait until something is so about a service.",
    ("Wait until a service is created", f"{_SERVICE} --created"),
    ("Wait until a service is gone", f"{_SERVICE} --deleted --interval 10"),
)
group("dms network", "See and open the network between a service, its source and its target.")
command(
    "dms network show",
    "Show the addresses a service connects from, with the lines for pg_hba.conf on the source.",
    ("Show addresses and pg_hba.conf lines", f"{_SERVICE} -o table"),
    ("Print only the lines for pg_hba.conf", f"{_SERVICE} --query pgHba -o tsv"),
)
command(
    "dms network check",
    "Check what stands between a service, its source and its target. Ends with exit code 1 when"
    " something blocks.",
    ("Check the subnet and its rules", f"{_SERVICE} -o table"),
    (
        "Check the firewall of the target, too",
        f"{_SERVICE} --target-server builddemotarget -o table",
    ),
)
command(
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
group("dms project", "Manage the projects of a service.")
command(
    "dms project check-name",
    "Check whether a name for a project is valid and free.",
    ("Check a name", f"{_PROJECT}"),
)
command(
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
    more=help_platforms.PROJECTS
    + "\nA project holds tasks with the same kind of source and target.\n",
)
command(
    "dms project delete",
    "Delete a project.",
    ("Delete a project", f"{_PROJECT}"),
    ("Delete it together with running tasks, unasked", f"{_PROJECT} --delete-running-tasks -y"),
)
command(
    "dms project list",
    "List the projects of a service.",
    ("List the projects of a service", "-g PostgresDemo --service-name PostgresCLI -o table"),
)
command("dms project show", "Show a project.", ("Show a project", f"{_PROJECT}"))
command(
    "dms project wait",
    "Wait until something is so about a project.",
    ("Wait until a project is created", f"{_PROJECT} --created"),
)
