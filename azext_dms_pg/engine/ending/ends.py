"""The ends of a migration other than success: it failed, or the user cancelled it.

The conductor's helper for both; like it, it may write the journal. What has to be removed is known
to ``undo.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.engine.cutover import commands
from azext_dms_pg.engine.cutover.protecting import release_source
from azext_dms_pg.engine.ending import undo
from azext_dms_pg.errors import DmsPgError
from azext_dms_pg.model.states import CommandState, MigrationState
from azext_dms_pg.postgres.quoting import identifier

if TYPE_CHECKING:
    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.engine.requests import Requests
    from azext_dms_pg.state.progress import Journal


def fail(job: Job, journal: Journal, requests: Requests, error: DmsPgError, *, begun: bool) -> None:
    """Say why this cannot go on, and what it still holds on the source.

    :param begun: something was made on a server; before, a failure is one of validation.
    """
    severity = "error" if begun else "blocker"
    journal.event(severity, error.code, message=error.message, action=error.action)
    if not begun:
        journal.state(MigrationState.VALIDATION_FAILED, error.message)
        return
    command = requests.cutover()
    if command is not None:
        requests.set_cutover(command, CommandState.FAILED, error.message)
    # What another worker is at work with is his.
    kept = error.code != "WorkerAlreadyRunning" and undo.keeps_slot(job)
    journal.state(
        MigrationState.FAILED,
        f"{error.message} The slot {job.source_object} on the source is kept, and with it the WAL "
        "there, until a restart goes on from it or the task is cancelled."
        if kept
        else error.message,
    )


def cancel(job: Job, journal: Journal, requests: Requests) -> None:
    """Take everything back, and say what could not be."""
    conflict = undo.refusal(job)
    if conflict is not None:
        journal.event("error", conflict.code, message=conflict.message, action=conflict.action)
        journal.state(MigrationState.FAILED, conflict.message)
        return
    journal.state(MigrationState.CANCELLING, "removing what the migration made")
    leftovers = undo.undo(job, begun=journal.has_passed(MigrationState.INITIALIZING))
    # What an earlier cancel could not do is done now, or told again.
    journal.withdraw("LeftBehind")
    if leftovers is None or (not leftovers and commands.has_succeeded(requests)):
        # Everything had been done but the tidying; there was nothing left to cancel.
        commands.close(requests)
        journal.state(MigrationState.COMPLETE, "was complete before the cancel came")
        return
    still_protected = not _release_source(job, journal, requests)
    for leftover in leftovers:
        journal.event(
            "error", leftover.code, subject=leftover.side, message=leftover.message,
            action=leftover.action,
        )  # fmt: skip
    if not (leftovers or still_protected):
        said = "cancelled"
    elif still_protected or any(leftover.code == "LeftBehind" for leftover in leftovers):
        said = "cancelled with leftovers; cancel again to have them removed"
    else:
        said = "cancelled with leftovers"
    journal.state(MigrationState.CANCELLED, said)


def _release_source(job: Job, journal: Journal, requests: Requests) -> bool:
    """Whether the source can be written to again."""
    try:
        release_source(job, requests)
    except DmsPgError as error:
        journal.event(
            "error",
            "LeftBehind",
            subject="source",
            message=f"The source database is still read-only. {error.message}",
            action="Mend that and cancel the task again. Or run on the source: ALTER DATABASE "
            f"{identifier(job.source.database)} RESET default_transaction_read_only;",
        )
        return False
    return True
