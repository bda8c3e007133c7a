"""The target session changes are applied in: its settings, its lock, its place in the stream."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.engine.apply.stage import Stages
from azext_dms_pg.engine.faults import TargetRenamedError
from azext_dms_pg.errors import Interrupted, MigrationError, ServerError
from azext_dms_pg.postgres import checkpoint
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.relations import Name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.model.connection import Connection

# A session somebody else left behind is ended by the server when it next looks.
_LOCK_PATIENCE = 30.0
_LOCK_PAUSE = 0.1
_CHECKS_CLIENT_SINCE = 140000

_SETTINGS = (
    # Stages have no statistics. Keys are found through the target's unique index, one by one:
    # measured ahead of a hash or merge join at every size of batch.
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    "SET enable_nestloop = on",
    "SET enable_indexscan = on",
    "SET temp_buffers = '64MB'",
    # What came durably is acknowledged to the source, which then forgets it.
    "SET synchronous_commit = on",
)

# The tables that what is about to be committed was meant for. Names are looked up when a statement
# runs, and a table written to is not renamed before the end of the transaction.
_MEANT = (
    "SELECT meant.schema, meant.name"
    " FROM unnest(%s::pg_catalog.oid[], %s::pg_catalog.text[], %s::pg_catalog.text[])"
    " AS meant (oid, schema, name)"
    " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c"
    " JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
    " WHERE c.oid OPERATOR(pg_catalog.=) meant.oid"
    " AND c.relname::pg_catalog.text OPERATOR(pg_catalog.=) meant.name"
    " AND n.nspname::pg_catalog.text OPERATOR(pg_catalog.=) meant.schema) LIMIT 1"
)

# Moves only from where we believe it stands: whoever else may have moved it, we notice.
_ADVANCE = (
    "UPDATE dms_pg.migration SET progress_lsn = %s::pg_catalog.pg_lsn"
    " WHERE id OPERATOR(pg_catalog.=) %s"
    " AND progress_lsn OPERATOR(pg_catalog.=) %s::pg_catalog.pg_lsn"
)


class ApplySession:
    """One open session that holds the migration's apply lock.

    :param owner: as of a ``Job``: its dead predecessors lose the lock to it.
    """

    def __init__(self, target: Connection, plan: Plan, migration_id: str, owner: str) -> None:
        self._migration_id = migration_id
        self.connection: psycopg.Connection[Any] = connect(target, "target", f"apply {owner}")
        self.stages = Stages(self.connection)
        self._open = False
        try:
            with translated("target", "preparing to apply changes"):
                self._prepare(plan)
        except BaseException:
            self.close()
            raise

    def _prepare(self, plan: Plan) -> None:
        for setting in _SETTINGS:
            self.connection.execute(setting.encode())
        if self.connection.info.server_version >= _CHECKS_CLIENT_SINCE:
            self.connection.execute("SET client_connection_check_interval = '2s'")
        if plan.replica_role:
            self.connection.execute("SET session_replication_role = replica")

    def lock(self, stopping: Callable[[], bool]) -> int:
        """Become the only one who applies; where the target stands.

        :raises ServerError: (retryable) somebody else still holds the lock.
        :raises Interrupted: no use waiting any more.
        """
        deadline = time.monotonic() + _LOCK_PATIENCE
        with translated("target", "taking the apply lock"):
            while not checkpoint.take_lock(self.connection, f"{self._migration_id}/apply"):
                if stopping():
                    raise Interrupted("The follower was closed.")
                if time.monotonic() > deadline:
                    raise ServerError(
                        "Another session applies changes to the target: it holds the migration's "
                        "lock there.",
                        "End it on the target: its application_name begins with dms-pg apply.",
                        side="target",
                        retryable=True,
                        code="ApplyLockHeld",
                    )
                time.sleep(_LOCK_PAUSE)
            found = checkpoint.read(self.connection, self._migration_id)
        if found is None or found.progress_lsn is None:
            raise MigrationError(
                "The target has no record of this migration's load: the row in dms_pg.migration "
                "is missing or has no progress.",
                "Cancel the task and begin anew.",
                code="CheckpointMissing",
            )
        return found.progress_lsn

    @property
    def in_transaction(self) -> bool:
        return self._open

    def begin(self) -> None:
        if not self._open:
            self.connection.execute("BEGIN; SET CONSTRAINTS ALL DEFERRED")
            self._open = True

    def confirm(self, tables: Mapping[int, Name]) -> None:
        """:raises TargetRenamedError: another table than was meant has been written to."""
        if not tables:
            return
        names = tables.values()
        row = self.connection.execute(
            _MEANT,
            (list(tables), [name.schema for name in names], [name.name for name in names]),
        ).fetchone()
        if row is not None:
            raise TargetRenamedError(
                f"{Name(*row)} on the target is not the table any more that it was when the "
                "plan was made.",
                "The task makes its plan again and goes on by itself.",
            )

    def advance(self, before: int, after: int) -> None:
        """:raises ServerError: somebody else has moved the progress; look again."""
        done = self.connection.execute(
            _ADVANCE,
            (checkpoint.format_lsn(after), self._migration_id, checkpoint.format_lsn(before)),
        ).rowcount
        if done != 1:
            raise ServerError(
                "The migration's progress on the target is not where this worker left it.",
                "It looks again and goes on from there.",
                side="target",
                retryable=True,
            )

    def commit(self) -> None:
        """Make it durable.

        :raises psycopg.Error: refused, or the answer was lost.
        :raises ServerError: rolled back instead.
        """
        answer = self.connection.execute("COMMIT").statusmessage
        self._open = False
        if answer != "COMMIT":
            raise ServerError(
                f"The target answered COMMIT with {answer}.", side="target", retryable=True
            )
        self.stages.committed()

    def close(self) -> None:
        """Whatever is open is rolled back by the server."""
        with suppress(psycopg.Error):
            self.connection.close()
