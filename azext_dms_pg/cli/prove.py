"""``az dms project task report|compare``: proving what a migration did. Thin."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azext_dms_pg.backends.base import TaskAddress
from azext_dms_pg.cli import databases, dispatch, files, inputs, outcome
from azext_dms_pg.errors import ConflictError, InputError, StateError
from azext_dms_pg.model.connection import Connection

if TYPE_CHECKING:
    from azext_dms_pg.backends.base import Json, Rows
    from azext_dms_pg.model.task_input import TaskInput

# Tables named in the error; all of them are in the result.
_NAMED = 5


def report_task(
    cmd: Any,
    resource_group_name: str,
    service_name: str,
    project_name: str,
    task_name: str,
    file: str | None = None,
) -> Json:
    from azext_dms_pg.cli.report import facts

    where = TaskAddress(resource_group_name, service_name, project_name, task_name)
    tasks = dispatch.for_service(cmd, where.parent.parent).tasks
    report = facts.gather(tasks.show(where, expand="output"), tasks.history(where))
    if file is None:
        return report
    path = Path(file).expanduser().absolute()
    _write_report(path, report)
    return {"file": str(path), "task": report["task"], "verdict": report["verdict"]}


def compare_task(
    cmd: Any,
    resource_group_name: str,
    service_name: str,
    project_name: str,
    task_name: str,
    object_name: str | None = None,
    limit: int = 20,
) -> Rows:
    object_name = databases.one(object_name)
    where = TaskAddress(resource_group_name, service_name, project_name, task_name)
    tasks = dispatch.for_service(cmd, where.parent.parent).tasks
    found = tasks.compare(
        where, object_name=object_name, limit=limit, with_passwords=_with_passwords
    )
    differing = [item for item in found if not item["equal"]]
    if differing:
        names = ", ".join(
            f"{item['databaseName']}: {item['tableName']}" for item in differing[:_NAMED]
        )
        agreed = all(item["moment"] == "agreed" for item in differing)
        outcome.fail_after_output(
            cmd,
            ConflictError(
                f"{len(differing)} of {len(found)} tables differ: {names}"
                f"{', …' if len(differing) > _NAMED else ''}.",
                "Both sides were compared at one moment: do not use the target; see the keys in"
                " the result and who else writes to it."
                if agreed
                else "Both sides were read as they are now: what was written to one of them alone,"
                " since a cutover or a stop, shows as a difference. See the keys in the result.",
                code="ContentsDiffer",
            ),
        )
    return found


def _with_passwords(task_input: TaskInput) -> TaskInput:
    """Ask for the passwords that are not kept any more, or read them from the environment."""
    return replace(
        task_input,
        source=_completed(task_input.source, inputs.SOURCE),
        target=_completed(task_input.target, inputs.TARGET),
    )


def _completed(connection: Connection, side: inputs.Side) -> Connection:
    if connection.password is not None:
        return connection
    wire = inputs.complete(connection.to_wire(), side, token_allowed=True)
    return Connection.from_wire(wire)


def _write_report(path: Path, report: Json) -> None:
    if path.suffix.lower() == ".json":
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    elif path.suffix.lower() in {".html", ".htm"}:
        from azext_dms_pg.cli.report.page import page

        text = page(report)
    else:
        raise InputError(
            f"--file: the name {path.name!r} does not say which form the report is to have.",
            "Give a name that ends in .html or .json.",
        )
    try:
        # It names servers, tables and keys: whoever is to read it, its owner gives it to.
        files.replace(path, text, files.PRIVATE)
    except OSError as error:
        raise StateError(
            f"The report {path} cannot be written: {error.strerror}.",
            "Give a --file in a directory that exists and is writable for you.",
        ) from None
