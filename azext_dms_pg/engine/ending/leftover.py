"""What a cancel could not remove, and the statements that remove it by hand.

Words only: the supervisor says them too, for a worker that could not even start.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Leftover:
    """What could not be removed, and how to remove it by hand.

    :param side: ``source`` or ``target``.
    """

    side: str
    message: str
    action: str


def on_source(database: str, name: str, message: str) -> Leftover:
    """:param name: of the slot and the publication."""
    return Leftover(
        "source",
        message,
        f"Run on the source, in database {database!r}: "
        f"SELECT pg_drop_replication_slot('{name}'); DROP PUBLICATION IF EXISTS {name};",
    )


def on_target(database: str, message: str) -> Leftover:
    return Leftover(
        "target",
        message,
        f"In database {database!r} of the target, read and run the statements kept in "
        "dms_pg.deferred (create_sql), empty the tables in dms_pg.filled_table, then DROP TABLE "
        "dms_pg.deferred, dms_pg.loaded_part, dms_pg.filled_table, dms_pg.migration; DROP SCHEMA "
        "dms_pg. Or delete and create that database anew.",
    )
