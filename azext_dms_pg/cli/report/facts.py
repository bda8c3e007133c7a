"""What a report states, made from a task's JSON and its history. Pure; knows nothing of HTML."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

from azext_dms_pg.cli import view
from azext_dms_pg.model.states import MigrationState
from azext_dms_pg.model.version import VERSION

Json = dict[str, Any]

#: Phases a reader cares for, in their order; states of the service fall into these.
CHECKS, PREPARING, LOAD, CATCHING_UP, IN_STEP, CUTOVER = (
    "checks",
    "preparing",
    "full load",
    "catching up",
    "in step",
    "cutover",
)
PHASES = (CHECKS, PREPARING, LOAD, CATCHING_UP, IN_STEP, CUTOVER)
_PHASE_OF = {
    MigrationState.VALIDATING.value: CHECKS,
    MigrationState.VALIDATION_COMPLETE.value: CHECKS,
    MigrationState.INITIALIZING.value: PREPARING,
    MigrationState.CONFIGURING.value: PREPARING,
    MigrationState.STARTING.value: PREPARING,
    MigrationState.READY_TO_COMPLETE.value: IN_STEP,
    MigrationState.COMPLETING.value: CUTOVER,
}


def gather(task: Json, history: Json, now: datetime | None = None) -> Json:
    """The report's JSON: what ``az dms project task report`` prints."""
    moment = now or datetime.now(timezone.utc)
    seen = view.of(task)
    properties = task.get("properties") or {}
    databases = [_database(item, history, moment) for item in seen.databases]
    started = [item["startedOn"] for item in databases if item["startedOn"]]
    ended = [item["endedOn"] for item in databases if item["endedOn"]]
    return {
        "databases": databases,
        "errors": list(seen.errors),
        "generatedBy": f"dms-pg {VERSION}",
        "generatedOn": _iso(moment),
        "input": properties.get("input"),
        "source": {"server": seen.source, "version": seen.versions[0]},
        "target": {"server": seen.target, "version": seen.versions[1]},
        "task": {
            "createdOn": properties.get("createdOn"),
            "endedOn": max(ended, default=None) if seen.has_ended else None,
            "id": task.get("id"),
            "name": seen.name,
            "startedOn": min(started, default=None),
            "state": seen.state,
        },
        "totals": _totals(databases),
        "verdict": _verdict(seen, databases),
    }


def _database(item: view.DatabaseView, history: Json, now: datetime) -> Json:
    samples = _of(history, "samples", item.name)
    comparisons = {entry["tableName"]: entry for entry in _of(history, "comparisons", item.name)}
    phases = _phases(item, _of(history, "states", item.name), now)
    complete = item.state == MigrationState.COMPLETE.value
    return {
        "activity": item.activity,
        "appliedChanges": item.applied,
        "changes": {"deletes": item.deletes, "inserts": item.inserts, "updates": item.updates},
        "compared": _compared(list(comparisons.values())),
        "cutoverOn": _iso(item.cutover),
        "downtimeSeconds": _seconds(item.cutover, item.ended) if complete else None,
        "endedOn": _iso(item.ended),
        "findings": list(item.findings),
        "highestLagSeconds": max((sample["latency"] for sample in samples), default=item.lag),
        "lag": [[sample["at"], sample["latency"]] for sample in samples],
        "loadSeconds": sum(phase["seconds"] for phase in phases if phase["phase"] == LOAD),
        "name": item.name,
        "phases": phases,
        "problem": item.problem,
        "rows": item.rows,
        "startedOn": _iso(item.started),
        "state": item.state,
        "tables": [_table(table, comparisons.get(table.name)) for table in item.tables],
        "targetDatabaseName": item.target,
        "throughput": _throughput(samples),
    }


def _table(table: view.TableView, comparison: Json | None) -> Json:
    return {
        "bytes": table.bytes,
        "comparison": comparison,
        "deletes": table.deletes,
        "errors": table.errors,
        "inserts": table.inserts,
        "loadEndedOn": _iso(table.ended),
        "loadSeconds": _seconds(table.started, table.ended),
        "loadStartedOn": _iso(table.started),
        "name": table.name,
        "rows": table.rows,
        "state": table.state,
        "updates": table.updates,
    }


