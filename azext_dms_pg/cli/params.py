"""How the options of every command look: names, choices, completion, grouping, help."""

from __future__ import annotations

from typing import Any

from azure.cli.core.commands.parameters import (
    get_enum_type,
    get_generic_completion_list,
    get_location_type,
    get_three_state_flag,
    tags_type,
)
from knack.arguments import CLIArgumentType

from azext_dms_pg.cli import completion, platforms

_NAME = CLIArgumentType(options_list=["--name", "-n"], metavar="NAME")
_TEXT = str
_ASKED = "asked for when missing; without a terminal it is read from {variable}"


def load_arguments(loader: Any) -> None:
    _services(loader)
    _projects(loader)
    _tasks(loader)
    _task_input(loader)
    _observing(loader)
    _networks(loader)
    _waiting(loader)


def _services(loader: Any) -> None:
    with loader.argument_context("dms") as c:
        c.argument(
            "service_name",
            _NAME,
            help="Name of the service.",
            id_part="name",
            completer=completion.services,
        )
        c.argument("tags", tags_type)
        c.argument(
            "delete_running_tasks",
            get_three_state_flag(),
            help="Cancel tasks that are running, then delete. Without it, running tasks are in"
            " the way of a deletion.",
        )
    for command in ("dms create", "dms check-name"):
        with loader.argument_context(command) as c:
            c.argument("service_name", _NAME, help="Name of the service.", id_part=None)
    with loader.argument_context("dms check-name") as c:
        c.argument(
            "location",
            get_location_type(loader.cli_ctx),
            help="Region in which the name is to be used; `local` for this machine.",
        )
    with loader.argument_context("dms create") as c:
        c.argument(
            "location",
            get_location_type(loader.cli_ctx),
            help="`local` makes a service on this machine, without a login. Any other value is"
            " an Azure region; by default that of the resource group.",
        )
        c.argument(
            "sku_name",
            options_list=["--sku-name"],
            help="Size of the service's virtual machine on Azure, for example"
            " Premium_4vCores; online migrations need a Premium one. See `az dms list-skus`."
            " A local service needs none.",
        )
        c.argument(
            "subnet",
            options_list=["--subnet"],
            help="Subnet from which the service reaches source and target: its resource id, or"
            " its name together with --vnet-name. A local service needs none.",
        )
        c.argument(
            "vnet_name",
            options_list=["--vnet-name"],
            help="Virtual network of --subnet when that is a name.",
        )
        c.argument(
            "vnet_resource_group",
            options_list=["--vnet-resource-group"],
            help="Resource group of --vnet-name; by default that of the service.",
        )
        c.argument(
            "skip_network_check",
            options_list=["--skip-network-check"],
            action="store_true",
            help="Create the service even when the subnet does not offer what it needs.",
        )


def _projects(loader: Any) -> None:
    with loader.argument_context("dms project") as c:
        c.argument(
            "service_name",
            options_list=["--service-name"],
            help="Name of the service.",
            id_part="name",
            completer=completion.services,
        )
        c.argument(
            "project_name",
            _NAME,
            help="Name of the project.",
            id_part="child_name_1",
            completer=completion.projects,
        )
    for command in ("dms project create", "dms project check-name", "dms project list"):
        with loader.argument_context(command) as c:
            c.argument("service_name", options_list=["--service-name"], id_part=None)
            c.argument("project_name", _NAME, id_part=None)
    with loader.argument_context("dms project create") as c:
        c.argument(
            "source_platform",
            get_enum_type(platforms.SOURCES),
            help="What the source is.",
        )
        c.argument(
            "target_platform",
            get_enum_type(platforms.TARGETS),
            help="What the target is. AzureDbForPostgreSql stands for any PostgreSQL server"
            " when the service is local.",
        )
        c.argument(
            "location",
            get_location_type(loader.cli_ctx),
            help="Accepted for the sake of older scripts: a project lives where its service does.",
        )


