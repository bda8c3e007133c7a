"""Services, projects and tasks in the store: create, find, list, delete.

Names are found case-insensitively and kept as first written, as in Azure.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from typing import TYPE_CHECKING, Any

from azext_dms_pg.errors import ConflictError
from azext_dms_pg.model.states import (
    CommandState,
    MigrationState,
    ServiceState,
    TableState,
    TaskState,
)
from azext_dms_pg.state import mailbox
from azext_dms_pg.state.records import (
    CommandRecord,
    DatabaseRecord,
    EventRecord,
    ProjectRecord,
    Sample,
    ServiceRecord,
    TableRecord,
    TaskRecord,
    TaskSnapshot,
)
from azext_dms_pg.state.store import Store, now

if TYPE_CHECKING:
    from azext_dms_pg.model.task_input import TaskInput


def begun(store: Store, task: str) -> frozenset[int]:
    """Ordinals of the databases for which something was ever made on a server."""
    rows = store.query(
        "SELECT DISTINCT ordinal FROM passage WHERE task = ? AND state = ?",
        (task, MigrationState.INITIALIZING.value),
    )
    return frozenset(row[0] for row in rows)


def has_ended(store: Store, task: TaskRecord) -> bool:
    """Whether the task is over, and no database of it still has a way to go."""
    return task.state.is_final and all(
        record.state.is_at_rest for record in databases(store, task.id)
    )


def left_behind(store: Store, task: str) -> frozenset[int]:
    """Ordinals of the databases of which a cancel has left something that another may remove."""
    rows = store.query(
        "SELECT DISTINCT ordinal FROM event WHERE task = ? AND severity = 'error'"
        " AND code = 'LeftBehind'",
        (task,),
    )
    return frozenset(row[0] for row in rows)


def put_service(
    store: Store, group: str, name: str, location: str, sku: str, tags: dict[str, str]
) -> ServiceRecord:
    """Create the service, or update sku and tags of the one there (create is idempotent)."""
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO service (group_name, name, location, sku, tags, state, created_on)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (group_name, name)"
            " DO UPDATE SET sku = excluded.sku, tags = excluded.tags",
            (group, name, location, sku, json.dumps(tags), ServiceState.SUCCEEDED.value, now()),
        )
    found = find_service(store, group, name)
    assert found is not None  # noqa: S101 - we have just written it
    return found


def find_service(store: Store, group: str, name: str) -> ServiceRecord | None:
    rows = store.query("SELECT * FROM service WHERE group_name = ? AND name = ?", (group, name))
    return _service(rows[0]) if rows else None


def list_services(store: Store, group: str | None) -> list[ServiceRecord]:
    rows = store.query(
        "SELECT * FROM service WHERE ? IS NULL OR group_name = ? ORDER BY group_name, name",
        (group, group),
    )
    return [_service(row) for row in rows]


def set_service_state(
    store: Store, service: ServiceRecord, state: ServiceState, only_from: ServiceState | None = None
) -> bool:
    """Whether it was done: not where the service is in another state than ``only_from``."""
    with store.transaction() as connection:
        done = connection.execute(
            "UPDATE service SET state = ? WHERE id = ? AND coalesce(?, state) = state",
            (state.value, service.id, None if only_from is None else only_from.value),
        )
        return done.rowcount == 1


def stop_service(store: Store, service: ServiceRecord) -> None:
    """Have the service stop and its running tasks pause.

    At once, as ``start_service`` does it: of two who ask for different things at the same time,
    the later one is to get all of it.
    """
    _turn(store, service, ServiceState.STOPPING, (mailbox.RUN, mailbox.PAUSE))


def start_service(store: Store, service: ServiceRecord) -> None:
    """Have the service start and its paused tasks go on; see ``stop_service``."""
    _turn(store, service, ServiceState.STARTING, (mailbox.PAUSE, mailbox.RUN))


def _turn(
    store: Store, service: ServiceRecord, state: ServiceState, wanted: tuple[str, str]
) -> None:
    before, after = wanted
    with store.transaction() as connection:
        connection.execute("UPDATE service SET state = ? WHERE id = ?", (state.value, service.id))
        connection.execute(
            "UPDATE task SET wanted = ? WHERE wanted = ?"
            " AND project IN (SELECT id FROM project WHERE service = ?)",
            (after, before, service.id),
        )


def delete_service(store: Store, service: ServiceRecord) -> None:
    with store.transaction() as connection:
        connection.execute("DELETE FROM service WHERE id = ?", (service.id,))


def put_project(
    store: Store,
    service: ServiceRecord,
    name: str,
    platforms: tuple[str, str],
    location: str,
    tags: dict[str, str],
) -> ProjectRecord:
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO project (service, name, location, source_platform, target_platform,"
            " tags, created_on) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (service, name) DO UPDATE SET tags = excluded.tags",
            (service.id, name, location, *platforms, json.dumps(tags), now()),
        )
    found = find_project(store, service, name)
    assert found is not None  # noqa: S101 - we have just written it
    return found


def find_project(store: Store, service: ServiceRecord, name: str) -> ProjectRecord | None:
    rows = store.query("SELECT * FROM project WHERE service = ? AND name = ?", (service.id, name))
    return _project(rows[0], service) if rows else None


def list_projects(store: Store, service: ServiceRecord) -> list[ProjectRecord]:
    rows = store.query("SELECT * FROM project WHERE service = ? ORDER BY name", (service.id,))
    return [_project(row, service) for row in rows]


def delete_project(store: Store, project: ProjectRecord) -> None:
    with store.transaction() as connection:
        connection.execute("DELETE FROM project WHERE id = ?", (project.id,))


def add_task(
    store: Store,
    project: ProjectRecord,
    name: str,
    task_input: TaskInput,
    options: dict[str, Any],
) -> TaskRecord:
    """:raises ConflictError: a task of that name exists in the project."""
    identity = uuid.uuid4().hex
    wire = task_input.without_passwords().to_wire()
    try:
        with store.transaction() as connection:
            connection.execute(
                "INSERT INTO task (id, project, name, input, options, state, created_on)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    identity,
                    project.id,
                    name,
                    json.dumps(wire),
                    json.dumps(options),
                    TaskState.QUEUED.value,
                    now(),
                ),
            )
            connection.executemany(
                "INSERT INTO task_database (task, ordinal, name, target_name, state)"
                " VALUES (?, ?, ?, ?, ?)",
                [
                    (identity, ordinal, item.name, item.target_name, MigrationState.UNDEFINED.value)
                    for ordinal, item in enumerate(task_input.databases)
                ],
            )
    except sqlite3.IntegrityError:
        raise ConflictError(
            f"The project {project.name!r} already has a task {name!r}.",
            "Choose another name, or delete that task first: az dms project task delete.",
            code="TaskExists",
        ) from None
    return get_task(store, identity)


def get_task(store: Store, identity: str) -> TaskRecord:
    """The task of that id.

    :raises ConflictError: it was deleted meanwhile.
    """
    rows = store.query(
        "SELECT p.service FROM task t JOIN project p ON p.id = t.project WHERE t.id = ?",
        (identity,),
    )
    if not rows:
        raise ConflictError(
            "The task was deleted while it was being worked on.",
            "Nothing to do; create it again if that was not meant.",
            code="TaskDeleted",
        )
    service = _service(store.query("SELECT * FROM service WHERE id = ?", (rows[0][0],))[0])
    task = store.query("SELECT * FROM task WHERE id = ?", (identity,))[0]
    project = store.query("SELECT * FROM project WHERE id = ?", (task["project"],))[0]
    return _task(task, _project(project, service))


def find_task(store: Store, project: ProjectRecord, name: str) -> TaskRecord | None:
    rows = store.query("SELECT * FROM task WHERE project = ? AND name = ?", (project.id, name))
    return _task(rows[0], project) if rows else None


def list_tasks(store: Store, project: ProjectRecord) -> list[TaskRecord]:
    rows = store.query("SELECT * FROM task WHERE project = ? ORDER BY name", (project.id,))
    return [_task(row, project) for row in rows]


def delete_task(store: Store, task: TaskRecord) -> None:
    with store.transaction() as connection:
        connection.execute("DELETE FROM task WHERE id = ?", (task.id,))


def snapshot(store: Store, task: TaskRecord) -> TaskSnapshot:
    """All rows of one task, read at one moment."""
    with store.transaction():
        return TaskSnapshot(
            task=task,
            databases=tuple(databases(store, task.id)),
            tables=tuple(
                _fill(TableRecord, row, state=TableState(row["state"]))
                for row in store.query(
                    "SELECT * FROM task_table WHERE task = ? ORDER BY ordinal, schema, name",
                    (task.id,),
                )
            ),
            commands=tuple(
                _fill(
                    CommandRecord,
                    row,
                    state=CommandState(row["state"]),
                    options=json.loads(row["options"]),
                )
                for row in store.query(
                    "SELECT * FROM command WHERE task = ? ORDER BY id", (task.id,)
                )
            ),
            events=tuple(
                _fill(EventRecord, row)
                for row in store.query("SELECT * FROM event WHERE task = ? ORDER BY id", (task.id,))
            ),
        )


def databases(store: Store, task: str) -> list[DatabaseRecord]:
    rows = store.query("SELECT * FROM task_database WHERE task = ? ORDER BY ordinal", (task,))
    return [_fill(DatabaseRecord, row, state=MigrationState(row["state"])) for row in rows]


def samples(store: Store, task: str, ordinal: int, limit: int = 4_000) -> list[Sample]:
    """The newest samples of one database, oldest first."""
    rows = store.query(
        "SELECT * FROM (SELECT * FROM sample WHERE task = ? AND ordinal = ?"
        " ORDER BY at DESC LIMIT ?) ORDER BY at",
        (task, ordinal, limit),
    )
    return [_fill(Sample, row) for row in rows]


def _fill(kind: type, row: sqlite3.Row, **parsed: Any) -> Any:
    """A record from the columns that carry its fields' names."""
    return kind(
        **{
            name: parsed[name] if name in parsed else row[name]
            for name in kind.__dataclass_fields__  # type: ignore[attr-defined]
        }
    )


def _service(row: sqlite3.Row) -> ServiceRecord:
    return ServiceRecord(
        id=row["id"],
        group=row["group_name"],
        name=row["name"],
        location=row["location"],
        sku=row["sku"],
        tags=json.loads(row["tags"]),
        state=row["state"],
        created_on=row["created_on"],
    )


def _project(row: sqlite3.Row, service: ServiceRecord) -> ProjectRecord:
    record: ProjectRecord = _fill(ProjectRecord, row, service=service, tags=json.loads(row["tags"]))
    return record


def _task(row: sqlite3.Row, project: ProjectRecord) -> TaskRecord:
    record: TaskRecord = _fill(
        TaskRecord,
        row,
        project=project,
        input=json.loads(row["input"]),
        options=json.loads(row["options"]),
        state=TaskState(row["state"]),
    )
    return record
