"""Cancelling: take away everything a migration made, on both servers, whatever its phase.

Bounded: a server that stays unreachable is given up, and what remains there is returned together
with the statements that remove it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.engine.deferral import restore_everything
from azext_dms_pg.errors import DmsPgError, ServerError
from azext_dms_pg.postgres import checkpoint, publication, replication
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.sqlstate import translate

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.engine.job import Job

_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 1.0

Session = psycopg.Connection[Any]


@dataclass(frozen=True)
class Leftover:
    """What could not be removed, and how to remove it by hand."""

    side: str
    message: str
    action: str


def undo(job: Job) -> tuple[Leftover, ...]:
    """Bring both servers back to how they were before the task."""
    name = job.source_object
    by_hand_source = (
        f"Run on the source, in database {job.source.database!r}: "
        f"SELECT pg_drop_replication_slot('{name}'); DROP PUBLICATION IF EXISTS {name};"
    )
    by_hand_target = (
        f"In database {job.target.database!r} of the target, run the statements kept in "
        "dms_pg.deferred (create_sql), empty the tables in dms_pg.filled_table, then DROP SCHEMA "
        "dms_pg CASCADE. Or delete and create that database anew."
    )
    attempts = (
        _persist("source", lambda: _clean_source(job), by_hand_source),
        _persist("target", lambda: _clean_target(job), by_hand_target),
    )
    return tuple(leftover for leftover in attempts if leftover is not None)


def _persist(side: str, clean: Callable[[], None], by_hand: str) -> Leftover | None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            clean()
        except (DmsPgError, psycopg.Error) as error:
            failure = error if isinstance(error, DmsPgError) else translate(error, side)
            retryable = isinstance(failure, ServerError) and failure.retryable
            if not retryable or time.monotonic() > deadline:
                return Leftover(side, f"Cleaning up did not succeed. {failure.message}", by_hand)
            time.sleep(_PAUSE_SECONDS)
        else:
            return None


def _clean_source(job: Job) -> None:
    with connect(job.source, "source", "cancel") as source:
        replication.drop_slot(source, job.source_object)
        publication.drop(source, job.source_object)


def _clean_target(job: Job) -> None:
    with connect(job.target, "target", "cancel") as target:
        if checkpoint.read(target, job.id) is None:
            return
        with target.transaction():
            checkpoint.empty_filled(target, job.id)
        restore_everything(target, job.target, job.id, job.settings)
        checkpoint.forget(target, job.id)
