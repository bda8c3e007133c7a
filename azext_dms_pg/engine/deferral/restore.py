"""Bringing back: indexes after the load, constraints and triggers at the cutover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.engine.deferral import ledger
from azext_dms_pg.engine.deferral.crew import Crew
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import Severity
from azext_dms_pg.postgres.boundary import translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.engine.deferral.ledger import Deferred
    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.model.settings import MigrationSettings

# The object is back already, or what it stood on was changed by the user meanwhile.
_BACK = (psycopg.errors.DuplicateObject, psycopg.errors.DuplicateTable)
_OVERTAKEN = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedObject,
    psycopg.errors.InvalidForeignKey,
    psycopg.errors.DatatypeMismatch,
)


def restore_indexes(
    session: psycopg.Connection[Any],
    connection: Connection,
    migration_id: str,
    settings: MigrationSettings,
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Build the deferred indexes side by side, then make them constraints again.

    Returns early, with what is finished kept, when ``stopping()`` becomes true.
    """
    with translated("target", "building indexes"):
        indexes = ledger.pending(session, migration_id, [ledger.INDEX])
        Crew(connection, migration_id, settings.index_jobs, "index", stopping).run(
            indexes, bring_back
        )
        if stopping():
            return
        for item in ledger.pending(session, migration_id, [ledger.CONSTRAINT]):
            bring_back(session, migration_id, item)


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
        keys = ledger.pending(session, migration_id, [ledger.FOREIGN_KEY])
        # Without the check of its rows a key is added in no time; with it, side by side.
        slow = []
        for item in keys:
            if item.validate is None and item.state == ledger.DROPPED:
                slow.append(item)
            else:
                findings += _attempt(session, migration_id, item, bring_back)
        crew = Crew(connection, migration_id, settings.index_jobs, "validate")
        back = ledger.pending(session, migration_id, [ledger.FOREIGN_KEY])
        checks = [item for item in back if item.state == ledger.RESTORED]
        findings += crew.collect(slow, lambda s, m, item: _attempt(s, m, item, bring_back))
        findings += crew.collect(checks, lambda s, m, item: _attempt(s, m, item, validate))
        for item in ledger.pending(session, migration_id, [ledger.TRIGGER, ledger.RULE]):
            findings += _attempt(session, migration_id, item, bring_back)
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


def bring_back(session: psycopg.Connection[Any], migration_id: str, item: Deferred) -> None:
    """Run the item's statements and mark it, in one transaction."""
    with session.transaction():
        if ledger.claim(session, migration_id, item) != ledger.DROPPED:
            return
        # A role may have a default tablespace; the database's is where things were.
        session.execute("SET LOCAL default_tablespace = ''")
        try:
            with session.transaction():
                for step in item.create:
                    session.execute(step.encode())
        except _BACK:
            # Somebody was quicker; a second one of that name is not wanted.
            pass
        ledger.mark(session, migration_id, item, ledger.RESTORED)


def validate(session: psycopg.Connection[Any], migration_id: str, item: Deferred) -> None:
    """Have the server check the rows, and mark that it did, in one transaction."""
    with session.transaction():
        if ledger.claim(session, migration_id, item) == ledger.RESTORED and item.validate:
            session.execute(item.validate.encode())
            ledger.mark(session, migration_id, item, ledger.VALIDATED)


def _attempt(
    session: psycopg.Connection[Any],
    migration_id: str,
    item: Deferred,
    step: Callable[[psycopg.Connection[Any], str, Deferred], None],
) -> list[Finding]:
    try:
        step(session, migration_id, item)
    except psycopg.errors.ForeignKeyViolation:
        return [
            Finding(
                "ForeignKeyViolated",
                Severity.WARNING,
                item.subject,
                f"Foreign key {item.name} of {item.table} does not hold on the target: rows refer "
                "to rows that are not there, most likely of a table that was not migrated. "
                + (
                    "It is back as NOT VALID: new rows are checked, these are not."
                    if item.validate
                    else "It could not be added."
                ),
                item.script,
            )
        ]
    except _OVERTAKEN as error:
        return [
            Finding(
                "NotRestored",
                Severity.WARNING,
                item.subject,
                f"{item.name} of {item.table} could not be brought back because the table was "
                f"changed meanwhile: {error.diag.message_primary}.",
                item.script,
            )
        ]
    return []