def _phases(item: view.DatabaseView, states: list[Json], now: datetime) -> list[Json]:
    """The stretches of time the database spent in each phase, in order."""
    moments = [(view.moment(entry["at"]), str(entry["state"])) for entry in states]
    known = [(at, state) for at, state in moments if at is not None]
    # Whatever comes after the end (a database is complete, failed, cancelled) is no phase.
    stretches: list[tuple[str, datetime, datetime]] = []
    for (at, state), (until, _) in pairwise([*known, (item.ended or now, "")]):
        if state == MigrationState.RUNNING.value:
            stretches += _running(item, at, until)
        elif state in _PHASE_OF:
            stretches.append((_PHASE_OF[state], at, until))
    merged: list[tuple[str, datetime, datetime]] = []
    for phase, at, until in stretches:
        if until <= at:
            continue
        if merged and merged[-1][0] == phase:
            merged[-1] = (phase, merged[-1][1], until)
        else:
            merged.append((phase, at, until))
    return [
        {
            "endedOn": _iso(until),
            "phase": phase,
            "seconds": (until - at).total_seconds(),
            "startedOn": _iso(at),
        }
        for phase, at, until in merged
    ]


def _running(
    item: view.DatabaseView, at: datetime, until: datetime
) -> list[tuple[str, datetime, datetime]]:
    """RUNNING means the load first and the change stream afterwards."""
    load_ended = item.load_ended
    if load_ended is None:
        return [(CATCHING_UP if item.loaded else LOAD, at, until)]
    middle = min(max(load_ended, at), until)
    return [(LOAD, at, middle), (CATCHING_UP, middle, until)]


def _throughput(samples: list[Json]) -> list[list[Any]]:
    """Rows copied and changes applied a second, between each two samples."""
    found: list[list[Any]] = []
    for earlier, later in pairwise(samples):
        first, last = view.moment(earlier["at"]), view.moment(later["at"])
        if first is None or last is None or last - first <= timedelta(0):
            continue
        seconds = (last - first).total_seconds()
        rows = max(later["rows"] - earlier["rows"], 0) / seconds
        changes = max(later["applied"] - earlier["applied"], 0) / seconds
        found.append([later["at"], round(rows, 1), round(changes, 1)])
    return found


def _compared(comparisons: list[Json]) -> Json | None:
    if not comparisons:
        return None
    return {
        "checksums": all(item["sourceChecksum"] for item in comparisons),
        "comparedOn": max(item["comparedOn"] for item in comparisons),
        "differing": sum(not item["equal"] for item in comparisons),
        "tables": len(comparisons),
    }


def _totals(databases: list[Json]) -> Json:
    tables = [table for item in databases for table in item["tables"]]
    downtimes = [item["downtimeSeconds"] for item in databases]
    known = [seconds for seconds in downtimes if seconds is not None]
    return {
        "appliedChanges": sum(item["appliedChanges"] for item in databases),
        "bytes": sum(table["bytes"] for table in tables),
        "databases": len(databases),
        "longestDowntimeSeconds": max(known, default=None),
        "rows": sum(table["rows"] for table in tables),
        "tables": len(tables),
    }


def _verdict(seen: view.TaskView, databases: list[Json]) -> str:
    differing = sum((item["compared"] or {}).get("differing", 0) for item in databases)
    if differing:
        return "differs"
    if seen.has_failed:
        return "failed"
    if seen.is_complete:
        only_checked = MigrationState.VALIDATION_COMPLETE.value
        return "validated" if databases and databases[0]["state"] == only_checked else "complete"
    return "cancelled" if seen.has_ended else "running"


def _of(history: Json, kind: str, database: str) -> list[Json]:
    return [item for item in history.get(kind) or () if item.get("databaseName") == database]


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else round((end - start).total_seconds(), 3)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