def _tasks(loader: Any) -> None:
    with loader.argument_context("dms project task") as c:
        c.argument(
            "project_name",
            options_list=["--project-name"],
            help="Name of the project.",
            id_part="child_name_1",
            completer=completion.projects,
        )
        c.argument(
            "task_name",
            _NAME,
            help="Name of the task.",
            id_part="child_name_2",
            completer=completion.tasks,
        )
        c.argument(
            "expand",
            get_enum_type(["output", "command"]),
            help="Also show the progress and results (output), or the commands sent to the task"
            " and how they went (command).",
        )
    for command in ("create", "check-name", "list"):
        with loader.argument_context(f"dms project task {command}") as c:
            c.argument("service_name", options_list=["--service-name"], id_part=None)
            c.argument("project_name", options_list=["--project-name"], id_part=None)
            c.argument("task_name", _NAME, id_part=None)
    with loader.argument_context("dms project task list") as c:
        c.argument(
            "task_type",
            options_list=["--task-type"],
            help="Only tasks of this type, for example"
            " Migrate.PostgreSql.AzureDbForPostgreSql.SyncV2. See `az dms check-status`.",
        )
    with loader.argument_context("dms project task cutover") as c:
        c.argument(
            "object_name",
            options_list=["--object-name"],
            help="Name of the database on the source to cut over. Left out: every database of"
            " the task that is not cut over yet.",
        )


def _task_input(loader: Any) -> None:
    with loader.argument_context("dms project task create") as c:
        c.argument(
            "task_type",
            options_list=["--task-type"],
            completer=get_generic_completion_list(platforms.TASK_TYPES),
            help="OnlineMigration (the default for PostgreSQL), OfflineMigration (otherwise), or"
            " ReplicateChanges (MySQL).",
        )
        for side in ("source", "target"):
            c.argument(
                f"{side}_platform",
                options_list=[f"--{side}-platform"],
                help=f"Checked against the {side} platform of the project.",
            )
            c.argument(
                f"{side}_connection_json",
                options_list=[f"--{side}-connection-json"],
                help=f"How to reach the {side} server: a JSON file, or the JSON itself. Comments"
                " and trailing commas are allowed.",
            )
            _typed_connection(c, side)
        c.argument(
            "database_options_json",
            options_list=["--database-options-json"],
            help="Which databases and tables to move: a JSON file, or the JSON itself.",
        )
        c.argument(
            "databases_to_migrate",
            options_list=["--databases"],
            nargs="+",
            metavar="NAME[=TARGET]",
            arg_group="Databases",
            help="Databases to move, without a file: NAME, or SOURCE=TARGET when the names differ.",
        )
        c.argument(
            "tables",
            options_list=["--tables"],
            nargs="+",
            metavar="SCHEMA.TABLE",
            arg_group="Databases",
            help="Only these tables of the one database given with --databases.",
        )
        for name, short, what in (
            ("schema", "schema", "compare the schemas of source and target"),
            ("data_integrity", "data", "compare checksums of source and target"),
            ("query_analysis", "queries", "run queries of the source on the target"),
        ):
            c.argument(
                f"enable_{name}_validation",
                get_three_state_flag(),
                options_list=[
                    f"--enable-{name.replace('_', '-')}-validation",
                    f"--validate-{short}",
                ],
                help=f"For SQL only: {what} afterwards.",
            )


def _typed_connection(c: Any, side: str) -> None:
    """Flags instead of a file; each wins over the same value in the JSON."""
    group = f"{side.capitalize()} Server"
    variables = f"AZEXT_DMS_PG_{side.upper()}"
    c.argument(
        f"{side}_server",
        options_list=[f"--{side}-server"],
        arg_group=group,
        help=f"Host name or address of the {side}, instead of a file. The password is asked for,"
        f" or read from {variables}_PASSWORD.",
    )
    c.argument(
        f"{side}_port",
        options_list=[f"--{side}-port"],
        arg_group=group,
        type=int,
        help="Port of the server; 5432 by default.",
    )
    c.argument(
        f"{side}_user",
        options_list=[f"--{side}-user"],
        arg_group=group,
        help=f"Role to sign in as; otherwise asked for, or read from {variables}_USER.",
    )
    c.argument(
        f"{side}_database",
        options_list=[f"--{side}-database"],
        arg_group=group,
        help="Database for the first connection; `postgres` by default.",
    )


