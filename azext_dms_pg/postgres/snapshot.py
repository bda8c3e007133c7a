"""Sessions that see the source as an exported snapshot has it.

A snapshot lives as long as the session that exported it; here that is the one that made the slot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.sqlstate import translate

if TYPE_CHECKING:
    from azext_dms_pg.model.connection import Connection

# What SET TRANSACTION SNAPSHOT answers when the exporting transaction has ended: invalid
# identifier (up to 16), undefined object (17 and later), source process no longer there.
_GONE = {"22023", "42704", "55000"}


@dataclass(frozen=True)
class SnapshotHandle:
    """A slot and the snapshot exported with it.

    :param consistent_lsn: ``consistent_point``; every commit after it comes through the stream.
    """

    slot: str
    snapshot: str
    consistent_lsn: int


def open_snapshot(source: Connection, snapshot: str, purpose: str) -> psycopg.Connection[Any]:
    """A source session in a read-only transaction that reads the exported snapshot.

    :raises MigrationError: nobody holds the snapshot any more (code ``SnapshotLost``).
    :raises ServerError: the source refused or was lost.
    """
    connection = connect(source, "source", purpose)
    try:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
    except psycopg.Error as error:
        connection.close()
        if error.sqlstate in _GONE:
            raise MigrationError(
                f"The snapshot {snapshot} is gone: the session that held it has ended.",
                "The load begins anew with a new slot and snapshot.",
                code="SnapshotLost",
            ) from error
        raise translate(error, "source") from error
    return connection
