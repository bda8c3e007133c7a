"""From rows of the store to the task output of Azure DMS. Pure: values in, JSON-ready dicts out.

Source for keys and spellings: azure-mgmt-datamigration 10.0.0, the classes
``MigratePostgreSqlAzureDbForPostgreSqlSyncTaskOutput*``, and the sample output of the tutorial.
Where the two differ (``sourceVersion`` and ``sourceServerVersion``, ``dataErrorsCount`` and
``dataErrorsCounter``, ``fullLoadTotalVolumeBytes``) both are printed, so that a query written
against either works. Keys of our own come beside them, never instead.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any

from azext_dms_pg.model.states import MigrationState, ReplicateState, TableState, TaskState

if TYPE_CHECKING:
    from azext_dms_pg.state.records import (
        DatabaseRecord,
        EventRecord,
        TableRecord,
        TaskSnapshot,
    )

Json = dict[str, Any]

# The service prints the epoch where no finish is to be estimated any more.
_NO_ESTIMATE = "1970-01-01T00:00:00+00:00"
# A worker reports every second; one that has been silent for this long is stopped or hangs.
_SILENT_SECONDS = 30.0
_AT_WORK = frozenset({TaskState.RUNNING, TaskState.CANCELING})
_PAGE = 8192


class Liveness(Enum):
    """Whether somebody works on the task, found out by asking its lock."""

    ALIVE = "alive"
    DEAD = "dead"
    PAUSED = "paused"


@dataclass(frozen=True)
class Standing:
    """What is true of a task at this moment, whatever its worker last wrote.

    :param problem: why its state is not simply what the worker wrote, or an empty string.
    """

    state: TaskState
    code: str = ""
    problem: str = ""
    action: str = ""


def standing(
    snapshot: TaskSnapshot, liveness: Liveness, moment: datetime | None = None
) -> Standing:
    """The task's state, corrected by whether its worker lives and speaks."""
    task = snapshot.task
    if task.state.is_final and all(record.state.is_at_rest for record in snapshot.databases):
        return Standing(task.state)
    if liveness is Liveness.PAUSED:
        return Standing(
            TaskState.QUEUED,
            "ServiceStopped",
            "The service is stopped, so nobody works on this task; the source keeps its WAL.",
            f"az dms start -g {task.project.service.group} -n {task.project.service.name}",
        )
    if liveness is Liveness.DEAD:
        return Standing(
            TaskState.FAULTED,
            "WorkerNotRunning",
            f"The worker of this task has ended unexpectedly{_last_seen(snapshot)}. Nothing is "
            "lost: it goes on from where it durably stood.",
            f"az dms project task restart -g {task.project.service.group} "
            f"--service-name {task.project.service.name} --project-name {task.project.name} "
            f"-n {task.name}",
        )
    silence = _silence(snapshot, moment or datetime.now(timezone.utc))
    if task.state in _AT_WORK and silence > _SILENT_SECONDS:
        again = "cancel" if task.state is TaskState.CANCELING else "restart"
        return Standing(
            TaskState.UNKNOWN,
            "WorkerSilent",
            f"The worker of this task lives but has not reported for {silence:.0f} seconds: it "
            "is suspended, the machine is overloaded, or the disk of the state is full.",
            "Let it continue (kill -CONT), or end it (kill -9), which loses nothing: another one "
            f"is started. If none is, end its supervisor too and run az dms project task {again}.",
        )
    return Standing(task.state)


def errors(snapshot: TaskSnapshot, now: Standing) -> list[Json]:
    """``properties.errors``: what is wrong with the task as a whole, as ODataError objects."""
    found = []
    if now.problem:
        found.append(_odata(now.code, f"{now.problem} {now.action}"))
    found += [
        _odata(event.code, _sentence(event))
        for event in snapshot.events
        if event.severity in {"error", "blocker"}
    ]
    return found


def commands(snapshot: TaskSnapshot) -> list[Json]:
    """``properties.commands``."""
    names = {database.ordinal: database.name for database in snapshot.databases}
    return [
        {
            "commandType": command.type,
            "errors": [_odata("CutoverFailed", command.error)] if command.error else [],
            "input": {"databaseName": names.get(command.ordinal), "commitTimeStamp": None},
            "output": None,
            "state": command.state.value,
        }
        for command in snapshot.commands
    ]


