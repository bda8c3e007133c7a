"""Names for the shell's completion; silent when they cannot be had."""

from __future__ import annotations

from typing import Any

from azure.cli.core.decorators import Completer


@Completer
def services(cmd: Any, prefix: str, namespace: Any) -> list[str]:  # noqa: ARG001 - az's signature
    from azext_dms_pg.cli.service import list_services

    return _names(list_services, cmd, namespace.resource_group_name)


@Completer
def projects(cmd: Any, prefix: str, namespace: Any) -> list[str]:  # noqa: ARG001 - az's signature
    from azext_dms_pg.cli.project import list_projects

    parents = namespace.service_name, namespace.resource_group_name
    return _names(list_projects, cmd, *parents) if all(parents) else []


@Completer
def tasks(cmd: Any, prefix: str, namespace: Any) -> list[str]:  # noqa: ARG001 - az's signature
    from azext_dms_pg.cli.task import list_tasks

    parents = namespace.resource_group_name, namespace.service_name, namespace.project_name
    return _names(list_tasks, cmd, *parents) if all(parents) else []


def _names(ask: Any, *arguments: Any) -> list[str]:
    try:
        return [item["name"] for item in ask(*arguments)]
    except Exception:  # noqa: BLE001 - a shell in the middle of a line wants no traceback
        return []
