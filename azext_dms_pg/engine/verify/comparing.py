"""Comparing the contents of both sides, also while the source is being written to.

Then the answer means something only for one moment: the source's is the snapshot of a slot made
for it, exact to the byte of WAL; the target is brought up to that position, no further, and its
snapshot taken. From there on changes are applied again while both snapshots are read.

Owns that moment and the thread that reads. What the conductor hands in brings the target there.
"""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from psycopg import sql

from azext_dms_pg.engine.planning.plan import make_plan
from azext_dms_pg.engine.stream.fence import write_fence
from azext_dms_pg.engine.verify import compare
from azext_dms_pg.errors import ConflictError, DmsPgError, Interrupted
from azext_dms_pg.postgres import replication
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.catalog import surveys
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.state.records import Comparison
from azext_dms_pg.state.store import now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import psycopg

    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.engine.verify import TableComparison
    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.model.settings import MigrationSettings
    from azext_dms_pg.model.task_input import DatabaseInput
    from azext_dms_pg.postgres.relations import Name

KEYS_NAMED = 20
# The stream rests while the slot waits for the writers that are at work; longer than this the
# target would fall behind for the sake of a comparison.
_SLOT_PATIENCE = 20.0


class Comparing:
    """One comparison of a database under way.

    :param catch_up: brings the target to exactly this LSN and returns.
    :param check: called while waiting; what it raises ends the attempt.
    :raises ConflictError: the source's stream cannot be stopped at a position, or writers that
        do not end are in the way.
    :raises ServerError: a server refused or is gone.
    """

    def __init__(
        self,
        job: Job,
        plan: Plan,
        catch_up: Callable[[int], None],
        check: Callable[[], None],
        options: dict[str, Any],
    ) -> None:
        if plan.plugin != "pgoutput":
            raise ConflictError(
                "While changes are applied, both sides can be compared at one moment only when "
                f"the stream is decoded by pgoutput; this one uses {plan.plugin}.",
                "Compare after the cutover, when nobody writes to either side.",
                code="NoAgreedMoment",
            )
        self._stop = threading.Event()
        self._result: tuple[TableComparison, ...] | DmsPgError | None = None
        self._held = ExitStack()
        try:
            snapshots = self._agree(job, catch_up, check)
        except BaseException:
            self._held.close()
            raise
        self._thread = threading.Thread(
            target=self._read, args=(job, plan, snapshots, options), daemon=True, name="compare"
        )
        self._thread.start()

    def result(self) -> tuple[TableComparison, ...] | None:
        """What was found; None while it is being read.

        :raises DmsPgError: reading failed.
        """
        if self._thread.is_alive():
            return None
        if isinstance(self._result, DmsPgError):
            raise self._result
        return self._result or ()

    def close(self) -> None:
        """Stop reading after the query under way."""
        self._stop.set()

    def _agree(
        self, job: Job, catch_up: Callable[[int], None], asked_to_stop: Callable[[], None]
    ) -> tuple[str, str]:
        """Export a snapshot of the same moment on each side."""
        name = f"{job.source_object}_{secrets.token_hex(3)}"
        deadline = time.monotonic() + _SLOT_PATIENCE
        blockers = [""]

        def check() -> None:
            asked_to_stop()
            if time.monotonic() > deadline:
                raise ConflictError(
                    "The source's writers do not pause: these transactions have been open for "
                    f"{_SLOT_PATIENCE:.0f} seconds: {blockers[0]}.",
                    "Compare again when they have ended.",
                    code="NoAgreedMoment",
                )

        def waiting(text: str) -> None:
            blockers[0] = text

        with replication.create_slot(
            job.source, name, "pgoutput", waiting, check, temporary=True
        ) as slot:
            source = self._held.enter_context(connect(job.source, "source", "compare"))
            here = _export(source, slot.handle.snapshot)
        # Something has to come after that position for the stream to be known to have passed it.
        with connect(job.source, "source", "compare") as fencing:
            write_fence(fencing)
        catch_up(slot.handle.consistent_lsn)
        target = self._held.enter_context(connect(job.target, "target", "compare"))
        return here, _export(target, None)

    def _read(
        self, job: Job, plan: Plan, snapshots: tuple[str, str], options: dict[str, Any]
    ) -> None:
        try:
            self._result = compare(
                job.source,
                job.target,
                plan,
                limit=int(options.get("limit", KEYS_NAMED)),
                snapshots=snapshots,
                stopping=self._stop.is_set,
            )
        except DmsPgError as error:
            self._result = error
        finally:
            self._held.close()


def compare_now(
    source: Connection,
    target: Connection,
    database: DatabaseInput,
    settings: MigrationSettings,
    *,
    limit: int = KEYS_NAMED,
) -> list[Comparison]:
    """Compare what is committed on each side at this moment; nobody should be writing.

    :raises ServerError: a server refused or cannot be reached.
    """
    with (
        connect(source, "source", "compare") as here,
        connect(target, "target", "compare") as there,
    ):
        plan = make_plan(*surveys(here, there), database, settings)
    found = records(compare(source, target, plan, limit=limit))
    return found + [_missing(name) for name in plan.unrouted]


def records(found: Iterable[TableComparison]) -> list[Comparison]:
    """As the store keeps them; the ordinal is for whoever keeps them to fill in."""
    moment = now()
    return [
        Comparison(
            ordinal=0,
            schema=item.label.schema,
            name=item.label.name,
            at=moment,
            source_rows=item.source_rows,
            target_rows=item.target_rows,
            source_sum=item.source_checksum,
            target_sum=item.target_checksum,
            equal=item.equal,
            keys=tuple(f"{row.key} {row.kind}" for row in item.differences),
        )
        for item in found
    ]


def _missing(name: Name) -> Comparison:
    return Comparison(
        ordinal=0, schema=name.schema, name=name.name, at=now(), source_rows=0, target_rows=0,
        source_sum="", target_sum="", equal=False, keys=("the target has no such table",),
    )  # fmt: skip


def stopped() -> DmsPgError:
    """Why a comparison was not finished when the conductor went on to something else."""
    return Interrupted("The comparison was stopped, because the migration went on to its cutover.")


def _export(session: psycopg.Connection[Any], of: str | None) -> str:
    """Begin a transaction that holds a snapshot (its own, or one of another session)."""
    with translated("source" if of else "target", "taking a snapshot to compare"):
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if of is not None:
            session.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(of)))
        row = session.execute("SELECT pg_export_snapshot()").fetchone()
    return str(row[0]) if row else ""
