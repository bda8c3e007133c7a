"""What the CLI asks of a worker, and the worker's answers: the one door from outside in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from azext_dms_pg.model.states import CommandState
from azext_dms_pg.state.records import CommandRecord
from azext_dms_pg.state.store import now

if TYPE_CHECKING:
    from azext_dms_pg.state.store import Store

CUTOVER = "Migrate.Sync.Complete.Database"

RUN = "run"
PAUSE = "pause"
CANCEL = "cancel"


def ask(store: Store, task: str, wanted: str) -> None:
    """Tell all workers of a task to run, to pause, or to cancel."""
    with store.transaction() as connection:
        connection.execute("UPDATE task SET wanted = ? WHERE id = ?", (wanted, task))


def wanted(store: Store, task: str) -> str:
    """What is asked now; a task that is gone is to be cancelled."""
    rows = store.query("SELECT wanted FROM task WHERE id = ?", (task,))
    return str(rows[0][0]) if rows else CANCEL


def post_cutover(store: Store, task: str, ordinal: int, options: dict[str, Any]) -> None:
    """Ask for the cutover of one database; asking again while one is open changes nothing."""
    with store.transaction() as connection:
        open_already = connection.execute(
            "SELECT 1 FROM command WHERE task = ? AND ordinal = ? AND type = ?"
            " AND state IN (?, ?, ?)",
            (
                task,
                ordinal,
                CUTOVER,
                CommandState.ACCEPTED.value,
                CommandState.RUNNING.value,
                CommandState.SUCCEEDED.value,
            ),
        ).fetchone()
        if open_already is None:
            connection.execute(
                "INSERT INTO command (task, ordinal, type, state, options, created_on)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (task, ordinal, CUTOVER, CommandState.ACCEPTED.value, json.dumps(options), now()),
            )


def open_command(store: Store, task: str, ordinal: int) -> CommandRecord | None:
    """The command a database's worker has to carry out, also one a dead worker had begun."""
    rows = store.query(
        "SELECT * FROM command WHERE task = ? AND ordinal = ? AND state IN (?, ?) ORDER BY id",
        (task, ordinal, CommandState.ACCEPTED.value, CommandState.RUNNING.value),
    )
    if not rows:
        return None
    row = rows[0]
    return CommandRecord(
        id=row["id"],
        ordinal=row["ordinal"],
        type=row["type"],
        state=CommandState(row["state"]),
        options=json.loads(row["options"]),
        created_on=row["created_on"],
        error=row["error"],
    )


def set_command(store: Store, command: int, state: CommandState, error: str = "") -> None:
    with store.transaction() as connection:
        connection.execute(
            "UPDATE command SET state = ?, error = ? WHERE id = ?", (state.value, error, command)
        )
