"""Planner statistics of the tables that were loaded: ANALYZE, a few at a time.

Runs after the indexes are back, so that expression indexes get statistics too. It takes about as
long for a table of five million rows as for one of five billion (a sample of fixed size), and
for a hundred small ones together. Owns nothing but those statements.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from azext_dms_pg.errors import Interrupted
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.patient import run
from azext_dms_pg.postgres.relations import Name

if TYPE_CHECKING:
    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.transfer import Side

# Small tables share a transaction: a commit costs as much as their statistics.
_TOGETHER = 32


def collect_statistics(
    target: Connection, migration_id: str, jobs: int, stopping: Callable[[], bool]
) -> None:
    """ANALYZE every table the migration fills.

    Tables the target user may not analyse are skipped by the server.

    :param jobs: sessions at a time.
    :raises Interrupted: ``stopping()`` turned true.
    :raises ServerError: the target refused or was lost; what was collected stays.
    """
    names = _filled(target, migration_id)
    batches = deque(names[at : at + _TOGETHER] for at in range(0, len(names), _TOGETHER))
    failures: list[BaseException] = []

    def work() -> None:
        try:
            _analyze(target, batches, lambda: bool(failures) or stopping())
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            failures.append(error)

    threads = [
        threading.Thread(target=work, name=f"analyze-{number}", daemon=True)
        for number in range(min(jobs, len(batches)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _filled(target: Connection, migration_id: str) -> list[Name]:
    """The tables the bookkeeping knows as ours, as far as they still exist."""
    with connect(target, "target", "analyze") as connection, translated("target"):
        rows = connection.execute(
            "SELECT f.relation, f.relation_name FROM dms_pg.filled_table f"
            " JOIN pg_catalog.pg_namespace n ON n.nspname = f.relation"
            " JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = f.relation_name"
            " WHERE f.migration = %s",
            (migration_id,),
        ).fetchall()
    return [Name(schema, name) for schema, name in rows]


def _analyze(target: Connection, batches: deque[list[Name]], stopping: Callable[[], bool]) -> None:
    connection = connect(target, "target", "analyze")
    pace = _Until(stopping)
    try:
        while True:
            try:
                names = batches.popleft()
            except IndexError:
                return
            statements = [
                sql.SQL("ANALYZE {}").format(sql.Identifier(name.schema, name.name))
                for name in names
            ]
            script = sql.SQL("; ").join([sql.SQL("BEGIN"), *statements, sql.SQL("COMMIT")])
            run(connection, "target", pace, script.as_bytes())
    finally:
        with suppress(psycopg.Error):
            connection.close()


class _Until:
    """A pace that only ever says stop."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping

    def moved(self, size: int) -> None:
        pass

    def waiting(self, side: Side) -> None:
        if self._stopping():
            raise Interrupted(f"A stop was asked for while the {side} collected statistics.")