def _observing(loader: Any) -> None:
    with loader.argument_context("dms project task create") as c:
        c.argument(
            "wait_until",
            get_enum_type(["ready", "complete"]),
            help="Stay with the task and show its progress until every database is ready for"
            " the cutover, or until the task is complete. Ctrl-C leaves the migration running"
            " and ends with exit code 130.",
        )
        c.argument(
            "no_wait",
            options_list=["--no-wait"],
            action="store_true",
            help="Return as soon as the task is started, and print nothing. Without it (and without"
            " --wait-until) the command returns as soon, and prints the task.",
        )
        c.argument(
            "validate_only",
            options_list=["--validate-only"],
            action="store_true",
            help="Check everything, print the findings, create nothing. Ends with exit code 1"
            " when something stands in the way. Local services only.",
        )
        c.argument(
            "migrate_schema",
            options_list=["--migrate-schema"],
            action="store_true",
            help="Create the schema of the source on the target first, with pg_dump. Without it"
            " the tables have to be there already. Local services only.",
        )
    with loader.argument_context("dms project task watch") as c:
        c.argument(
            "until",
            get_enum_type(["ready", "complete"]),
            help="Stop watching when every database is ready for the cutover, or when the task"
            " is complete. By default: when the task has ended.",
        )
        c.argument(
            "interval",
            options_list=["--interval"],
            type=float,
            help="Seconds between two looks; by default 1 for a local task, 10 for one on Azure.",
        )
        c.argument(
            "metrics_file",
            options_list=["--metrics-file"],
            help="Also write the numbers to this file at every look, in the text format of"
            " Prometheus (for node_exporter's textfile collector).",
        )
    with loader.argument_context("dms project task cutover") as c:
        c.argument(
            "make_source_read_only",
            options_list=["--make-source-read-only"],
            action="store_true",
            help="Make the source database read-only and end the sessions on it before the last"
            " changes are applied. A cancel takes it back. Local services only.",
        )
    with loader.argument_context("dms project task compare") as c:
        c.argument(
            "object_name",
            options_list=["--object-name"],
            help="Name of the database on the source to compare. Left out: every database of"
            " the task.",
        )
        c.argument(
            "limit",
            options_list=["--limit"],
            type=int,
            help="Keys named of each table that differs.",
        )
    with loader.argument_context("dms project task report") as c:
        c.argument(
            "file",
            options_list=["--file", "-f"],
            help="Where to write the report: a name that ends in .html (one page that needs"
            " nothing else) or .json. Left out: the JSON is printed.",
        )
    with loader.argument_context("dms project task log") as c:
        c.argument(
            "follow",
            options_list=["--follow", "-f"],
            action="store_true",
            help="Go on printing what is written, until the task has ended or Ctrl-C.",
        )
        c.argument(
            "tail",
            options_list=["--tail"],
            type=int,
            help="Only this many of the newest lines.",
        )
        c.argument(
            "as_json",
            options_list=["--json"],
            action="store_true",
            help="Print the lines as they are kept: one JSON object each.",
        )


def _networks(loader: Any) -> None:
    with loader.argument_context("dms network") as c:
        c.argument(
            "target_server",
            options_list=["--target-server"],
            help="Azure Database for PostgreSQL to migrate to: its name, host name or resource id.",
        )
        c.argument(
            "target_resource_group",
            options_list=["--target-resource-group"],
            help="Resource group of --target-server; by default that of the service.",
        )
    with loader.argument_context("dms network show") as c:
        c.argument(
            "user",
            options_list=["--user"],
            help="Role the service signs in as on the source, for the pg_hba.conf lines.",
        )
    with loader.argument_context("dms network check") as c:
        c.argument(
            "source_port",
            options_list=["--source-port"],
            type=int,
            help="Port the source listens on; 5432 by default.",
        )
    with loader.argument_context("dms network allow") as c:
        c.argument(
            "security_rules",
            options_list=["--nsg-rules"],
            action="store_true",
            help="Also add the rules that are missing in the subnet's network security group.",
        )
        c.argument(
            "dry_run",
            options_list=["--dry-run"],
            action="store_true",
            help="Show what would be changed, and change nothing.",
        )


def _waiting(loader: Any) -> None:
    for group in ("dms", "dms project", "dms project task"):
        with loader.argument_context(f"{group} wait", arg_group="Wait Condition") as c:
            for name, what in (
                ("created", "it is created"),
                ("updated", "it is updated"),
                ("deleted", "it is gone"),
                ("exists", "it exists"),
            ):
                c.argument(name, action="store_true", help=f"Wait until {what}.")
            c.argument(
                "custom",
                options_list=["--custom"],
                help="Wait until this JMESPath query of what `show` prints is true.",
            )
            c.argument("interval", type=int, help="Seconds between two looks.")
            c.argument("timeout", type=int, help="Seconds after which to give up.")
