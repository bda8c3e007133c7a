"""A task's numbers in the text format of Prometheus, for node_exporter's textfile collector.

Pure but for ``write``, which replaces the file in one step: the collector never reads half of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.cli import files, view
from azext_dms_pg.errors import StateError
from azext_dms_pg.model.states import MigrationState, TaskState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from azext_dms_pg.backends.base import TaskAddress
    from azext_dms_pg.cli.view import DatabaseView, TaskView

Json = dict[str, Any]
Labels = dict[str, str]
Value = tuple[Labels, float]


def write(path: Path, task: Json, where: TaskAddress) -> None:
    """:raises StateError: the file cannot be written."""
    try:
        # The collector runs as somebody else.
        files.replace(path, text(view.of(task), where), files.PUBLIC)
    except OSError as error:
        raise StateError(
            f"The metrics file {path} cannot be written: {error.strerror}.",
            "Make its directory writable for you, or give another --metrics-file.",
        ) from None


def text(task: TaskView, where: TaskAddress) -> str:
    base = {
        "group": where.group,
        "service": where.service,
        "project": where.project,
        "task": where.task,
    }
    lines: list[str] = []
    for name, kind, about, values in _families(task, base):
        lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{{{_labels(labels)}}} {_number(value)}" for labels, value in values]
    return "\n".join(lines) + "\n"


def _families(task: TaskView, base: Labels) -> Iterator[tuple[str, str, str, Iterable[Value]]]:
    yield (
        "dms_pg_task_state", "gauge", "1 for the state the task is in.",
        [({**base, "state": state.value}, float(state.value == task.state)) for state in TaskState],
    )  # fmt: skip
    yield (
        "dms_pg_database_state", "gauge", "1 for the state the database is in.",
        [
            ({**base, "database": item.name, "state": state.value},
             float(state.value == item.state))
            for item in task.databases
            for state in MigrationState
        ],
    )  # fmt: skip
    for name, kind, about, read in _DATABASE:
        yield (
            f"dms_pg_{name}", kind, about,
            [({**base, "database": item.name}, float(read(item))) for item in task.databases],
        )  # fmt: skip
    for name, kind, about, field in _TABLE:
        yield (
            f"dms_pg_table_{name}", kind, about,
            [
                ({**base, "database": item.name, "table": table.name},
                 float(getattr(table, field) or 0))
                for item in task.databases
                for table in item.tables
            ],
        )  # fmt: skip


def _ratio(item: DatabaseView) -> float:
    return (item.percent or 0.0) / 100


_DATABASE: tuple[tuple[str, str, str, Any], ...] = (
    ("lag_seconds", "gauge", "Age of the oldest change not yet on the target.", lambda i: i.lag),
    ("incoming_changes", "gauge", "Changes received, not yet on the target.", lambda i: i.incoming),
    ("applied_changes_total", "counter", "Changes applied on the target.", lambda i: i.applied),
    ("load_ratio", "gauge", "Part of the full load that is done, 0 to 1.", _ratio),
    ("loaded_rows", "gauge", "Rows copied by the full load.", lambda i: i.rows),
    ("problem", "gauge", "1 while something keeps the database from going on.",
     lambda i: bool(i.problem)),
)  # fmt: skip
_TABLE = (
    ("loaded_rows", "gauge", "Rows of the table copied by the full load.", "rows"),
    ("inserts_total", "counter", "Inserts applied on the target.", "inserts"),
    ("updates_total", "counter", "Updates applied on the target.", "updates"),
    ("deletes_total", "counter", "Deletes applied on the target.", "deletes"),
)


def _labels(labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.6g}"
