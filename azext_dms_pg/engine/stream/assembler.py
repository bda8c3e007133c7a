"""From decoded messages to batches: whole transactions, or slices of one that is too large.

A transaction is held aside until its COMMIT, so that an error in its middle leaves the batch with
nothing but whole transactions before it. Owns the counting; knows no connection and no plugin.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azext_dms_pg.engine.changes.batch import Batch, weight
from azext_dms_pg.engine.faults import LineReachedError
from azext_dms_pg.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.engine.changes.batch import Change
    from azext_dms_pg.postgres.changes import LogicalMessage

# Most transactions are small; it is cheaper to collapse some hundred of them at once.
_WORTH_COLLAPSING = 2000
# Fences are watched for right after they were written; older ones may be forgotten.
_MARKS = 10_000
MESSAGE_PREFIX = b"dms_pg"


@dataclass(frozen=True)
class Limits:
    """:param changes: a transaction with more is applied in slices of so many.

    :param weight: the same in bytes of memory.
    :param together: up to ``together_until`` a batch holds no more transactions than so many; 0
        is no limit.
    """

    changes: int
    weight: int
    together: int = 0
    together_until: int = 0


@dataclass(frozen=True)
class Mark:
    """A transaction that may be a fence: where it ends, and changes seen before it."""

    lsn: int
    changes: int


class Assembler:
    """:param progress: the target has everything that was committed up to here.

    :param hand_over: takes a slice of a large transaction; waits until it may.
    :param until: position at which to stop; 0 to go on for ever.
    """

    def __init__(
        self,
        progress: int,
        limits: Limits,
        hand_over: Callable[[Batch], None],
        until: int = 0,
    ) -> None:
        self._progress = progress
        self._until = until
        self._limits = limits
        self._hand_over = hand_over
        self.in_transaction = False
        # Of the transaction that has begun; 0 where the stream is silent, or none has.
        self._commit_time = self._xid = 0
        # One list for ever, for the feed adds to it: whole transactions that are still to be
        # collapsed, up to ``_whole``, then the one that has begun.
        self._changes: list[Change] = []
        self._whole = 0
        self._size = 0  # bytes of the transaction that has begun, about
        self._sliced = False
        self._nonce: str | None = None
        self._taken = 0  # changes in batches that are gone
        self.batch = Batch()
        self.received_lsn = progress
        self.newest_commit = 0
        """Commit time of the last whole transaction that came; 0 while none has, or unknown."""
        self.marks: OrderedDict[str | int, Mark] = OrderedDict()

    @property
    def received_changes(self) -> int:
        """Of whole transactions, and of slices, since the stream began."""
        return self._taken + self.batch.changes

    @property
    def oldest_commit(self) -> int:
        """Commit time of the oldest transaction here, 0 for none or unknown."""
        return self.batch.first_commit or self._commit_time

    def begin(self, final_lsn: int, commit_time: int, xid: int) -> list[Change] | None:
        """Where to put the transaction's changes; None when the target has them already.

        Parameters as of ``Begin``.

        :raises ProtocolError: inside a transaction.
        :raises LineReachedError: it committed after the position to stop at.
        """
        if self.in_transaction:
            raise _out_of_order("BEGIN inside a transaction")
        if 0 < self._until <= final_lsn:
            self.stop_at(final_lsn)
        self.in_transaction = True
        self._commit_time, self._xid = commit_time, xid
        # The commit record of anything applied ends at or before the progress.
        return None if 0 < final_lsn < self._progress else self._changes

    def stop_at(self, lsn: int) -> None:
        """:raises LineReachedError: whatever comes from this position on is not wanted."""
        if 0 < self._until <= lsn:
            raise LineReachedError("Everything before the position to stop at is here.")

    def expect_transaction(self) -> None:
        """:raises ProtocolError: outside a transaction."""
        if not self.in_transaction:
            raise _out_of_order("a row change outside a transaction")

    def received(self, size: int) -> None:
        """Say how many bytes came since last time; hands over a slice if it is time."""
        self.batch.size += size
        if not self.in_transaction:
            return
        self._size += size
        changes = len(self._changes) - self._whole
        limits = self._limits
        if changes and (changes >= limits.changes or weight(self._size, changes) >= limits.weight):
            self._slice()

    def message(self, message: LogicalMessage) -> None:
        if message.prefix == MESSAGE_PREFIX and message.transactional:
            self._nonce = message.content.decode("utf-8", "replace")

    def commit(self, end: int, commit_time: int) -> None:
        """Parameters as of ``Commit``.

        :raises ProtocolError: outside a transaction.
        """
        if not self.in_transaction:
            raise _out_of_order("COMMIT outside a transaction")
        if 0 < self._until < end:
            # The start of its commit record is not known with test_decoding.
            self.stop_at(end)
        if self._nonce is not None:
            self._remember(self._nonce, end)
        whole = self._whole
        found = len(self._changes) - whole
        if not found and not self._sliced:
            self._remember(self._xid, end)
        self.received_lsn, self.newest_commit = end, commit_time
        if end > self._progress:
            self._whole = whole + found
            batch = self.batch
            batch.changes += found
            batch.lsn = end
            batch.commit_time = commit_time
            batch.transactions += 1
            if not batch.first_commit:
                batch.first_commit = self._commit_time or commit_time
            limits = self._limits
            few = batch.transactions == limits.together and end <= limits.together_until
            if few or self._sliced:
                self._sliced = False
                self._hand_over(self.take())
            elif whole >= _WORTH_COLLAPSING:
                self._collapse()
        elif self._sliced:
            raise _out_of_order("a large transaction that had been applied already")
        else:
            del self._changes[whole:]
        self._nonce = None
        self.in_transaction = False
        self._commit_time = self._size = 0

    def take(self) -> Batch:
        """The whole transactions so far; a new batch begins.

        :raises MigrationError: a change contradicts one before.
        """
        self._collapse()
        batch, self.batch = self.batch, Batch()
        self._taken += batch.changes
        return batch

    def _slice(self) -> None:
        """Hand over what came before the transaction, then a part of it."""
        if not self._sliced:
            if self.batch.transactions:
                self._hand_over(self.take())
            self._sliced = True
        batch = self.batch
        batch.first_commit = self._commit_time
        batch.changes = self._whole = len(self._changes)
        self._size = 0
        self._hand_over(self.take())

    def _collapse(self) -> None:
        changes, whole = self._changes, self._whole
        self._whole = 0
        if whole == len(changes):
            self.batch.collapse(changes)
            changes.clear()
        else:
            self.batch.collapse(changes[:whole])
            del changes[:whole]

    def _remember(self, name: str | int, lsn: int) -> None:
        self.marks[name] = Mark(lsn, self.received_changes)
        if len(self.marks) > _MARKS:
            self.marks.popitem(last=False)


def _out_of_order(what: str) -> ProtocolError:
    return ProtocolError(
        f"The source sent {what}.", "Restart the task; report it if it comes again."
    )
