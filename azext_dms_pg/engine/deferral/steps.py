"""The two steps of bringing objects back, each in one transaction with its mark in the ledger.

Steps of many small objects are done together, a round trip for all; when that fails, one by one,
so that one object's trouble is only its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.engine.deferral import ledger
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.engine.deferral.ledger import Deferred

# The object is back already: somebody was quicker, and a second one of that name is not wanted.
_BACK = (psycopg.errors.DuplicateObject, psycopg.errors.DuplicateTable)
# What the object stood on was changed by the user meanwhile.
_OVERTAKEN = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedObject,
    psycopg.errors.InvalidForeignKey,
    psycopg.errors.DatatypeMismatch,
)

Batch = tuple["Deferred", ...]


def bring_back(session: psycopg.Connection[Any], migration_id: str, items: Batch) -> list[Finding]:
    """Run the items' statements; findings for those that could not come back."""
    return _together_or_apart(session, migration_id, items, _create)


def validate(session: psycopg.Connection[Any], migration_id: str, items: Batch) -> list[Finding]:
    """Have the server check the rows; findings for keys they violate."""
    return _together_or_apart(session, migration_id, items, _check)


def bring_back_or_raise(
    session: psycopg.Connection[Any], migration_id: str, item: Deferred
) -> None:
    """As ``bring_back`` for what the migration cannot go on without."""
    try:
        _create(session, migration_id, (item,))
    except _BACK:
        _give_up(session, migration_id, item)


def _create(session: psycopg.Connection[Any], migration_id: str, items: Batch) -> None:
    with session.transaction():
        mine = ledger.claim(session, migration_id, items, ledger.DROPPED)
        script = ";".join(step for item in mine for step in item.create)
        if script:
            # A role may have a default tablespace; the database's is where things were.
            session.execute("SET LOCAL default_tablespace = ''")
            session.execute(script.encode())
            ledger.mark(session, migration_id, mine, ledger.RESTORED)


def _check(session: psycopg.Connection[Any], migration_id: str, items: Batch) -> None:
    with session.transaction():
        mine = ledger.claim(session, migration_id, items, ledger.RESTORED)
        script = ";".join(item.validate for item in mine if item.validate)
        if script:
            session.execute(script.encode())
            ledger.mark(session, migration_id, mine, ledger.VALIDATED)


def _together_or_apart(
    session: psycopg.Connection[Any],
    migration_id: str,
    items: Batch,
    step: Callable[[psycopg.Connection[Any], str, Batch], None],
) -> list[Finding]:
    try:
        step(session, migration_id, items)
    except (*_BACK, *_OVERTAKEN, psycopg.errors.ForeignKeyViolation) as error:
        if len(items) > 1:
            return [
                finding
                for item in items
                for finding in _together_or_apart(session, migration_id, (item,), step)
            ]
        (item,) = items
        if isinstance(error, _BACK):
            _give_up(session, migration_id, item)
            return []
        return [_finding(item, error)]
    return []


def _give_up(session: psycopg.Connection[Any], migration_id: str, item: Deferred) -> None:
    """The object is there already."""
    ledger.mark(session, migration_id, (item,), ledger.RESTORED)


def _finding(item: Deferred, error: psycopg.Error) -> Finding:
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        outcome = (
            "It is back as NOT VALID: new rows are checked, these are not."
            if item.validate
            else "It could not be added."
        )
        restored = replace(item, state=ledger.RESTORED) if item.validate else item
        return Finding(
            "ForeignKeyViolated",
            Severity.WARNING,
            item.subject,
            f"Foreign key {item.name} of {item.table} does not hold on the target: rows refer to "
            f"rows that are not there, most likely of a table that was not migrated. {outcome}",
            restored.script,
        )
    return Finding(
        "NotRestored",
        Severity.WARNING,
        item.subject,
        f"{item.name} of {item.table} could not be brought back because the table was changed "
        f"meanwhile: {error.diag.message_primary}.",
        item.script,
    )
