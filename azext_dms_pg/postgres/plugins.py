"""Logical decoding plugins: whether the source has the one we need.

test_decoding is part of contrib, which not every installation brings; pgoutput is built in.
Owns the trial and the words for its failure. Knows no plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.sqlstate import is_retryable, translate

if TYPE_CHECKING:
    from azext_dms_pg.model.connection import Connection

# Ends the names of slots that are gone in a moment.
TRIAL = "_try"
NO_SUCH_FILE = "58P01"
_TEMPORARY_SLOTS_SINCE = 100000


def loads(source: Connection, slot: str, plugin: str) -> bool:
    """Whether the source can load that plugin; True also where it cannot be tried.

    Tried with a temporary slot. The server loads the plugin before it waits for running
    transactions to end, so that running out of time proves that the plugin is there.

    :param slot: a name that is ours; the trial's is made from it.
    :raises ServerError: the source is gone.
    """
    trial = slot + TRIAL
    with connect(source, "source", "look") as session:
        if session.info.server_version < _TEMPORARY_SLOTS_SINCE:
            return True
        try:
            with session.transaction():
                session.execute("SET LOCAL statement_timeout = '2s'")
                session.execute(
                    "SELECT FROM pg_catalog.pg_create_logical_replication_slot(%s, %s, true)",
                    (trial, plugin),
                )
                session.execute("SELECT pg_catalog.pg_drop_replication_slot(%s)", (trial,))
        except psycopg.errors.UndefinedFile:
            return False
        except psycopg.errors.QueryCanceled:
            return True
        except psycopg.Error as error:
            if is_retryable(error.sqlstate):
                raise translate(error, "source", f"trying the plugin {plugin}") from error
            # No right, no free slot, no logical WAL: said by those who look for it.
            return True
    return True


def missing(plugin: str) -> MigrationError:
    """The source lacks the plugin."""
    return MigrationError(
        f"The source cannot load the logical decoding plugin {plugin}: it is not installed there.",
        "Install PostgreSQL's contrib modules on the source's machine (package "
        "postgresql-contrib; no restart is needed), or let the migration's user create a "
        "publication, so that the built-in pgoutput is used.",
        code="PluginMissing",
    )
