"""Which databases and tables to move: ``--database-options-json`` or the typed flags.

Owns the checks of that list, and its two forms: ``DatabaseInput`` values for the engine here, and
for Azure what core would have sent. Knows nothing of connections.
"""

from __future__ import annotations

from typing import Any

from knack.log import get_logger

from azext_dms_pg.cli.inputs import read_json
from azext_dms_pg.cli.visible import visible
from azext_dms_pg.errors import InputError
from azext_dms_pg.model.task_input import DatabaseInput, check_names

OPTION = "--database-options-json"
_EXAMPLE = 'Write for example [{"name": "dvdrental", "target_database_name": "dvdrental"}].'
#: What core reads, by it and by the spellings people take from the REST API or core's MySQL form.
_KEYS = {
    "name": "name",
    "target_database_name": "target_database_name",
    "targetDatabaseName": "target_database_name",
    "selectedTables": "selectedTables",
    "selected_tables": "selectedTables",
    "migrationSetting": "migrationSetting",
    "migration_setting": "migrationSetting",
    "sourceSetting": "sourceSetting",
    "source_setting": "sourceSetting",
    "targetSetting": "targetSetting",
    "target_setting": "targetSetting",
}
_SETTINGS = ("migrationSetting", "sourceSetting", "targetSetting")
_KNOWN = (
    "Known are name, target_database_name, selectedTables, migrationSetting, sourceSetting and"
    " targetSetting."
)


def require(options_json: str | None, names: list[str] | None) -> None:
    """:raises InputError: neither the JSON nor ``--databases`` was given."""
    if options_json is None and not names:
        raise InputError(
            "No database to migrate was given.",
            f"Give --databases NAME [SOURCE=TARGET ...], or {OPTION} FILE.",
            code="MissingArgument",
        )


def chosen(
    options_json: str | None, names: list[str] | None, tables: list[str] | None
) -> tuple[DatabaseInput, ...]:
    """The databases of a local task, from the JSON or from ``--databases`` and ``--tables``.

    :raises InputError: neither or both given, or the list is not what it should be.
    """
    return from_json(_given(options_json, names, tables))


def for_azure(
    options_json: str | None, names: list[str] | None, tables: list[str] | None
) -> list[dict[str, Any]]:
    """The same for a task on Azure, with the keys core reads.

    Settings, and what is empty or null, are Azure's business; a key that is not known to us (or
    to core, which leaves it out) is only warned of.

    :raises InputError: as for ``chosen``, or a database is named twice.
    """
    rows = [
        _as_core_reads(item, where) for item, where in _entries(_given(options_json, names, tables))
    ]
    check_names([row["name"] for row in rows], [row["target_database_name"] for row in rows])
    return rows


def one(name: str | None) -> str | None:
    """``--object-name``: empty (a variable that is not set) must not mean every database.

    :raises InputError: it is blank.
    """
    if name is not None and not name.strip():
        raise InputError(
            "--object-name is empty.",
            "Name a database of the source. Every database is meant only if it is left out.",
        )
    return name


def from_json(value: Any) -> tuple[DatabaseInput, ...]:
    return tuple(_database(item, where) for item, where in _entries(value))


def _given(options_json: str | None, names: list[str] | None, tables: list[str] | None) -> Any:
    """The JSON, or what the flags say in its place."""
    if options_json is not None and (names or tables):
        raise InputError(
            f"{OPTION} and --databases or --tables were both given.",
            "Give the databases and tables one way or the other.",
        )
    require(options_json, names)
    if options_json is not None:
        return read_json(options_json, OPTION, _KEYS)
    names = names or []
    if tables and len(names) > 1:
        raise InputError(
            f"--tables needs exactly one database, found {len(names)}.",
            f"With several databases, list their tables in {OPTION} as selectedTables.",
        )
    return [_from_flag(name, tables) for name in names]


def _entries(value: Any) -> list[tuple[dict[str, Any], str]]:
    """Each entry of the list with the words that say which it is."""
    if isinstance(value, dict):
        raise InputError(
            f"{OPTION}: expected a list of objects, found one object.",
            'Put square brackets around it: [{"name": …, "target_database_name": …}].',
        )
    if not isinstance(value, (list, tuple)):
        raise InputError(f"{OPTION}: expected a list of objects.", _EXAMPLE)
    entries = []
    for number, item in enumerate(value, start=1):
        where = f"{OPTION}, entry {number}"
        if not isinstance(item, dict):
            raise InputError(f"{where}: expected an object, found {item!r}.", _EXAMPLE)
        entries.append((item, where))
    return entries


def _from_flag(text: str, tables: list[str] | None) -> dict[str, Any]:
    name, equals, target = text.partition("=")
    if not name or (equals and not target):
        raise InputError(
            f"--databases: expected NAME or SOURCE=TARGET, found {text!r}.",
            "Write for example --databases dvdrental sales=sales_new.",
        )
    row: dict[str, Any] = {"name": name, "target_database_name": target or name}
    if tables:
        row["selectedTables"] = [_table(item, "--tables") for item in tables]
    return row


def _database(item: dict[str, Any], where: str) -> DatabaseInput:
    for key in item:
        if key not in _KEYS:
            raise InputError(_unknown(key, where), _KNOWN)
    values = _by_core_keys(item)
    name, target = _names(values, where)
    tables = values.get("selectedTables")
    if tables is not None and not tables:
        raise InputError(
            f"{where}, selectedTables: the list is empty, so nothing would be migrated.",
            "Leave selectedTables out to migrate all tables.",
        )
    read = _tables(tables, where)
    migration, source, target_setting = (
        _setting(values.get(key), f"{where}, {key}") for key in _SETTINGS
    )
    return DatabaseInput(
        name=name,
        target_name=target,
        selected_tables=None if read is None else tuple(read),
        migration_setting=migration,
        source_setting=source,
        target_setting=target_setting,
    )


def _as_core_reads(item: dict[str, Any], where: str) -> dict[str, Any]:
    for key in item:
        if key not in _KEYS:
            unknown = visible(_unknown(key, where))
            get_logger(__name__).warning("%s It is not sent. %s", unknown, _KNOWN)
    values = _by_core_keys(item)
    name, target = _names(values, where)
    for key in _SETTINGS:
        if values.get(key) is not None and not isinstance(values[key], dict):
            _setting(values[key], f"{where}, {key}")
    return {
        **values,
        "name": name,
        "target_database_name": target,
        "selectedTables": _tables(values.get("selectedTables"), where),
    }


def _by_core_keys(item: dict[str, Any]) -> dict[str, Any]:
    return {_KEYS[key]: value for key, value in item.items() if key in _KEYS}


def _names(values: dict[str, Any], where: str) -> tuple[str, str]:
    name = _text(values.get("name"), f'{where}, "name"')
    target = values.get("target_database_name")
    return name, name if target is None else _text(target, f'{where}, "target_database_name"')


def _unknown(key: str, where: str) -> str:
    return f"{where}: {key!r} is not an option of a PostgreSQL database."


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: expected the name of a database, found {value!r}.", _EXAMPLE)
    return value


def _tables(value: Any, where: str) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, (list, tuple)):
        raise InputError(
            f"{where}, selectedTables: expected a list of names, found {value!r}.",
            'Write for example ["public.actor", "public.film"]; leave it out for all tables.',
        )
    return [_table(item, f"{where}, selectedTables") for item in value]


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
