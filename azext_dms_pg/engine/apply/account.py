"""Every row is accounted for: a statement hits as many rows as the source changed, or all ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.engine.faults import ApplyError

if TYPE_CHECKING:
    from azext_dms_pg.engine.changes.layout import Layout


def account_for(layout: Layout, operation: str, expected: int, done: int, progress: int) -> None:
    """Compare what was done on the target with what the source did.

    Rows that a TRUNCATE had taken away before their turn to be copied came may be missing, as
    long as the stream has not reached the end of the load. Should it have been something else,
    the table does not pass the proof before the cutover: its file is not the snapshot's.

    :param progress: where the target stands.
    :raises ApplyError: source and target are no longer the same (hazard 3).
    """
    if done == expected or (done < expected and progress < layout.sparse_until):
        return
    raise ApplyError(
        f"{operation} on {layout.target}: {expected} rows changed on the source, {done} were "
        "found on the target.",
        f"Somebody else changed {layout.target} on the target, or a trigger there did. Cancel the "
        "task and begin anew.",
        label=layout.label,
    )