def output(snapshot: TaskSnapshot, now: Standing) -> list[Json]:
    """``properties.output``: databases, the migration, tables, errors: in the tutorial's order."""
    shown: list[Json] = [_database(snapshot, record, now) for record in snapshot.databases]
    shown.append(_migration(snapshot, now))
    names = {database.ordinal: database.name for database in snapshot.databases}
    shown += [_table(record, names[record.ordinal], now) for record in snapshot.tables]
    shown += [_error(event) for event in snapshot.events if event.severity in {"error", "blocker"}]
    shown += [
        item
        for record in snapshot.databases
        if (item := _database_events(snapshot, record, now)) is not None
    ]
    return shown


def state_of(record: DatabaseRecord, now: Standing) -> MigrationState:
    """A database's state; what a dead or paused worker last wrote is no longer known to hold."""
    if now.code and not record.state.is_final:
        return MigrationState.UNDEFINED
    return record.state


def _migration(snapshot: TaskSnapshot, now: Standing) -> Json:
    task = snapshot.task
    source = task.input["sourceConnectionInfo"]["serverName"]
    target = task.input["targetConnectionInfo"]["serverName"]
    source_versions = {record.source_version for record in snapshot.databases} - {""}
    target_versions = {record.target_version for record in snapshot.databases} - {""}
    source_version = f"PostgreSQL {', '.join(sorted(source_versions))}".strip()
    target_version = f"PostgreSQL {', '.join(sorted(target_versions))}".strip()
    return {
        "databaseCount": len(snapshot.databases),
        "endedOn": task.ended_on,
        "id": _dashed(task.id),
        "resultType": "MigrationLevelOutput",
        "sourceServer": source,
        "sourceServerType": "PostgreSQL",
        "sourceServerVersion": source_version,
        "sourceVersion": source_version,
        "startedOn": task.started_on,
        "state": _overall(snapshot, now).value,
        "targetServer": target,
        "targetServerType": "AzureDBForPostgresSql",
        "targetServerVersion": target_version,
        "targetVersion": target_version,
    }


def _overall(snapshot: TaskSnapshot, now: Standing) -> ReplicateState:
    states = {record.state for record in snapshot.databases}
    if now.code:
        return ReplicateState.ACTION_REQUIRED
    if now.state is TaskState.SUCCEEDED:
        return ReplicateState.COMPLETE
    if states & {MigrationState.FAILED, MigrationState.VALIDATION_FAILED}:
        return ReplicateState.FAILED
    if any(record.action for record in snapshot.databases):
        return ReplicateState.ACTION_REQUIRED
    if states <= {MigrationState.VALIDATING, MigrationState.VALIDATION_COMPLETE}:
        return ReplicateState.VALIDATING
    return ReplicateState.PENDING


def _database(snapshot: TaskSnapshot, record: DatabaseRecord, now: Standing) -> Json:
    tables = [table for table in snapshot.tables if table.ordinal == record.ordinal]
    count = {state: sum(table.state is state for table in tables) for state in TableState}
    return {
        "activity": now.problem or record.activity,
        "appliedChanges": record.applied,
        "appliedLsn": record.applied_lsn,
        "cdcDeleteCounter": record.deletes,
        "cdcInsertCounter": record.inserts,
        "cdcUpdateCounter": record.updates,
        "cutoverOn": record.cutover_on,
        "databaseName": record.name,
        "endedOn": record.ended_on,
        "fullLoadCompletedTables": count[TableState.COMPLETED],
        "fullLoadEndedOn": record.load_ended_on,
        "fullLoadErroredTables": count[TableState.ERROR] + count[TableState.FAILED],
        "fullLoadLoadingTables": count[TableState.FULL_LOAD],
        "fullLoadEstFinishTime": _load_end(record, tables) or _NO_ESTIMATE,
        "fullLoadPercent": round(_loaded(tables) * 100, 1),
        "fullLoadQueuedTables": count[TableState.BEFORE_LOAD],
        "id": f"db|{record.name}",
        "incomingChanges": record.incoming,
        "initializationCompleted": record.load_ended_on is not None,
        "lastReportOn": record.heartbeat,
        "latency": round(record.latency),
        "migrationState": state_of(record, now).value,
        "resultType": "DatabaseLevelOutput",
        "sourceLsn": record.source_lsn,
        "startedOn": record.started_on,
        "targetDatabaseName": record.target_name,
    }


