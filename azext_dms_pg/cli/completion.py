"""Names for the shell's completion; silent when they cannot be had."""

from __future__ import annotations

from typing import Any

from azure.cli.core.decorators import Completer

from azext_dms_pg.errors import DmsPgError


@Completer
def services(cmd: Any, prefix: str, namespace: Any) -> list[str]:  # noqa: ARG001 - az's signature
    from azext_dms_pg.cli.service import list_services

    return _names(lambda: list_services(cmd, namespace.resource_group_name))


@Completer
def projects(cmd: Any, prefix: str, namespace: Any) -> list[str]:  # noqa: ARG001 - az's signature
    from azext_dms_pg.cli.project import list_projects

    return _names(lambda: list_projects(cmd, namespace.service_name, namespace.resource_group_name))


@Completer
def tasks(cmd: Any, prefix: str, namespace: Any) -> list[str]:  # noqa: ARG001 - az's signature
    from azext_dms_pg.cli.task import list_tasks

    return _names(
        lambda: list_tasks(
            cmd, namespace.resource_group_name, namespace.service_name, namespace.project_name
        )
    )


def _names(ask: Any) -> list[str]:
    try:
        return [item["name"] for item in ask()]
    except DmsPgError:
        return []
