"""Which command calls which handler, and how its result looks as a table."""

from __future__ import annotations

from typing import Any

from azure.cli.core.commands import CliCommandType

from azext_dms_pg.cli import errors, tables


def load_command_table(loader: Any) -> None:
    services = _handlers("service")
    projects = _handlers("project")
    tasks = _handlers("task")
    observing = _handlers("observe")
    proving = _handlers("prove")
    networks = _handlers("network")
    opening = _handlers("opening")
    # ``exception_handler`` is the one place where our errors become azclierror classes.
    common = {"exception_handler": errors.handle}

    with loader.command_group("dms", custom_command_type=services, **common) as group:
        group.custom_command(
            "check-name", "check_service_name", table_transformer=tables.name_availability
        )
        group.custom_command(
            "check-status", "check_service_status", table_transformer=tables.service_status
        )
        group.custom_command(
            "create", "create_service", supports_no_wait=True, table_transformer=tables.service
        )
        group.custom_command("delete", "delete_service", supports_no_wait=True, confirmation=True)
        group.custom_command("list", "list_services", table_transformer=tables.services)
        group.custom_command("list-skus", "list_skus", table_transformer=tables.skus)
        group.custom_show_command("show", "show_service", table_transformer=tables.service)
        for name in ("start", "stop"):
            group.custom_command(
                name, f"{name}_service", supports_no_wait=True, table_transformer=tables.service
            )
        group.custom_command("wait", "wait_for_service")

    with loader.command_group("dms project", custom_command_type=projects, **common) as group:
        group.custom_command(
            "check-name", "check_project_name", table_transformer=tables.name_availability
        )
        group.custom_command("create", "create_project", table_transformer=tables.project)
        group.custom_command("delete", "delete_project", confirmation=True)
        group.custom_command("list", "list_projects", table_transformer=tables.projects)
        group.custom_show_command("show", "show_project", table_transformer=tables.project)
        group.custom_command("wait", "wait_for_project")

    with loader.command_group("dms project task", custom_command_type=tasks, **common) as group:
        group.custom_command("cancel", "cancel_task", table_transformer=tables.task)
        group.custom_command(
            "check-name", "check_task_name", table_transformer=tables.name_availability
        )
        group.custom_command(
            "create", "create_task", supports_no_wait=True, table_transformer=tables.task
        )
        group.custom_command("cutover", "cutover_task")
        group.custom_command("delete", "delete_task", confirmation=True)
        group.custom_command("list", "list_tasks", table_transformer=tables.tasks)
        group.custom_command("restart", "restart_task", table_transformer=tables.task)
        group.custom_show_command("show", "show_task", table_transformer=tables.task)
        group.custom_command("wait", "wait_for_task")

    with loader.command_group("dms project task", custom_command_type=observing, **common) as group:
        group.custom_command("log", "read_log")
        group.custom_command("watch", "watch_task")

    with loader.command_group("dms project task", custom_command_type=proving, **common) as group:
        group.custom_command("compare", "compare_task", table_transformer=tables.comparisons)
        group.custom_command("report", "report_task", table_transformer=tables.report)

    with loader.command_group("dms network", custom_command_type=networks, **common) as group:
        group.custom_command("check", "check_network", table_transformer=tables.findings)
        group.custom_show_command("show", "show_network", table_transformer=tables.network)

    with loader.command_group("dms network", custom_command_type=opening, **common) as group:
        group.custom_command("allow", "allow_network", table_transformer=tables.findings)


def _handlers(module: str) -> Any:
    return CliCommandType(operations_tmpl=f"azext_dms_pg.cli.{module}#{{}}")
