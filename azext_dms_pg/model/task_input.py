"""What a task is asked to do: the wire type ``MigratePostgreSqlAzureDbForPostgreSqlSyncTaskInput``.

Source for the shape: azure-mgmt-datamigration 10.0.0, class of that name, and the request core's
``az dms project task create`` sends. Knows nothing of files, prompts or the command line.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from azext_dms_pg.errors import InputError
from azext_dms_pg.model.connection import Connection

TASK_TYPE = "Migrate.PostgreSql.AzureDbForPostgreSql.SyncV2"
SOURCE_PLATFORM = "PostgreSQL"
TARGET_PLATFORM = "AzureDbForPostgreSql"


@dataclass(frozen=True)
class DatabaseInput:
    """One database to move.

    :param selected_tables: ``schema.table`` names as the user wrote them; None means all.
    """

    name: str
    target_name: str
    selected_tables: tuple[str, ...] | None = None
    migration_setting: dict[str, str] = field(default_factory=dict)
    source_setting: dict[str, str] = field(default_factory=dict)
    target_setting: dict[str, str] = field(default_factory=dict)

    def to_wire(self) -> dict[str, Any]:
        wire: dict[str, Any] = {"name": self.name, "targetDatabaseName": self.target_name}
        for key, setting in (
            ("migrationSetting", self.migration_setting),
            ("sourceSetting", self.source_setting),
            ("targetSetting", self.target_setting),
        ):
            if setting:
                wire[key] = dict(setting)
        if self.selected_tables is not None:
            wire["selectedTables"] = [{"name": name} for name in self.selected_tables]
        return wire

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> DatabaseInput:
        tables = wire.get("selectedTables")
        return cls(
            name=wire["name"],
            target_name=wire["targetDatabaseName"],
            selected_tables=None if tables is None else tuple(table["name"] for table in tables),
            migration_setting=dict(wire.get("migrationSetting") or {}),
            source_setting=dict(wire.get("sourceSetting") or {}),
            target_setting=dict(wire.get("targetSetting") or {}),
        )


def check_names(sources: list[str], targets: list[str]) -> None:
    """:raises InputError: there is no database, or one is named twice."""
    if not sources:
        raise InputError(
            "The database options list no database.",
            'Give at least one: [{"name": "source db", "target_database_name": "target db"}].',
        )
    for what, names in (("source", sources), ("target", targets)):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(
                f"The database options name the {what} database {twice[0]!r} more than once.",
                "Name every database once; several sources cannot share a target.",
            )


@dataclass(frozen=True)
class TaskInput:
    """Source server, target server and the databases to move between them."""

    source: Connection
    target: Connection
    databases: tuple[DatabaseInput, ...]

    def __post_init__(self) -> None:
        check_names(
            [database.name for database in self.databases],
            [database.target_name for database in self.databases],
        )

    def without_passwords(self) -> TaskInput:
        return replace(
            self,
            source=self.source.without_password(),
            target=self.target.without_password(),
        )

    def to_wire(self) -> dict[str, Any]:
        """camelCase JSON; passwords are null."""
        return {
            "sourceConnectionInfo": self.source.to_wire(),
            "targetConnectionInfo": self.target.to_wire(),
            "selectedDatabases": [database.to_wire() for database in self.databases],
        }

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> TaskInput:
        return cls(
            source=Connection.from_wire(wire["sourceConnectionInfo"]),
            target=Connection.from_wire(wire["targetConnectionInfo"]),
            databases=tuple(DatabaseInput.from_wire(item) for item in wire["selectedDatabases"]),
        )