def _loaded(tables: list[TableRecord]) -> float:
    """How much of a database's full load is done, 0..1, every table counted by its bytes."""
    # An empty table is work, too: a page's worth.
    weights = [max(table.weight, _PAGE) for table in tables]
    done = sum(weight * table.fraction for weight, table in zip(weights, tables, strict=True))
    return done / sum(weights) if tables else 0.0


def _load_end(record: DatabaseRecord, tables: list[TableRecord]) -> str | None:
    """When the load will have ended if it goes on as it went so far."""
    starts = [table.started_on for table in tables if table.started_on is not None]
    loaded = _loaded(tables)
    if not starts or record.heartbeat is None or not 0 < loaded < 1:
        return None
    begun, seen = datetime.fromisoformat(min(starts)), datetime.fromisoformat(record.heartbeat)
    return (begun + (seen - begun) / loaded).isoformat(timespec="microseconds")


def _table(record: TableRecord, database: str, now: Standing) -> Json:
    state = record.state
    if now.state is TaskState.CANCELED:
        state = TableState.CANCELED
    return {
        "cdcDeleteCounter": record.deletes,
        "cdcInsertCounter": record.inserts,
        "cdcUpdateCounter": record.updates,
        "dataErrorsCount": record.errors,
        "dataErrorsCounter": record.errors,
        "databaseName": database,
        "fullLoadEndedOn": record.ended_on,
        "fullLoadEstFinishTime": record.estimated_end or _NO_ESTIMATE,
        "fullLoadFormat": record.format,
        "fullLoadPercent": round(record.fraction * 100, 1),
        "fullLoadSourceBytes": record.weight,
        "fullLoadStartedOn": record.started_on,
        "fullLoadTotalRows": record.rows,
        "fullLoadTotalVolumeBytes": record.bytes,
        "id": f"or|{database}|{record.schema}|{record.name}",
        "lastModifiedTime": record.modified_on,
        "resultType": "TableLevelOutput",
        "state": state.value,
        "tableName": f"{record.schema}.{record.name}",
        "totalChangesApplied": record.inserts + record.updates + record.deletes,
    }


def _error(event: EventRecord) -> Json:
    return {
        "error": {
            "actionableMessage": event.action or None,
            "filePath": None,
            "hResult": None,
            "lineNumber": None,
            "message": _about(event),
            "stackTrace": None,
        },
        "events": [],
        "id": f"error|{event.id}",
        "resultType": "ErrorOutput",
    }


def _database_events(snapshot: TaskSnapshot, record: DatabaseRecord, now: Standing) -> Json | None:
    events = [event for event in snapshot.events if event.ordinal == record.ordinal]
    told = [(now.problem, now.action)] if now.problem else []
    # Of a silent worker its supervisor may know more, such as the number of the process.
    if record.problem and now.code in {"", "WorkerSilent"}:
        told.append((record.problem, record.action))
    if not events and not told:
        return None
    return {
        "databaseName": record.name,
        "errorMessage": " ".join(word for pair in told for word in pair if word) or None,
        "events": [
            {
                "eventText": _sentence(event),
                "eventTypeString": event.severity,
                "timestampString": event.at,
            }
            for event in events
        ],
        "findings": [
            {
                "code": event.code,
                "message": event.message,
                "remedy": event.action,
                "severity": event.severity,
                "subject": event.subject,
            }
            for event in events
        ],
        "id": f"dberror|{record.name}",
        "resultType": "DatabaseLevelErrorOutput",
    }


def _odata(code: str, message: str) -> Json:
    return {"code": code, "details": [], "message": message}


def _about(event: EventRecord) -> str:
    return f"{event.subject}: {event.message}" if event.subject else event.message


def _sentence(event: EventRecord) -> str:
    return f"{_about(event)} {event.action}".strip()


def _dashed(identity: str) -> str:
    return str(uuid.UUID(identity))


def _heartbeats(snapshot: TaskSnapshot) -> list[datetime]:
    return [
        datetime.fromisoformat(record.heartbeat)
        for record in snapshot.databases
        if record.heartbeat is not None and not record.state.is_final
    ]


def _silence(snapshot: TaskSnapshot, moment: datetime) -> float:
    beats = _heartbeats(snapshot)
    return (moment - min(beats)).total_seconds() if beats else 0.0


def _last_seen(snapshot: TaskSnapshot) -> str:
    beats = _heartbeats(snapshot)
    return f" (last report {max(beats).isoformat(timespec='seconds')})" if beats else ""
