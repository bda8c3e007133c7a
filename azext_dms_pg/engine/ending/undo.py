"""Cancelling: take away everything a migration made, on both servers, whatever its phase.

Bounded: a server that stays unreachable is given up, and what remains there is returned together
with the statements that remove it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.engine.deferral import defer_keys, restore_everything
from azext_dms_pg.engine.ending.leftover import Leftover, on_source, on_target
from azext_dms_pg.errors import ConflictError, DmsPgError, ServerError
from azext_dms_pg.postgres import checkpoint, publication, replication, trust
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.sqlstate import translate

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.model.finding import Finding

_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 1.0
_BEFORE_LOADED = (checkpoint.PREPARED, checkpoint.LOADING)

Session = psycopg.Connection[Any]


def refusal(job: Job) -> ConflictError | None:
    """Why nothing may be touched on either side: another worker holds the migration's lock.

    A target that cannot be asked holds nobody up.
    """
    try:
        with connect(job.target, "target", f"control {job.owner}") as target:
            return None if checkpoint.take_lock(target, job.id) else _conflict(job)
    except (DmsPgError, psycopg.Error):
        return None


def undo(job: Job, *, begun: bool) -> tuple[Leftover, ...] | None:
    """Bring both servers back to how they were before the task.

    None when the migration was complete and only its bookkeeping was left: the target keeps its
    data.

    :param begun: as far as this machine knows, something was made on a server.
    """
    source, target = job.source.database, job.target.database
    complete: list[bool] = []
    not_restored: list[Finding] = []
    attempts = (
        _persist(
            "source",
            lambda: _clean_source(job),
            lambda message: on_source(source, job.source_object, message),
        ),
        _persist(
            "target",
            lambda: complete.append(_clean_target(job, not_restored, begun=begun)),
            lambda message: on_target(target, message),
        ),
    )
    leftovers = (
        *(leftover for leftover in attempts if leftover is not None),
        *(
            Leftover("target", each.message, each.remedy, code="NotRestored")
            for each in not_restored
        ),
    )
    return None if complete == [True] and not leftovers else leftovers


def keeps_slot(job: Job) -> bool:
    """Whether a failed migration leaves a slot that holds WAL; one nobody needs is dropped here.

    Before the load is done a restart makes a new slot anyway, so the old one would only hold the
    source's WAL back. While somebody else drives the migration the slot is his.
    """
    try:
        with connect(job.target, "target", f"control {job.owner}") as target:
            if not checkpoint.take_lock(target, job.id):
                return True
            found = checkpoint.read(target, job.id)
            needed = found is not None and found.phase not in _BEFORE_LOADED
            with connect(job.source, "source", "tidy") as source:
                if needed:
                    slot = replication.slot_status(source, job.source_object)
                    return slot is not None and slot.restart_lsn is not None
                replication.drop_slot(source, job.source_object)
    except (DmsPgError, psycopg.Error):
        # Nobody to ask: say that it may be there.
        return True
    return False


def _conflict(job: Job) -> ConflictError:
    return ConflictError(
        "Nothing was cleaned up: another worker drives this migration, it holds the lock on the "
        f"target database {job.target.database!r}.",
        "Let it go on; or end it, then cancel again.",
        code="WorkerAlreadyRunning",
    )


def _persist(
    side: str, clean: Callable[[], None], leftover: Callable[[str], Leftover]
) -> Leftover | None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            clean()
        except (DmsPgError, psycopg.Error) as error:
            failure = error if isinstance(error, DmsPgError) else translate(error, side)
            retryable = isinstance(failure, ServerError) and failure.retryable
            if not retryable or time.monotonic() > deadline:
                return leftover(f"Cleaning up did not succeed. {failure.message}")
            time.sleep(_PAUSE_SECONDS)
        else:
            return None


def _clean_source(job: Job) -> None:
    with connect(job.source, "source", "cancel") as source:
        replication.drop_slot(source, job.source_object)
        publication.drop(source, job.source_object)


def _clean_target(job: Job, not_restored: list[Finding], *, begun: bool) -> bool:
    """Whether the migration was complete already; if not, its tables are emptied.

    :param not_restored: what could not be brought back is put in here.
    """
    with connect(job.target, "target", f"control {job.owner}") as target:
        if not checkpoint.take_lock(target, job.id):
            raise _conflict(job)
        if not begun and trust.doubts(target):
            return False  # preflight has refused it: nothing in there is ours
        found = checkpoint.read(target, job.id)
        complete = found is not None and found.phase == checkpoint.COMPLETE
        if found is not None and not complete:
            # Before the load there is nothing of ours to take out, and no lock to wait for.
            if found.phase != checkpoint.PREPARED:
                # A cutover that failed may have brought keys of other tables back.
                defer_keys(target, checkpoint.filled_oids(target, job.id), job.id)
                with target.transaction():
                    checkpoint.empty_filled(target, job.id)
            not_restored[:] = restore_everything(target, job.target, job.id, job.settings)
        checkpoint.forget(target, job.id)
        return complete
