"""What only trying can tell before anything is made: a stage of findings, like preflight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.engine.planning.plan import PGOUTPUT
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import Severity
from azext_dms_pg.postgres import plugins

if TYPE_CHECKING:
    from azext_dms_pg.engine.job import Job


def probe(job: Job, plugin: str) -> tuple[Finding, ...]:
    """Whether the source has the plugin its changes are to be decoded with."""
    if plugin == PGOUTPUT or plugins.loads(job.source, job.source_object, plugin):
        return ()
    found = plugins.missing(plugin)
    return (Finding(found.code, Severity.BLOCKER, "source", found.message, found.action),)
