"""Comparing source and target of a local task: by its worker while it works, else right here.

While changes are applied only the worker can bring both sides to the same moment, so it is asked
for it; afterwards this process reads both sides as they are. psycopg is loaded for that alone.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from azext_dms_pg.backends.local.history import compared
from azext_dms_pg.errors import ConflictError
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.model.states import CommandState, MigrationState
from azext_dms_pg.model.task_input import TaskInput
from azext_dms_pg.state import history, mailbox, report, vault

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.backends.base import Json, Rows
    from azext_dms_pg.backends.local.tree import Tree
    from azext_dms_pg.state.records import DatabaseRecord, TaskRecord

_POLL_SECONDS = 0.2
# A worker that applies changes takes a comparison up at once; one that does not, for as long as
# something is in its way, not at all.
_PROMPT_SECONDS = 3.0
_PATIENCE_SECONDS = 60.0
_STREAMING = {MigrationState.RUNNING, MigrationState.READY_TO_COMPLETE}

#: What a result speaks of: one moment agreed on by both sides, or whatever was there when read.
AGREED, NOW = "agreed", "now"


def compare(
    tree: Tree,
    task: TaskRecord,
    databases: list[DatabaseRecord],
    limit: int,
    with_passwords: Callable[[TaskInput], TaskInput],
) -> Rows:
    """:raises ConflictError: a database's load has not ended, or the worker could not compare."""
    for database in databases:
        _require_loaded(database)
    snapshot, liveness = tree.snapshot(task)
    works = not report.standing(snapshot, liveness).code
    found: Rows = []
    for database in databases:
        if works and database.state in _STREAMING:
            _ask_worker(tree, task, database, limit)
            moment = AGREED
        else:
            _read_here(tree, task, database, limit, with_passwords)
            moment = NOW
        found += _kept(tree, task, database, moment)
    return found


def _ask_worker(tree: Tree, task: TaskRecord, database: DatabaseRecord, limit: int) -> None:
    identity = mailbox.post_comparison(tree.store, task.id, database.ordinal, {"limit": limit})
    began = time.monotonic()
    while True:
        command = mailbox.command(tree.store, identity)
        if command is None or not tree.is_worked_on(task):
            raise ConflictError(
                f"The worker of database {database.name!r} has ended before it had compared.",
                "See why with az dms project task show --expand output; compare again afterwards.",
                code="ComparisonInterrupted",
            )
        if command.state is CommandState.SUCCEEDED:
            return
        if command.state is CommandState.FAILED:
            raise ConflictError(
                f"Database {database.name!r} could not be compared. {command.error}",
                code="ComparisonFailed",
            )
        if command.state is CommandState.ACCEPTED:
            refusal = _refusal(tree, task, database, time.monotonic() - began)
            if refusal is not None and mailbox.withdraw(tree.store, identity, refusal.message):
                raise refusal
        time.sleep(_POLL_SECONDS)


def _refusal(
    tree: Tree, task: TaskRecord, database: DatabaseRecord, waited: float
) -> ConflictError | None:
    """Why nobody takes the comparison up; None as long as somebody may."""
    snapshot, _ = tree.snapshot(task)
    now = snapshot.databases[database.ordinal]
    doing = f"it is {now.state} ({now.activity.rstrip('.') or 'nothing is known of it yet'})"
    why, action = "", "Compare again when it applies changes, or after its cutover."
    if now.state not in _STREAMING:
        why = doing
    elif now.problem and waited > _PROMPT_SECONDS:
        # The action comes last: it may end in a statement to be copied.
        why = f"changes are not being applied. {now.problem.rstrip('.')}"
        action = f"Compare again when it has gone on. {now.action}".rstrip()
    elif waited > _PATIENCE_SECONDS:
        why = f"its worker has not come to it within {_PATIENCE_SECONDS:.0f} seconds; {doing}"
    if not why:
        return None
    return ConflictError(
        f"Database {now.name!r} cannot be compared now: {why}.", action, code="ComparisonRefused"
    )


def _read_here(
    tree: Tree,
    task: TaskRecord,
    database: DatabaseRecord,
    limit: int,
    with_passwords: Callable[[TaskInput], TaskInput],
) -> None:
    from azext_dms_pg.engine.verify.comparing import compare_now

    stored = TaskInput.from_wire(task.input)
    whole = with_passwords(vault.restore(tree.directory, task.id, stored))
    wanted = whole.databases[database.ordinal]
    found = compare_now(
        whole.source.to_database(wanted.name),
        whole.target.to_database(wanted.target_name),
        wanted,
        MigrationSettings.of(wanted),
        limit=limit,
    )
    items = [replace(item, ordinal=database.ordinal) for item in found]
    history.keep_comparisons(tree.store, task.id, items)


def _kept(tree: Tree, task: TaskRecord, database: DatabaseRecord, moment: str) -> list[Json]:
    return [
        {**compared(item, database.name), "moment": moment}
        for item in history.comparisons(tree.store, task.id)
        if item.ordinal == database.ordinal
    ]


def _require_loaded(database: DatabaseRecord) -> None:
    if database.load_ended_on is None:
        raise ConflictError(
            f"Database {database.name!r} cannot be compared yet: it is {database.state} "
            f"({database.activity.rstrip('.') or 'its full load has not ended'}).",
            "It has ended before that: see why with az dms project task show --expand output."
            if database.state.is_final
            else "Wait until its tables are copied: az dms project task watch --until ready",
            code="NotLoaded",
        )
