"""When the source is made read-only, and what of that is remembered, so that a cancel undoes it.

The conductor's helper; ``protection.py`` knows the statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.engine.cutover import protection
from azext_dms_pg.errors import ConflictError
from azext_dms_pg.model.states import CommandState
from azext_dms_pg.postgres.connect import connect

if TYPE_CHECKING:
    import psycopg

    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.engine.requests import Requests
    from azext_dms_pg.state.progress import Journal
    from azext_dms_pg.state.records import CommandRecord

#: Options of the cutover command: what is asked for, and what the setting was before.
WANTED = "make_source_read_only"
_BEFORE = "read_only_before"


def protect_source(
    command: CommandRecord,
    job: Job,
    source: psycopg.Connection[Any],
    journal: Journal,
    requests: Requests,
) -> bool:
    """Protect the source if the cutover asks for it; False when that is not permitted.

    Then the command has failed, nothing was touched, and the migration goes on as before.
    """
    if not command.options.get(WANTED):
        return True
    try:
        protection.require_rights(source)
    except ConflictError as error:
        journal.event("warning", error.code, message=error.message, action=error.action)
        requests.set_cutover(command, CommandState.FAILED, f"{error.message} {error.action}")
        return False
    before = command.options.get(_BEFORE)
    if before is None:
        # Remembered first: a worker that dies right after the change must know what to undo.
        before = protection.setting_before(source)
        requests.note(command, **{_BEFORE: before})
    journal.activity("making the source read-only")
    ended = protection.protect(source)
    journal.event(
        "info",
        "SourceMadeReadOnly",
        subject=job.source.database,
        message=f"The source database is read-only for new sessions; {ended} were ended.",
        action="To take that back: " + protection.undo_statement(job.source.database, before),
    )
    return True


def release_source(job: Job, requests: Requests) -> None:
    """Take the protection back if this task made it.

    :raises ServerError: the source refused or cannot be reached.
    """
    command = requests.newest_cutover()
    if command is None or _BEFORE not in command.options:
        return
    with connect(job.source, "source", "cancel") as source:
        protection.release(source, str(command.options[_BEFORE]))
