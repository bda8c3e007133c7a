"""What a cancel could not remove, and the statements that remove it by hand.

Words only: the supervisor says them too, for a worker that could not even start.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Leftover:
    """What could not be removed, and how to remove it by hand.

    :param side: ``source`` or ``target``.
    :param code: ``NotRestored`` is nothing that another cancel could do any better.
    """

    side: str
    message: str
    action: str
    code: str = "LeftBehind"


def on_source(database: str, name: str, message: str) -> Leftover:
    """:param name: of the slot and the publication."""
    return Leftover(
        "source",
        message,
        f"Mend that and cancel the task again. Or run on the source, in database {database!r}: "
        f"SELECT pg_drop_replication_slot('{name}'); DROP PUBLICATION IF EXISTS {name};",
    )


def on_target(database: str, message: str) -> Leftover:
    return Leftover(
        "target",
        message,
        f"Mend that and cancel the task again. Or, in database {database!r} of the target, read "
        "and run the statements kept in "
        "dms_pg.deferred (create_sql), empty the tables in dms_pg.filled_table, then DROP TABLE "
        "dms_pg.deferred, dms_pg.loaded_part, dms_pg.filled_table, dms_pg.migration; DROP SCHEMA "
        "dms_pg. Or delete and create that database anew.",
    )
