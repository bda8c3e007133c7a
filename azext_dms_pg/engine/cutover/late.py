"""After the last step: whether the source was written to behind the fence, by then.

Bringing foreign keys back may take minutes, or wait for a lock for hours. Until the slot is dropped
nothing committed meanwhile is lost: the conductor reads on and raises another fence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.postgres import checkpoint, replication

if TYPE_CHECKING:
    import psycopg

    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.state.progress import Journal


def late_changes(
    job: Job,
    plan: Plan,
    source: psycopg.Connection[Any],
    target: psycopg.Connection[Any],
    journal: Journal,
) -> int:
    """Rows that were changed on the source after what the target has; ten thousand is or more.

    :raises ServerError: a server cannot be asked.
    """
    found = checkpoint.read(target, job.id)
    if found is None or found.progress_lsn is None:
        return 0
    changes = replication.changed_since(
        source,
        found.slot,
        plan.plugin,
        found.publication,
        {route.source.name for route in plan.routes},
        found.progress_lsn,
    )
    if changes is None:
        journal.event(
            "warning",
            "LateChangesUnknown",
            subject=job.database.name,
            message="Whether the source was written to while the cutover ended could not be told: "
            "the source refused to say, or was not done within half a minute because some "
            "transaction keeps the slot far back. What was committed after "
            f"{checkpoint.format_lsn(found.progress_lsn)} is not on the target.",
            action="If the writers were stopped before the cutover, all is well; else compare: "
            "az dms project task compare.",
        )
    return changes or 0


def tell(job: Job, journal: Journal, changes: int) -> None:
    """They are not on the target, and will not be."""
    journal.event(
        "warning",
        "SourceStillWritten",
        subject=job.database.name,
        message="The source was still being written to during the cutover: while it ended, "
        f"{changes} changes more were committed, and again after each attempt to carry them over. "
        "They are not on the target.",
        action="Stop the writers before a cutover. Compare both databases and carry later "
        "changes over by hand, or migrate again.",
    )
