"""Rows of the store as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from azext_dms_pg.model.states import CommandState, MigrationState, TableState, TaskState


@dataclass(frozen=True)
class ServiceRecord:
    """A local service."""

    id: int
    group: str
    name: str
    location: str
    sku: str
    tags: dict[str, str]
    state: str
    created_on: str


@dataclass(frozen=True)
class ProjectRecord:
    """A project of a local service."""

    id: int
    service: ServiceRecord
    name: str
    location: str
    source_platform: str
    target_platform: str
    tags: dict[str, str]
    created_on: str


@dataclass(frozen=True)
class TaskRecord:
    """A task; ``input`` and ``options`` are JSON objects, ``input`` without passwords."""

    id: str
    project: ProjectRecord
    name: str
    input: dict[str, Any]
    options: dict[str, Any]
    state: TaskState
    wanted: str
    created_on: str
    started_on: str | None
    ended_on: str | None


@dataclass(frozen=True)
class DatabaseRecord:
    """One database of a task as its worker last reported it. Times are ISO text, lag seconds."""

    ordinal: int
    name: str
    target_name: str
    state: MigrationState
    activity: str
    problem: str
    action: str
    started_on: str | None
    ended_on: str | None
    load_ended_on: str | None
    cutover_on: str | None
    inserts: int
    updates: int
    deletes: int
    incoming: int
    latency: float
    applied_lsn: str | None
    source_lsn: str | None
    source_version: str
    target_version: str
    heartbeat: str | None

    @property
    def applied(self) -> int:
        return self.inserts + self.updates + self.deletes


@dataclass(frozen=True)
class TableRecord:
    """One table of a database; ``fraction`` is 0..1 of its full load, ``weight`` source bytes."""

    ordinal: int
    schema: str
    name: str
    state: TableState
    rows: int
    bytes: int
    fraction: float
    format: str
    started_on: str | None
    ended_on: str | None
    estimated_end: str | None
    inserts: int
    updates: int
    deletes: int
    errors: int
    modified_on: str | None
    weight: int = 0


@dataclass(frozen=True)
class CommandRecord:
    """What the user asked of one database's worker, and how far that is."""

    id: int
    ordinal: int
    type: str
    state: CommandState
    options: dict[str, Any]
    created_on: str
    error: str


@dataclass(frozen=True)
class EventRecord:
    """Something worth knowing; ``ordinal`` is None when it concerns the whole task."""

    id: int
    ordinal: int | None
    at: str
    severity: str
    code: str
    subject: str
    message: str
    action: str


@dataclass(frozen=True)
class Sample:
    """Lag (seconds) and totals of one database at one moment."""

    ordinal: int
    at: str
    latency: float
    applied: int
    rows: int
    incoming: int


@dataclass(frozen=True)
class Passage:
    """A state a database came to."""

    ordinal: int
    at: str
    state: MigrationState
    activity: str


@dataclass(frozen=True)
class Comparison:
    """What the newest comparison of one table found; sums are empty when rows were counted."""

    ordinal: int
    schema: str
    name: str
    at: str
    source_rows: int
    target_rows: int
    source_sum: str
    target_sum: str
    equal: bool
    keys: tuple[str, ...]


@dataclass(frozen=True)
class TaskSnapshot:
    """Everything the store knows of one task at one moment; what ``report`` is made from."""

    task: TaskRecord
    databases: tuple[DatabaseRecord, ...]
    tables: tuple[TableRecord, ...]
    commands: tuple[CommandRecord, ...]
    events: tuple[EventRecord, ...]
