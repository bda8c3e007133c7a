"""Runs every check over a case and brings the findings into an order worth reading."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from azext_dms_pg.engine.planning.plan import make_plan
from azext_dms_pg.engine.planning.selection import select
from azext_dms_pg.engine.preflight import (
    columns,
    decoding,
    objects,
    own_schema,
    rights,
    servers,
    tables,
)
from azext_dms_pg.engine.preflight.case import Case
from azext_dms_pg.model.states import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from azext_dms_pg.model.finding import Finding
    from azext_dms_pg.model.settings import MigrationSettings
    from azext_dms_pg.model.task_input import DatabaseInput
    from azext_dms_pg.postgres.survey import Survey

TOPICS = (
    servers.CHECKS,
    decoding.CHECKS,
    tables.CHECKS,
    columns.CHECKS,
    rights.CHECKS,
    own_schema.CHECKS,
    objects.CHECKS,
)

_ORDER = (Severity.BLOCKER, Severity.WARNING, Severity.INFO)
# Of one kind; two thousand tables with the same trouble are one story.
_SHOWN = 25


def preflight(
    source: Survey,
    target: Survey,
    database: DatabaseInput,
    settings: MigrationSettings,
    slots: frozenset[str],
) -> tuple[Finding, ...]:
    """All findings, blockers first; the same input gives the same list.

    :param slots: names of the slots that all databases of the task will have on the source.
    """
    case = Case(
        source=source,
        target=target,
        database=database,
        settings=settings,
        selection=select(source, database.selected_tables),
        plan=make_plan(source, target, database, settings),
        slots=slots,
    )
    found = [finding for topic in TOPICS for check in topic for finding in check(case)]
    found.sort(key=lambda finding: _ORDER.index(finding.severity))
    return tuple(_shortened(found))


def _shortened(findings: list[Finding]) -> Iterable[Finding]:
    total: dict[str, int] = defaultdict(int)
    for finding in findings:
        total[finding.code] += 1
    seen: dict[str, int] = defaultdict(int)
    for finding in findings:
        seen[finding.code] += 1
        left = total[finding.code] - _SHOWN
        if seen[finding.code] < _SHOWN or left <= 0:
            yield finding
        elif seen[finding.code] == _SHOWN:
            yield replace(finding, message=f"{finding.message} The same holds for {left} more.")
