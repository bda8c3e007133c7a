"""Whether the source is at rest: what a cutover asks between two fences (hazard 9).

A fence proves that what committed before it has arrived. It says nothing of a transaction that was
open when it was written and commits afterwards: those are looked for before each fence. Knows no
stream.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from azext_dms_pg.postgres.checkpoint import format_lsn
from azext_dms_pg.postgres.replication import open_transactions

if TYPE_CHECKING:
    import psycopg

    from azext_dms_pg.engine.values import FencePassed
    from azext_dms_pg.state.progress import Journal

# Rounds of fences that may find somebody still writing before the cutover goes on regardless.
_QUIET_ROUNDS = 5
# So long transactions that have written something are waited for.
_OPEN_PATIENCE = 60.0
_PAUSE = 0.2
# They need to end; there is no use in a fence every moment until they do.
_OPEN_PAUSE = 1.0


class Rest:
    """One cutover's judgement of the source, fence by fence."""

    def __init__(self, journal: Journal, database: str) -> None:
        self._journal = journal
        self._database = database
        self._fences = 0
        self._loud = 0
        self._open: tuple[str, ...] = ()
        self._before: tuple[str, ...] = ()
        self._open_since: float | None = None
        self._told = ""
        self.quiet = False
        """Whether the source was at rest around the last fence."""

    def look(self, source: psycopg.Connection[Any]) -> None:
        """To be called just before every fence."""
        self._fences += 1
        self._before, self._open = self._open, open_transactions(source)

    def has_come(self, passed: FencePassed) -> bool:
        """Whether the last fence may be the last; if not, another one has to be written.

        Two fences with nothing between them, and nobody in a transaction before the second, prove
        that the source was at rest. Who goes on regardless is reported, and so does the cutover.
        """
        if self._fences == 1:
            return False
        # Writers at work have other transactions at every look; those are not worth the wait.
        if set(self._open) & set(self._before):
            if self._waits_for_them():
                return False
        elif (self._open or passed.changes_after_previous) and self._loud < _QUIET_ROUNDS - 1:
            self._open_since = None
            self._loud += 1
            self._journal.activity("the source is still being written to; raising another fence")
            time.sleep(_PAUSE)
            return False
        self._journal.solved(self._told)
        self.quiet = not (passed.changes_after_previous or self._open)
        if passed.changes_after_previous:
            self._tell_of_writers(passed)
        if self._open:
            self._tell_of_open(passed)
        return True

    def _waits_for_them(self) -> bool:
        now = time.monotonic()
        self._open_since = now if self._open_since is None else self._open_since
        if now - self._open_since > _OPEN_PATIENCE:
            return False
        self._told = (
            "The cutover waits for transactions on the source that have written something and "
            f"may still commit: {'; '.join(self._open)}."
        )
        self._journal.problem(
            self._told,
            "Let them end, or end them on the source with pg_terminate_backend; prepared ones "
            "with COMMIT PREPARED or ROLLBACK PREPARED.",
        )
        time.sleep(_OPEN_PAUSE)
        return True

    def _tell_of_writers(self, passed: FencePassed) -> None:
        self._journal.event(
            "warning",
            "SourceStillWritten",
            subject=self._database,
            message=f"The source was still being written to during the cutover: "
            f"{passed.changes_after_previous} changes came between the last two fences. "
            f"Everything committed before {format_lsn(passed.fence.lsn)} is on the target; what "
            "was committed later is not.",
            action="Stop the writers before a cutover. Compare both databases and carry later "
            "changes over by hand, or migrate again.",
        )

    def _tell_of_open(self, passed: FencePassed) -> None:
        self._journal.event(
            "warning",
            "TransactionsLeftOpen",
            subject=self._database,
            message="Transactions on the source were still open when the cutover ended: "
            f"{'; '.join(self._open)}. What they commit after {format_lsn(passed.fence.lsn)} is "
            "not on the target.",
            action="Roll them back on the source. If one commits, compare both databases and "
            "carry its changes over by hand.",
        )
