"""A task as somebody who watches it wants to see it, made from the JSON that ``show`` prints.

Pure: JSON in, frozen values out. Works for Azure's answers as for our own, so nothing here may
fail on a key that is missing. Knows nothing of terminals and time; ``pace.py`` knows speeds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from azext_dms_pg.model.states import MigrationState, TableState, TaskState

Json = dict[str, Any]

_EPOCH_YEAR = 1970
_CUT_OVER = {MigrationState.COMPLETING, MigrationState.COMPLETE}
_READY = {MigrationState.READY_TO_COMPLETE, *_CUT_OVER}
_ENDED = {state.value for state in TaskState if state.is_final}
_FAILED = {
    TaskState.FAILED.value,
    TaskState.FAILED_INPUT_VALIDATION.value,
    TaskState.FAULTED.value,
}


@dataclass(frozen=True)
class TableView:
    """One table; ``percent`` and ``finish`` are of its full load and None when unknown."""

    database: str
    name: str
    state: str
    rows: int
    bytes: int
    percent: float | None
    started: datetime | None
    ended: datetime | None
    finish: datetime | None
    inserts: int
    updates: int
    deletes: int
    errors: int

    @property
    def is_loading(self) -> bool:
        return self.state == TableState.FULL_LOAD.value

    @property
    def is_loaded(self) -> bool:
        return self.state == TableState.COMPLETED.value


@dataclass(frozen=True)
class DatabaseView:
    """One database of the task.

    :param problem: why nothing moves at this moment, with what mends it, or an empty string.
    :param findings: what was noticed: dicts with severity, subject, message, remedy.
    """

    name: str
    target: str
    state: str
    activity: str
    percent: float | None
    loaded: bool
    finish: datetime | None
    incoming: int
    applied: int
    lag: float
    inserts: int
    updates: int
    deletes: int
    started: datetime | None
    ended: datetime | None
    cutover: datetime | None
    load_ended: datetime | None = None
    tables: tuple[TableView, ...] = ()
    problem: str = ""
    findings: tuple[Json, ...] = ()

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def is_loading(self) -> bool:
        return not self.loaded and any(table.is_loading for table in self.tables)


@dataclass(frozen=True)
class TaskView:
    """The whole task. ``errors`` are those of the task, each with what to do about it."""

    name: str
    state: str
    databases: tuple[DatabaseView, ...]
    errors: tuple[str, ...] = ()
    source: str = ""
    target: str = ""
    versions: tuple[str, str] = field(default=("", ""))

    @property
    def has_ended(self) -> bool:
        """Nobody will go on with it unless asked to."""
        return self.state in _ENDED or self.state == TaskState.FAULTED.value

    @property
    def has_failed(self) -> bool:
        return self.state in _FAILED

    @property
    def is_ready(self) -> bool:
        """Every database waits for its cutover, or has it behind it."""
        return bool(self.databases) and all(item.state in _READY for item in self.databases)

    @property
    def is_complete(self) -> bool:
        return self.state == TaskState.SUCCEEDED.value

    @property
    def waits_for_cutover(self) -> tuple[str, ...]:
        """Names of the databases that are ready and not cut over yet."""
        ready = MigrationState.READY_TO_COMPLETE.value
        return tuple(item.name for item in self.databases if item.state == ready)


def of(task: Json) -> TaskView:
    """The view of what ``az dms project task show --expand output`` prints."""
    properties = task.get("properties") or {}
    levels: dict[str, list[Json]] = {}
    for entry in properties.get("output") or ():
        levels.setdefault(str(entry.get("resultType")), []).append(entry)
    tables = [_table(entry) for entry in levels.get("TableLevelOutput", ())]
    notes = {
        str(entry.get("databaseName")): entry
        for entry in levels.get("DatabaseLevelErrorOutput", ())
    }
    targets = {
        str(item.get("name")): str(item.get("targetDatabaseName") or "")
        for item in (properties.get("input") or {}).get("selectedDatabases") or ()
    }
    databases = tuple(
        _database(entry, tables, notes, targets) for entry in levels.get("DatabaseLevelOutput", ())
    )
    whole = (levels.get("MigrationLevelOutput") or [{}])[0]
    return TaskView(
        name=str(task.get("name") or ""),
        state=str(properties.get("state") or ""),
        databases=databases or tuple(_unheard_of(name, targets[name]) for name in targets),
        errors=_errors(properties, levels),
        source=_server(properties, "source", whole),
        target=_server(properties, "target", whole),
        versions=(_text(whole, "sourceServerVersion"), _text(whole, "targetServerVersion")),
    )


def moment(text: Any) -> datetime | None:
    """A time of the output; None for none and for the epoch, which stands for "unknown"."""
    if not isinstance(text, str) or not text:
        return None
    try:
        # Azure writes up to seven digits of a second; datetime reads six.
        found = datetime.fromisoformat(_six_digits(text.replace("Z", "+00:00")))
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=timezone.utc)
    return None if found.year <= _EPOCH_YEAR else found


def _six_digits(text: str) -> str:
    head, dot, rest = text.partition(".")
    if not dot:
        return text
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return f"{head}.{digits[:6].ljust(6, '0')}{rest[len(digits) :]}"


def _database(
    entry: Json, tables: list[TableView], notes: dict[str, Json], targets: dict[str, str]
) -> DatabaseView:
    name = _text(entry, "databaseName")
    mine = tuple(table for table in tables if table.database == name)
    note = notes.get(name, {})
    loaded = bool(entry.get("initializationCompleted"))
    return DatabaseView(
        name=name,
        target=_text(entry, "targetDatabaseName") or targets.get(name, ""),
        state=_text(entry, "migrationState"),
        activity=_text(entry, "activity"),
        percent=100.0 if loaded else _percent(entry, mine),
        loaded=loaded,
        finish=moment(entry.get("fullLoadEstFinishTime"))
        or max((table.finish for table in mine if table.finish and table.is_loading), default=None),
        incoming=_number(entry, "incomingChanges"),
        applied=_number(entry, "appliedChanges"),
        lag=float(entry.get("latency") or 0),
        inserts=_number(entry, "cdcInsertCounter"),
        updates=_number(entry, "cdcUpdateCounter"),
        deletes=_number(entry, "cdcDeleteCounter"),
        started=moment(entry.get("startedOn")),
        ended=moment(entry.get("endedOn")),
        cutover=moment(entry.get("cutoverOn")),
        load_ended=moment(entry.get("fullLoadEndedOn")),
        tables=mine,
        problem=_text(note, "errorMessage"),
        findings=tuple(note.get("findings") or ()),
    )


def _percent(entry: Json, tables: tuple[TableView, ...]) -> float | None:
    if entry.get("fullLoadPercent") is not None:
        return float(entry["fullLoadPercent"])
    # Azure says nothing of sizes: the tables that are done, of those there are.
    counts = [
        _number(entry, f"fullLoad{what}Tables")
        for what in ("Completed", "Loading", "Queued", "Errored")
    ]
    if sum(counts):
        return 100.0 * counts[0] / sum(counts)
    return 100.0 * sum(table.is_loaded for table in tables) / len(tables) if tables else None


def _table(entry: Json) -> TableView:
    state = _text(entry, "state")
    percent = entry.get("fullLoadPercent")
    if percent is None and state == TableState.COMPLETED.value:
        percent = 100.0
    return TableView(
        database=_text(entry, "databaseName"),
        name=_text(entry, "tableName"),
        state=state,
        rows=_number(entry, "fullLoadTotalRows"),
        bytes=_number(entry, "fullLoadTotalVolumeBytes"),
        percent=None if percent is None else float(percent),
        started=moment(entry.get("fullLoadStartedOn")),
        ended=moment(entry.get("fullLoadEndedOn")),
        finish=moment(entry.get("fullLoadEstFinishTime")),
        inserts=_number(entry, "cdcInsertCounter"),
        updates=_number(entry, "cdcUpdateCounter"),
        deletes=_number(entry, "cdcDeleteCounter"),
        errors=_number(entry, "dataErrorsCounter"),
    )


def _unheard_of(name: str, target: str) -> DatabaseView:
    """A database the output does not speak of yet."""
    return DatabaseView(
        name, target, MigrationState.UNDEFINED.value, "", None, loaded=False, finish=None,
        incoming=0, applied=0, lag=0.0, inserts=0, updates=0, deletes=0, started=None, ended=None,
        cutover=None,
    )  # fmt: skip


def _errors(properties: Json, levels: dict[str, list[Json]]) -> tuple[str, ...]:
    texts = [str(item.get("message") or "") for item in properties.get("errors") or ()]
    for entry in levels.get("ErrorOutput", ()):
        error = entry.get("error") or {}
        parts = (error.get("message"), error.get("actionableMessage"))
        texts.append(" ".join(str(part) for part in parts if part))
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))


def _server(properties: Json, side: str, whole: Json) -> str:
    connection = (properties.get("input") or {}).get(f"{side}ConnectionInfo") or {}
    name = str(connection.get("serverName") or whole.get(f"{side}Server") or "")
    port = connection.get("port")
    return f"{name}:{port}" if name and port else name


def _text(entry: Json, key: str) -> str:
    value = entry.get(key)
    return "" if value is None else str(value)


def _number(entry: Json, key: str) -> int:
    try:
        return int(entry.get(key) or 0)
    except (TypeError, ValueError):
        return 0
