"""``az dms network`` and the look at a subnet before a service is made in it. Thin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azext_dms_pg.backends.base import Json, Rows


def show_network(cmd: Any, service_name: str, resource_group_name: str, user: str = "all") -> Json:
    raise NotImplementedError


def check_network(
    cmd: Any,
    service_name: str,
    resource_group_name: str,
    target_server: str | None = None,
    target_resource_group: str | None = None,
    source_port: int = 5432,
) -> Rows:
    raise NotImplementedError


def allow_network(
    cmd: Any,
    service_name: str,
    resource_group_name: str,
    target_server: str | None = None,
    target_resource_group: str | None = None,
    security_rules: bool = False,
    dry_run: bool = False,
) -> Rows:
    raise NotImplementedError
