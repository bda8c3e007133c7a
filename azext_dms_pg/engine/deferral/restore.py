"""Bringing back: indexes and unchecked constraints after the load, the rest at the cutover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.engine.deferral import ledger
from azext_dms_pg.engine.deferral.crew import Crew
from azext_dms_pg.engine.deferral.steps import bring_back, bring_back_or_raise, validate
from azext_dms_pg.postgres.boundary import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import psycopg

    from azext_dms_pg.engine.deferral.ledger import Deferred
    from azext_dms_pg.engine.deferral.steps import Batch
    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.model.finding import Finding
    from azext_dms_pg.model.settings import MigrationSettings

# Objects brought back in one transaction, and tables small enough to be checked together.
_BATCH = 100
_SMALL_BYTES = 8 << 20


def restore_indexes(
    session: psycopg.Connection[Any],
    connection: Connection,
    migration_id: str,
    settings: MigrationSettings,
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Build the deferred indexes side by side, then make them constraints again.

    Constraints that are NOT VALID are back before any change is applied: it is the source's own
    rows that need not satisfy them, and a change of the schema is judged by what is there.

    Returns early, with what is finished kept, when ``stopping()`` becomes true.
    """
    with translated("target", "building indexes"):
        indexes = ledger.pending(session, migration_id, [ledger.INDEX])
        crew = Crew(connection, migration_id, settings.index_jobs, "index", stopping)
        crew.run(list(indexes), bring_back_or_raise)
        if stopping():
            return
        for item in ledger.pending(session, migration_id, [ledger.CONSTRAINT]):
            bring_back_or_raise(session, migration_id, item)
        # What cannot come back stays in the ledger, and is a finding at the cutover.
        _bring_back_unchecked(session, migration_id)


def restore_constraints(
    session: psycopg.Connection[Any],
    connection: Connection,
    migration_id: str,
    settings: MigrationSettings,
) -> tuple[Finding, ...]:
    """Bring back foreign keys, checked as they were before, and triggers and rules.

    A key that the data violates, or whose table the user has changed meanwhile, is a finding with
    the statement that is left to run; everything else is brought back regardless.
    """
    findings: list[Finding] = []
    with translated("target", "restoring foreign keys and triggers"):
        findings += _bring_back_unchecked(session, migration_id)
        crew = Crew(connection, migration_id, settings.index_jobs, "validate")
        keys = ledger.pending(session, migration_id, [ledger.FOREIGN_KEY])
        # Without the check of its rows a key is added in no time; with it, side by side.
        quick = [item for item in keys if item.validate is not None]
        whole = [item for item in keys if item.validate is None]
        for batch in _batches(quick):
            findings += bring_back(session, migration_id, batch)
        done = crew.run([(item,) for item in whole], bring_back)
        back = ledger.pending(session, migration_id, [ledger.FOREIGN_KEY])
        checks = [item for item in back if item.state == ledger.RESTORED]
        done += crew.run(_by_size(session, checks), validate)
        findings += [finding for batch_findings in done for finding in batch_findings]
        for batch in _batches(ledger.pending(session, migration_id, [ledger.TRIGGER, ledger.RULE])):
            findings += bring_back(session, migration_id, batch)
    return tuple(findings)


def restore_everything(
    session: psycopg.Connection[Any],
    connection: Connection,
    migration_id: str,
    settings: MigrationSettings,
) -> tuple[Finding, ...]:
    """Bring back all that is away, whatever phase the migration was in."""
    restore_indexes(session, connection, migration_id, settings)
    return restore_constraints(session, connection, migration_id, settings)


def _bring_back_unchecked(session: psycopg.Connection[Any], migration_id: str) -> list[Finding]:
    return [
        finding
        for batch in _batches(ledger.pending(session, migration_id, [ledger.UNCHECKED]))
        for finding in bring_back(session, migration_id, batch)
    ]


def _batches(items: Iterable[Deferred]) -> Iterator[Batch]:
    items = tuple(items)
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def _by_size(session: psycopg.Connection[Any], items: list[Deferred]) -> list[Batch]:
    """Large tables one by one and first, small ones together."""
    if not items:
        return []
    sizes = dict(
        session.execute(
            "SELECT n.nspname::text || '.' || c.relname::text,"
            " sum(coalesce(pg_relation_size(c.oid), 0))"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relname = ANY(%s) GROUP BY 1",
            ([item.table.name for item in items],),
        ).fetchall()
    )

    def size(item: Deferred) -> int:
        return int(sizes.get(str(item.table), 0))

    large = sorted((item for item in items if size(item) >= _SMALL_BYTES), key=size, reverse=True)
    small = [item for item in items if size(item) < _SMALL_BYTES]
    return [*((item,) for item in large), *_batches(small)]
