"""What ``-o table`` shows: the few columns people look at, in the order they look.

Pure functions from what a command prints as JSON to rows. Nothing here may raise on a key that
is missing: Azure leaves many out. Names and messages may be anything: ``_shown`` is their way out.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timezone
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from azext_dms_pg.cli.view import moment
from azext_dms_pg.cli.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
Row = OrderedDict[str, Any]
_Rows = TypeVar("_Rows", Row, list[Row])

_BEFORE_LOAD = "BEFORE_LOAD"
# Seconds below which a speed says nothing.
_SHORTEST = 0.5
_DONE_LOADING = {"COMPLETED", "CANCELED", "ERROR", "FAILED"}
# Columns of sentences and statements; all others are names and numbers, in one line each.
_WITH_LINES = {"Error", "Finding", "Message", "Problem", "Remedy"}


def _shown(transform: Callable[[Any], _Rows]) -> Callable[[Any], _Rows]:
    """Nothing in the rows of ``transform`` steers the terminal they are printed on."""

    @wraps(transform)
    def transformed(result: Any) -> Any:
        rows: Any = transform(result)
        return [_cells(row) for row in rows] if isinstance(rows, list) else _cells(rows)

    return cast("Callable[[Any], _Rows]", transformed)


def _cells(row: Row) -> Row:
    return OrderedDict(
        (name, visible(cell, lines=name in _WITH_LINES) if isinstance(cell, str) else cell)
        for name, cell in row.items()
    )


@_shown
def service(item: Json) -> Row:
    return OrderedDict(
        Name=item.get("name"),
        ResourceGroup=item.get("resourceGroup"),
        Location=item.get("location"),
        State=item.get("provisioningState"),
        Sku=(item.get("sku") or {}).get("name"),
    )


@_shown
def services(items: list[Json]) -> list[Row]:
    return [service(item) for item in items]


@_shown
def service_status(item: Json) -> Row:
    return OrderedDict(
        Status=item.get("status"),
        VmSize=item.get("vmSize"),
        AgentVersion=item.get("agentVersion"),
        TaskTypes=len(item.get("supportedTaskTypes") or ()),
    )


@_shown
def name_availability(item: Json) -> Row:
    return OrderedDict(
        Available=item.get("nameAvailable"),
        Reason=item.get("reason"),
        Message=item.get("message"),
    )


@_shown
def skus(items: list[Json]) -> list[Row]:
    return [
        OrderedDict(
            Name=item.get("name"),
            Tier=item.get("tier"),
            Size=item.get("size"),
            Locations=" ".join(item.get("locations") or ()),
        )
        for item in items
    ]


@_shown
def project(item: Json) -> Row:
    return OrderedDict(
        Name=item.get("name"),
        ResourceGroup=item.get("resourceGroup"),
        Source=item.get("sourcePlatform"),
        Target=item.get("targetPlatform"),
        State=item.get("provisioningState"),
    )


@_shown
def projects(items: list[Json]) -> list[Row]:
    return [project(item) for item in items]


@_shown
def task(item: Json) -> list[Row]:
    """One row for the task; with ``--expand output`` one row a table instead."""
    properties = item.get("properties") or {}
    output = properties.get("output")
    if output:
        return task_output(output)
    commands = properties.get("commands")
    if commands:
        return [_command(command) for command in commands]
    return [_task(item, properties)]


@_shown
def tasks(items: list[Json]) -> list[Row]:
    return [_task(item, item.get("properties") or {}) for item in items]


@_shown
def task_output(output: list[Json]) -> list[Row]:
    """One row a table; below them what went wrong. Without tables yet: one row a database."""
    levels: dict[str, list[Json]] = {}
    for entry in output:
        levels.setdefault(str(entry.get("resultType")), []).append(entry)
    databases = {
        entry.get("databaseName"): entry for entry in levels.get("DatabaseLevelOutput", ())
    }
    found = [
        _table(entry, databases.get(entry.get("databaseName"), {}))
        for entry in levels.get("TableLevelOutput", ())
    ]
    rows = found or [_database(entry) for entry in databases.values()]
    problems = [
        *(_error(entry) for entry in levels.get("ErrorOutput", ())),
        *(
            _problem(str(entry.get("databaseName") or ""), str(entry["errorMessage"]))
            for entry in levels.get("DatabaseLevelErrorOutput", ())
            if entry.get("errorMessage")
        ),
    ]
    return [*rows, *problems]


@_shown
def findings(items: list[Json]) -> list[Row]:
    return [
        OrderedDict(
            Severity=item.get("severity"),
            Subject=item.get("subject"),
            Finding=item.get("message"),
            Remedy=item.get("remedy"),
        )
        for item in items
    ]


@_shown
def comparisons(items: list[Json]) -> list[Row]:
    return [
        OrderedDict(
            [
                ("Database", item.get("databaseName")),
                ("Table", item.get("tableName")),
                ("Result", "equal" if item.get("equal") else "DIFFERS"),
                ("Source rows", item.get("sourceRows")),
                ("Target rows", item.get("targetRows")),
                ("Checksum", str(item.get("targetChecksum") or "")[-12:]),
                ("Keys", ", ".join(item.get("differingKeys") or ())),
            ]
        )
        for item in items
    ]


@_shown
def report(item: Json) -> list[Row]:
    """One row a database, or where the report was written to."""
    if "file" in item:
        return [OrderedDict(Verdict=item.get("verdict"), File=item.get("file"))]
    return [
        OrderedDict(
            [
                ("Database", entry.get("name")),
                ("Migration", entry.get("state")),
                ("Tables", len(entry.get("tables") or ())),
                ("Rows", entry.get("rows")),
                ("Changes", entry.get("appliedChanges")),
                ("Downtime", _seconds(entry.get("downtimeSeconds"))),
                ("Differing", (entry.get("compared") or {}).get("differing", "")),
            ]
        )
        for entry in item.get("databases") or ()
    ]


def _task(item: Json, properties: Json) -> Row:
    databases = [
        f"{database.get('name')} -> {database.get('targetDatabaseName')}"
        for database in (properties.get("input") or {}).get("selectedDatabases") or ()
    ]
    errors = [str(error.get("message")) for error in properties.get("errors") or ()]
    row: Row = OrderedDict(
        Name=item.get("name"),
        State=properties.get("state"),
        Databases=", ".join(databases),
        Type=properties.get("taskType"),
    )
    if errors:
        # The first says enough to go on; all of them would push the table off the screen.
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        row["Error"] = f"{errors[0]}{more}"
    return row


def _command(command: Json) -> Row:
    errors = [str(error.get("message")) for error in command.get("errors") or ()]
    return OrderedDict(
        Command=command.get("commandType"),
        Database=(command.get("input") or {}).get("databaseName"),
        State=command.get("state"),
        Error=" ".join(errors),
    )


def _table(entry: Json, database: Json) -> Row:
    return OrderedDict(
        [
            ("Database", entry.get("databaseName")),
            ("Table", entry.get("tableName")),
            ("State", entry.get("state")),
            ("Rows", entry.get("fullLoadTotalRows")),
            ("%", _percent(entry)),
            ("Rows/s", _rate(entry)),
            ("Loaded in", _remaining(entry)),
            ("Inserts", entry.get("cdcInsertCounter")),
            ("Updates", entry.get("cdcUpdateCounter")),
            ("Deletes", entry.get("cdcDeleteCounter")),
            ("Lag", _seconds(database.get("latency"))),
            ("Migration", database.get("migrationState")),
        ]
    )


def _database(entry: Json) -> Row:
    counts = [
        entry.get(f"fullLoad{what}Tables") or 0
        for what in ("Completed", "Loading", "Queued", "Errored")
    ]
    return OrderedDict(
        [
            ("Database", entry.get("databaseName")),
            ("Migration", entry.get("migrationState")),
            ("Tables", f"{counts[0]}/{sum(counts)}"),
            ("Incoming", entry.get("incomingChanges")),
            ("Applied", entry.get("appliedChanges")),
            ("Lag", _seconds(entry.get("latency"))),
        ]
    )


def _error(entry: Json) -> Row:
    error = entry.get("error") or {}
    text = " ".join(
        str(part) for part in (error.get("message"), error.get("actionableMessage")) if part
    )
    return _problem("", text)


def _problem(database: str, text: str) -> Row:
    return OrderedDict(Database=database, State="ERROR", Problem=text)


def _percent(entry: Json) -> str:
    percent = entry.get("fullLoadPercent")
    if percent is None:
        percent = 100 if entry.get("state") == "COMPLETED" else None
    return "" if percent is None else f"{percent:.0f}"


def _rate(entry: Json) -> str:
    start, end = moment(entry.get("fullLoadStartedOn")), moment(entry.get("fullLoadEndedOn"))
    if start is None:
        return ""
    if end is None:
        end = moment(entry.get("lastModifiedTime")) or start
    seconds = (end - start).total_seconds()
    if seconds < _SHORTEST:
        return ""
    return f"{(entry.get('fullLoadTotalRows') or 0) / seconds:.0f}"


def _remaining(entry: Json) -> str:
    """Time until the load ends, or how long it took."""
    start, end = moment(entry.get("fullLoadStartedOn")), moment(entry.get("fullLoadEndedOn"))
    if start is not None and end is not None:
        return _duration((end - start).total_seconds())
    if entry.get("state") in {_BEFORE_LOAD, *_DONE_LOADING}:
        return ""
    finish = moment(entry.get("fullLoadEstFinishTime"))
    if finish is None:
        return ""
    left = (finish - datetime.now(timezone.utc)).total_seconds()
    return f"~{_duration(max(left, 0))} left"


def _duration(seconds: float) -> str:
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f}s" if seconds < 10 else f"{seconds:.0f}s"  # noqa: PLR2004
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def _seconds(value: Any) -> str:
    return "" if value is None else f"{value}s"


@_shown
def network(item: Json) -> list[Row]:
    """One row an address, with the line of pg_hba.conf that lets it in."""
    nics: list[Json] = item.get("nics") or [{"pgHba": item.get("pgHba")}]
    return [
        OrderedDict(
            Address=nic.get("privateIpAddress"),
            Nic=nic.get("name"),
            Subnet=" ".join(item.get("subnetPrefixes") or ()),
            PgHba=line,
        )
        for nic in nics
        for line in nic.get("pgHba") or ("",)
    ]
