"""Which databases and tables to move: ``--database-options-json`` or the typed flags.

Owns the checks of that list and its ``DatabaseInput`` values. Knows nothing of connections.
"""

from __future__ import annotations

from typing import Any

from azext_dms_pg.cli.inputs import read_json
from azext_dms_pg.errors import InputError
from azext_dms_pg.model.task_input import DatabaseInput

OPTION = "--database-options-json"
_EXAMPLE = 'Write for example [{"name": "dvdrental", "target_database_name": "dvdrental"}].'
#: What core reads, and the spellings people take from the REST API or from core's MySQL form.
_KEYS = {
    "name": "name",
    "target_database_name": "target",
    "targetDatabaseName": "target",
    "selectedTables": "tables",
    "selected_tables": "tables",
    "migrationSetting": "migration",
    "migration_setting": "migration",
    "sourceSetting": "source",
    "source_setting": "source",
    "targetSetting": "target_setting",
    "target_setting": "target_setting",
}


def chosen(
    options_json: str | None, names: list[str] | None, tables: list[str] | None
) -> tuple[DatabaseInput, ...]:
    """The databases of a task, from the JSON or from ``--databases`` and ``--tables``.

    :raises InputError: neither or both given, or the list is not what it should be.
    """
    if options_json is not None and (names or tables):
        raise InputError(
            f"{OPTION} and --databases or --tables were both given.",
            "Give the databases and tables one way or the other.",
        )
    if options_json is not None:
        return from_json(read_json(options_json, OPTION))
    if not names:
        raise InputError(
            "No database to migrate was given.",
            f"Give --databases NAME [SOURCE=TARGET ...], or {OPTION} FILE.",
            code="MissingArgument",
        )
    if tables and len(names) > 1:
        raise InputError(
            f"--tables needs exactly one database, found {len(names)}.",
            f"With several databases, list their tables in {OPTION} as selectedTables.",
        )
    return tuple(_from_flag(name, tables) for name in names)


def from_json(value: Any) -> tuple[DatabaseInput, ...]:
    if isinstance(value, dict):
        raise InputError(
            f"{OPTION}: expected a list of objects, found one object.",
            'Put square brackets around it: [{"name": …, "target_database_name": …}].',
        )
    if not isinstance(value, (list, tuple)):
        raise InputError(f"{OPTION}: expected a list of objects.", _EXAMPLE)
    return tuple(_database(item, number) for number, item in enumerate(value, start=1))


def _from_flag(text: str, tables: list[str] | None) -> DatabaseInput:
    name, equals, target = text.partition("=")
    if not name or (equals and not target):
        raise InputError(
            f"--databases: expected NAME or SOURCE=TARGET, found {text!r}.",
            "Write for example --databases dvdrental sales=sales_new.",
        )
    return DatabaseInput(
        name=name,
        target_name=target or name,
        selected_tables=tuple(_table(item, "--tables") for item in tables) if tables else None,
    )


def _database(item: Any, number: int) -> DatabaseInput:
    where = f"{OPTION}, entry {number}"
    if not isinstance(item, dict):
        raise InputError(f"{where}: expected an object, found {item!r}.", _EXAMPLE)
    unknown = [key for key in item if key not in _KEYS]
    if unknown:
        raise InputError(
            f"{where}: {unknown[0]!r} is not an option of a PostgreSQL database.",
            "Known are name, target_database_name, selectedTables, migrationSetting,"
            " sourceSetting and targetSetting.",
        )
    values = {_KEYS[key]: value for key, value in item.items()}
    name = _text(values.get("name"), f'{where}, "name"')
    target = values.get("target")
    return DatabaseInput(
        name=name,
        target_name=name if target is None else _text(target, f'{where}, "target_database_name"'),
        selected_tables=_tables(values.get("tables"), where),
        migration_setting=_setting(values.get("migration"), f"{where}, migrationSetting"),
        source_setting=_setting(values.get("source"), f"{where}, sourceSetting"),
        target_setting=_setting(values.get("target_setting"), f"{where}, targetSetting"),
    )


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: expected the name of a database, found {value!r}.", _EXAMPLE)
    return value


def _tables(value: Any, where: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, (list, tuple)):
        raise InputError(
            f"{where}, selectedTables: expected a list of names, found {value!r}.",
            'Write for example ["public.actor", "public.film"]; leave it out for all tables.',
        )
    if not value:
        raise InputError(
            f"{where}, selectedTables: the list is empty, so nothing would be migrated.",
            "Leave selectedTables out to migrate all tables.",
        )
    return tuple(_table(item, f"{where}, selectedTables") for item in value)


def _table(item: Any, where: str) -> str:
    name = item.get("name") if isinstance(item, dict) else item
    if not isinstance(name, str) or not name.strip():
        raise InputError(
            f"{where}: expected a name like public.actor, found {item!r}.",
            "Write schema.table; quote parts that hold a dot or upper case as in SQL.",
        )
    return name.strip()


def _setting(value: Any, where: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(
            f"{where}: expected an object of names and values, found {value!r}.",
            'Write for example {"parallelTables": "4"}.',
        )
    return {str(key): _setting_text(item, f"{where}, {key}") for key, item in value.items()}


def _setting_text(value: Any, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise InputError(f"{where}: expected a text or a number, found {value!r}.", "Use a text.")
