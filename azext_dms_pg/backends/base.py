"""The one protocol both backends speak: what can be asked of services, projects and tasks.

Owns the vocabulary between the command line and whoever answers it. Knows nothing of ``az``,
ARM, pollers or SQLite. Every answer is a JSON-ready dict in the shape ``az`` prints for Azure
(``shape.py`` writes it down), so that the same ``--query`` works against both backends.

Every method raises :class:`azext_dms_pg.errors.DmsPgError` and nothing else on purpose:
``NotFoundError`` when what is addressed does not exist, ``ConflictError`` when the state of it
forbids the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from azext_dms_pg.model.task_input import TaskInput

Json = dict[str, Any]
Rows = list[Json]


@dataclass(frozen=True)
class ServiceAddress:
    """A service by group and name, as the user typed them; they compare case-insensitively."""

    group: str
    service: str

    def __str__(self) -> str:
        return f"service {self.service!r} in resource group {self.group!r}"

    def project(self, name: str) -> ProjectAddress:
        return ProjectAddress(self.group, self.service, name)


@dataclass(frozen=True)
class ProjectAddress:
    """A project by its service and name."""

    group: str
    service: str
    project: str

    def __str__(self) -> str:
        return f"project {self.project!r} of {self.parent}"

    @property
    def parent(self) -> ServiceAddress:
        return ServiceAddress(self.group, self.service)

    def task(self, name: str) -> TaskAddress:
        return TaskAddress(self.group, self.service, self.project, name)


@dataclass(frozen=True)
class TaskAddress:
    """A task by its project and name."""

    group: str
    service: str
    project: str
    task: str

    def __str__(self) -> str:
        return f"task {self.task!r} of {self.parent}"

    @property
    def parent(self) -> ProjectAddress:
        return ProjectAddress(self.group, self.service, self.project)


class Services(Protocol):
    """Services; each answer is ``shape.service`` unless said otherwise."""

    def create(
        self,
        where: ServiceAddress,
        *,
        location: str | None,
        sku: str | None,
        subnet: str | None,
        tags: Mapping[str, str] | None,
    ) -> Json | None:
        """Make the service, or update the one of that name.

        ``subnet`` is a resource id. None is answered only where making one takes long and the
        backend was told not to wait.
        """
        ...

    def show(self, where: ServiceAddress) -> Json: ...

    def list(self, group: str | None) -> Rows:
        """All services of one group, or of every group."""
        ...

    def delete(self, where: ServiceAddress, *, delete_running_tasks: bool) -> None: ...

    def start(self, where: ServiceAddress) -> Json | None: ...

    def stop(self, where: ServiceAddress) -> Json | None: ...

    def check_status(self, where: ServiceAddress) -> Json:
        """``shape.service_status``: status, vmSize, agentVersion, supportedTaskTypes."""
        ...

    def check_name(self, name: str, location: str) -> Json:
        """``shape.name_availability``."""
        ...

    def list_skus(self) -> Rows: ...


class Projects(Protocol):
    """Projects of a service; each answer is ``shape.project`` unless said otherwise."""

    def create(
        self,
        where: ProjectAddress,
        *,
        source_platform: str,
        target_platform: str,
        location: str | None,
        tags: Mapping[str, str] | None,
    ) -> Json: ...

    def show(self, where: ProjectAddress) -> Json: ...

    def list(self, where: ServiceAddress) -> Rows: ...

    def delete(self, where: ProjectAddress, *, delete_running_tasks: bool) -> None: ...

    def check_name(self, where: ProjectAddress) -> Json: ...


class Tasks(Protocol):
    """Tasks of a project; each answer is ``shape.task`` unless said otherwise.

    To make one is no part of the protocol: here it takes what we understand (a ``TaskInput``), on
    Azure what core sends (the JSON itself, with keys and nulls that are Azure's business).
    ``expand`` is None, ``"output"`` or ``"command"``: what is not asked for is null.
    """

    def show(self, where: TaskAddress, *, expand: str | None) -> Json: ...

    def list(self, where: ProjectAddress, *, task_type: str | None, expand: str | None) -> Rows: ...

    def cutover(
        self, where: TaskAddress, *, object_name: str | None, make_source_read_only: bool = False
    ) -> None:
        """Ask for the cutover of one source database, or of all that are not cut over yet."""
        ...

    def compare(
        self,
        where: TaskAddress,
        *,
        object_name: str | None,
        limit: int,
        with_passwords: Callable[[TaskInput], TaskInput],
    ) -> Rows:
        """Compare the contents of both sides, one answer a table.

        :param limit: keys named of a table that differs.
        :param with_passwords: completes an input whose passwords are no longer kept.
        """
        ...

    def cancel(self, where: TaskAddress) -> Json: ...

    def delete(self, where: TaskAddress, *, delete_running_tasks: bool) -> None: ...

    def restart(self, where: TaskAddress) -> Json: ...

    def check_name(self, where: TaskAddress) -> Json: ...

    def history(self, where: TaskAddress) -> Json:
        """``shape.history``: what was remembered over time; empty where nobody remembers."""
        ...

    def log(self, where: TaskAddress) -> TaskLog:
        """What the task's workers have written down."""
        ...


class TaskLog(Protocol):
    """The log of a task, in order of time; each line is a dict as ``state.log`` writes it."""

    def newest(self, count: int | None) -> Rows:
        """The newest lines, or all that are kept."""
        ...

    def more(self) -> Rows:
        """The lines written since they were last asked for."""
        ...


class Backend(Protocol):
    """Where services live: here or on Azure."""

    @property
    def services(self) -> Services: ...

    @property
    def projects(self) -> Projects: ...

    @property
    def tasks(self) -> Tasks: ...
