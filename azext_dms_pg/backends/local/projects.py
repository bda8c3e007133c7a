"""Local projects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.backends import shape
from azext_dms_pg.backends.local import removal
from azext_dms_pg.backends.shape import LOCAL_SUBSCRIPTION
from azext_dms_pg.state import resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azext_dms_pg.backends.base import Json, ProjectAddress, Rows, ServiceAddress
    from azext_dms_pg.backends.local.tree import Tree
    from azext_dms_pg.state.records import ProjectRecord


class LocalProjects:
    """``base.Projects`` answered from the local store."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def create(
        self,
        where: ProjectAddress,
        *,
        source_platform: str,
        target_platform: str,
        location: str | None,  # noqa: ARG002 - the tutorial passes any; a project is where its service is
        tags: Mapping[str, str] | None,
    ) -> Json:
        service = self._tree.service(where.parent)
        project = resources.put_project(
            self._tree.store,
            service,
            where.project,
            (source_platform, target_platform),
            service.location,
            dict(tags or {}),
        )
        return _shape(project)

    def show(self, where: ProjectAddress) -> Json:
        return _shape(self._tree.project(where))

    def list(self, where: ServiceAddress) -> Rows:
        service = self._tree.service(where)
        return [_shape(project) for project in resources.list_projects(self._tree.store, service)]

    def delete(self, where: ProjectAddress, *, delete_running_tasks: bool) -> None:
        project = self._tree.project(where)
        for task in resources.list_tasks(self._tree.store, project):
            removal.remove_task(self._tree, task, delete_running_tasks=delete_running_tasks)
        resources.delete_project(self._tree.store, project)

    def check_name(self, where: ProjectAddress) -> Json:
        service = self._tree.service(where.parent)
        taken = resources.find_project(self._tree.store, service, where.project) is not None
        return shape.name_availability(
            available=not taken,
            reason="AlreadyExists" if taken else None,
            message=f"There is a {where} already." if taken else None,
        )


def _shape(project: ProjectRecord) -> Json:
    service = project.service
    return shape.project(
        resource_id=shape.project_id(LOCAL_SUBSCRIPTION, service.group, service.name, project.name),
        name=project.name,
        group=service.group,
        location=project.location,
        source_platform=project.source_platform,
        target_platform=project.target_platform,
        provisioning_state="Succeeded",
        creation_time=project.created_on,
        tags=project.tags,
    )
