"""The load of one database, from its slot to its indexes. Every step may be run again.

Knows the order of these steps; what a step is belongs to the rooms below. Only the conductor
knows what comes before and after.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.engine.deferral import IndexBuilder, defer, restore_indexes
from azext_dms_pg.engine.drift.membership import take
from azext_dms_pg.engine.drift.proof import files_of, reading
from azext_dms_pg.engine.drift.statements import drift
from azext_dms_pg.engine.faults import GoOnError
from azext_dms_pg.engine.load import load
from azext_dms_pg.engine.load.budget import Budget
from azext_dms_pg.engine.load.parts import source_oid
from azext_dms_pg.engine.load.statistics import collect_statistics
from azext_dms_pg.engine.planning.claims import claim
from azext_dms_pg.engine.planning.constancy import as_planned, unplaced
from azext_dms_pg.engine.planning.memory import remember
from azext_dms_pg.engine.planning.plan import as_loaded, with_sparse
from azext_dms_pg.errors import MigrationError, ServerError
from azext_dms_pg.model.states import MigrationState
from azext_dms_pg.postgres import checkpoint, publication, replication
from azext_dms_pg.postgres.connect import connect

if TYPE_CHECKING:
    from azext_dms_pg.engine.board import Board
    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.engine.requests import Requests
    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.state.progress import Journal

_DRIFT_POLL_SECONDS = 2.0
_UNDEFINED_TABLE = "42P01"

Session = psycopg.Connection[Any]


class Loading:
    """Loads one database."""

    def __init__(self, job: Job, journal: Journal, board: Board, requests: Requests) -> None:
        self._job = job
        self._journal = journal
        self._board = board
        self._requests = requests

    def load(self, source: Session, target: Session, plan: Plan) -> None:
        """Copy all tables; without one that was dropped meanwhile it begins anew.

        :raises GoOnError: it was begun in vain, and has to be begun again.
        """
        try:
            self._load(source, target, plan)
        except ServerError as failure:
            if failure.sqlstate != _UNDEFINED_TABLE or as_planned(source, plan):
                raise
            raise GoOnError("a table was dropped on the source") from failure

    def _load(self, source: Session, target: Session, plan: Plan) -> None:
        """Copy all tables from the snapshot of a new slot; begins anew whatever stood before."""
        job, journal = self._job, self._journal
        journal.state(MigrationState.INITIALIZING, "creating publication, slot and snapshot")
        if not plan.published:
            raise MigrationError(
                "Every table that was to be migrated has been dropped on the source.",
                "Cancel the task, and begin another one if there is anything to migrate.",
                code="NothingToMigrate",
            )
        self._board.forget_load()
        journal.reset_tables(_tables(plan))
        self._await_columns(source, target, plan)
        replication.drop_slot(source, job.source_object)
        defer(target, plan, job.id, job.settings)
        with target.transaction():
            # A partition made since the beginning may have brought another table to fill.
            claim(target, job.id, job.source_objects, plan)
            checkpoint.empty_filled(target, job.id)
        published = None
        if plan.plugin == "pgoutput":
            published = publication.create(source, job.source_object, plan.published)
        stopping, settings = self._requests.stopping, job.settings
        with (
            # Ends after the slot's session: an index under way must not hold the snapshot.
            IndexBuilder(target, job.target, job.id, settings.index_jobs, stopping) as builder,
            replication.create_slot(
                job.source,
                job.source_object,
                plan.plugin,
                self._waiting_for_slot,
                self._requests.check,
            ) as session,
        ):
            if not as_planned(source, plan):
                raise GoOnError("the source's tables changed while the slot was made")
            handle = session.handle
            with reading(job, handle.snapshot) as frozen:
                plan = as_loaded(plan, files_of(frozen, plan))
                plan = replace(plan, membership=take(frozen, target, plan, published))
            with target.transaction():
                checkpoint.start_load(target, job.id, handle.consistent_lsn)
                checkpoint.keep_plan(target, job.id, remember(plan))
            journal.state(MigrationState.RUNNING, "copying the tables")
            sparse = load(
                plan,
                handle,
                job.source,
                job.target,
                job.id,
                settings,
                Budget(job.slots, settings.parallel_tables),
                self._board.load,
                stopping,
                builder.loaded,
            )
            self._requests.check()
            # Hours may have passed: what we hold of the target may be long dead, and must not
            # cost the load. From here on the snapshot is not needed any more.
            with connect(job.target, "target") as fresh, fresh.transaction():
                checkpoint.keep_plan(fresh, job.id, remember(with_sparse(plan, sparse)))
                checkpoint.set_phase(fresh, job.id, checkpoint.INDEXING)
            journal.state(MigrationState.RUNNING, "building indexes")

    def tell_loaded(self, target: Session, plan: Plan) -> None:
        """The board's last word on the load may have died with its worker; the target knows."""
        labels = {route.source.oid: route.label for route in plan.routes}
        loaded = {(label.schema, label.name): [0, 0] for label in plan.labels}
        for part, (rows, size) in checkpoint.loaded_parts(target, self._job.id).items():
            label = labels.get(source_oid(part))
            if label is not None:
                sums = loaded[label.schema, label.name]
                sums[0] += rows
                sums[1] += size
        self._journal.loaded(loaded)

    def index(self) -> None:
        """Build what was put off for the load, so that the stream finds its keys."""
        job = self._job
        self._journal.state(MigrationState.RUNNING, "building indexes")
        with connect(job.target, "target") as target:
            restore_indexes(target, job.target, job.id, job.settings, self._requests.stopping)
            self._requests.check()
            collect_statistics(job.target, job.id, job.settings.index_jobs, self._requests.stopping)
            checkpoint.set_phase(target, job.id, checkpoint.LOADED)

    def _await_columns(self, source: Session, target: Session, plan: Plan) -> None:
        """Wait for columns the source got since the beginning: their values would be lost."""
        if not unplaced(plan):
            return
        while missing := [item for item in drift(source, target, plan) if item.urgent]:
            self._journal.problem(
                "The source's schema has changed since the task began; the target lacks it.",
                "Run on the target, then the task goes on by itself: "
                + " ".join(item.statement for item in missing),
            )
            self._requests.sleep(_DRIFT_POLL_SECONDS)
        self._journal.problem("", "")
        raise GoOnError("the target's tables were changed; looking at them again")

    def _waiting_for_slot(self, blockers: str) -> None:
        self._journal.problem(
            f"The slot cannot become consistent before these transactions end: {blockers}.",
            "Let them end, or end them on the source with pg_terminate_backend; prepared ones "
            "with COMMIT PREPARED or ROLLBACK PREPARED.",
        )


def _tables(plan: Plan) -> list[tuple[str, str, str, int]]:
    """The tables the user is told about: name, format of the load, bytes on the source."""
    found: dict[tuple[str, str], tuple[bool, int]] = {}
    for route in plan.routes:
        key = (route.label.schema, route.label.name)
        binary, size = found.get(key, (True, 0))
        found[key] = binary and route.binary, size + route.source.bytes
    return [(*key, "binary" if binary else "text", size) for key, (binary, size) in found.items()]
