"""What the CLI asks of workers and supervisor, and their answers: the one door from outside in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from azext_dms_pg.model.states import CommandState
from azext_dms_pg.state.records import CommandRecord
from azext_dms_pg.state.store import now

if TYPE_CHECKING:
    import sqlite3

    from azext_dms_pg.state.store import Store

CUTOVER = "Migrate.Sync.Complete.Database"
#: Of our own; the service on Azure knows no such commands.
COMPARE = "DmsPg.Compare.Database"
#: To the supervisor, for there is no worker.
RESTART = "DmsPg.Restart.Database"

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


def post_restart(store: Store, task: str, ordinal: int) -> None:
    """Ask for a database that has failed to be taken up again."""
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO command (task, ordinal, type, state, created_on) VALUES (?, ?, ?, ?, ?)",
            (task, ordinal, RESTART, CommandState.ACCEPTED.value, now()),
        )


def open_restarts(store: Store, task: str) -> tuple[CommandRecord, ...]:
    rows = store.query(
        "SELECT * FROM command WHERE task = ? AND type = ? AND state = ?",
        (task, RESTART, CommandState.ACCEPTED.value),
    )
    return tuple(_record(row) for row in rows)


def post_comparison(store: Store, task: str, ordinal: int, options: dict[str, Any]) -> int:
    """Ask for a comparison of one database; the id of the command."""
    with store.transaction() as connection:
        cursor = connection.execute(
            "INSERT INTO command (task, ordinal, type, state, options, created_on)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (task, ordinal, COMPARE, CommandState.ACCEPTED.value, json.dumps(options), now()),
        )
        return int(cursor.lastrowid or 0)


def withdraw(store: Store, identity: int, error: str) -> bool:
    """Take back what no worker has begun; False when one has meanwhile."""
    with store.transaction() as connection:
        cursor = connection.execute(
            "UPDATE command SET state = ?, error = ? WHERE id = ? AND state = ?",
            (CommandState.FAILED.value, error, identity, CommandState.ACCEPTED.value),
        )
        return cursor.rowcount == 1


def command(store: Store, identity: int) -> CommandRecord | None:
    """That command; None when its task was deleted."""
    rows = store.query("SELECT * FROM command WHERE id = ?", (identity,))
    return _record(rows[0]) if rows else None


def open_command(
    store: Store, task: str, ordinal: int, kind: str = CUTOVER
) -> CommandRecord | None:
    """The command a database's worker has to carry out, also one a dead worker had begun."""
    rows = store.query(
        "SELECT * FROM command WHERE task = ? AND ordinal = ? AND type = ? AND state IN (?, ?)"
        " ORDER BY id",
        (task, ordinal, kind, CommandState.ACCEPTED.value, CommandState.RUNNING.value),
    )
    return _record(rows[0]) if rows else None


def newest_cutover(store: Store, task: str, ordinal: int) -> CommandRecord | None:
    """The last cutover asked for, however it went."""
    rows = store.query(
        "SELECT * FROM command WHERE task = ? AND ordinal = ? AND type = ? ORDER BY id DESC",
        (task, ordinal, CUTOVER),
    )
    return _record(rows[0]) if rows else None


def note(store: Store, identity: int, options: dict[str, Any]) -> None:
    """Remember with a command what was done for it."""
    with store.transaction() as connection:
        connection.execute(
            "UPDATE command SET options = ? WHERE id = ?", (json.dumps(options), identity)
        )


def _record(row: sqlite3.Row) -> CommandRecord:
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
            "UPDATE command SET state = ?, error = ? WHERE id = ?",
            (state.value, store.blot(error), command),
        )
