"""After the fence: sequences, constraints, comparison. Every step may be run again.

Knows the order of the last steps, not what came before them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.engine.cutover.sequences import copy_sequences
from azext_dms_pg.engine.deferral import restore_constraints
from azext_dms_pg.engine.verify import compare, compare_counts
from azext_dms_pg.engine.verify.comparing import records
from azext_dms_pg.errors import MigrationError

if TYPE_CHECKING:
    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.state.progress import Journal

Session = psycopg.Connection[Any]

_NAMED_AT_MOST = 5
_LOOK_FIRST = (
    "Do not use the target yet. See who else writes to it, a job or an event trigger perhaps, then "
    "run az dms project task restart to compare again, or cancel and begin anew."
)


def finish(job: Job, plan: Plan, source: Session, target: Session, journal: Journal) -> None:
    """Make the target whole: sequences ahead of the data, constraints back, contents compared.

    :raises MigrationError: code ``CountsDiffer`` when the two sides hold different numbers of
        rows although nobody writes to the source.
    """
    journal.activity("setting the sequences")
    copy_sequences(source, target, plan, job.settings.sequence_margin)
    journal.activity("restoring and validating foreign keys and triggers")
    for finding in restore_constraints(target, job.target, job.id, job.settings):
        journal.event(
            finding.severity.value,
            finding.code,
            subject=finding.subject,
            message=finding.message,
            action=finding.remedy,
        )
    if job.settings.compare == "checksum":
        journal.activity("comparing contents")
        _compare_contents(job, plan, journal)
    elif job.settings.compare != "none":
        journal.activity("comparing row counts")
        _compare(job, plan, journal)


def _compare_contents(job: Job, plan: Plan, journal: Journal) -> None:
    found = compare(job.source, job.target, plan)
    differing = {item.label: item for item in found if not item.equal}
    if differing:
        found = compare(job.source, job.target, plan)
    journal.compared(records(found))
    again = [item for item in found if not item.equal]
    if not again:
        return
    texts = [
        f"{item.label}: {', '.join(f'{row.key} {row.kind}' for row in item.differences[:3])}"
        for item in again[:_NAMED_AT_MOST]
    ]
    message = f"{len(again)} tables differ in their contents. {'; '.join(texts)}."
    if any(
        item.label not in differing or item.source_checksum != differing[item.label].source_checksum
        for item in again
    ):
        journal.event(
            "warning",
            "ContentsMoving",
            subject=job.database.name,
            message=f"{message} The source is still being written to.",
            action="Stop the writers, then run az dms project task compare.",
        )
        return
    raise MigrationError(
        f"After the cutover's fence {message}",
        _LOOK_FIRST,
        code="ContentsDiffer",
    )


def _compare(job: Job, plan: Plan, journal: Journal) -> None:
    differing = compare_counts(job.source, job.target, plan)
    if not differing:
        return
    again = compare_counts(job.source, job.target, plan)
    texts = [
        f"{item.label}: {item.source_rows} on the source, {item.target_rows} on the target"
        for item in again[:_NAMED_AT_MOST]
    ]
    before = {item.label: item.source_rows for item in differing}
    moving = any(before.get(item.label) != item.source_rows for item in again)
    if not again:
        return
    message = f"{len(again)} tables differ in their number of rows. {'; '.join(texts)}."
    if moving:
        journal.event(
            "warning",
            "CountsMoving",
            subject=job.database.name,
            message=f"{message} The source is still being written to.",
            action="Stop the writers and compare both databases.",
        )
        return
    raise MigrationError(
        f"After the cutover's fence {message}",
        _LOOK_FIRST,
        code="CountsDiffer",
    )
