"""A mark in the source's WAL: what committed before it arrives before it (hazard 9).

Writing one is all this does; ``follower.py`` sees it arrive.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from azext_dms_pg.engine.values import Fence
from azext_dms_pg.errors import ServerError
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    import psycopg

_MESSAGES_SINCE = 90600


def write_fence(source: psycopg.Connection[Any]) -> Fence:
    """Commit an empty transaction that can be recognised in the stream.

    The connection must be in autocommit mode; synchronous_commit is on in every session of ours,
    so the mark is durable on the source when this returns.

    :raises ServerError: the source refused or is gone.
    """
    nonce = secrets.token_hex(16)
    version = source.info.server_version

    def ask(name: str) -> tuple[Any, ...]:
        row = source.execute(statement("replication", name, version), {"nonce": nonce}).fetchone()
        if row is None:
            raise ServerError("The source answered a question with nothing.", side="source")
        return tuple(row)

    with translated("source", "writing a fence"):
        with source.transaction():
            if version >= _MESSAGES_SINCE:
                xid = ask("fence")[1]
            else:
                source.execute(statement("replication", "fence_without_messages", version))
                xid = ask("xid")[0]
        lsn = int(ask("insert_position")[0])
    return Fence(nonce=nonce, xid=int(xid), lsn=lsn)
