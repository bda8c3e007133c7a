"""From decoded messages to batches: whole transactions, or slices of one that is too large.

A transaction is held aside until its COMMIT, so that an error in its middle leaves the batch with
nothing but whole transactions before it. Owns the counting; knows no connection and no plugin.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azext_dms_pg.engine.batch import Batch, Change, Emptied
from azext_dms_pg.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.postgres.changes import Begin, Commit, LogicalMessage

# A Python object for every row costs about this much beside its bytes.
_WEIGHT_OF_A_CHANGE = 300
# Fences are watched for right after they were written; older ones may be forgotten.
_MARKS = 10_000
MESSAGE_PREFIX = "dms_pg"


@dataclass(frozen=True)
class Limits:
    """:param changes: a transaction with more is applied in slices of so many.

    :param weight: the same in bytes of memory.
    """

    changes: int
    weight: int


@dataclass(frozen=True)
class Mark:
    """A transaction that may be a fence: where it ends, and changes seen before it."""

    lsn: int
    changes: int


class Assembler:
    """:param progress: the target has everything that was committed up to here.

    :param hand_over: takes a slice of a large transaction; waits until it may.
    """

    def __init__(self, progress: int, limits: Limits, hand_over: Callable[[Batch], None]) -> None:
        self._progress = progress
        self._limits = limits
        self._hand_over = hand_over
        self._begin: Begin | None = None
        self._skipping = False
        self._changes: list[Change | Emptied] = []
        self._weight = 0
        self._sliced = False
        self._nonce: str | None = None
        self._touched = False
        self.batch = Batch()
        self.received_changes = 0
        self.received_lsn = progress
        self.marks: OrderedDict[str | int, Mark] = OrderedDict()

    @property
    def in_transaction(self) -> bool:
        return self._begin is not None

    @property
    def skipping(self) -> bool:
        """Whether the transaction's changes are on the target already."""
        return self._skipping

    @property
    def oldest_commit(self) -> int:
        """Commit time of the oldest transaction here, 0 for none or unknown."""
        if self.batch.first_commit:
            return self.batch.first_commit
        return self._begin.commit_time if self._begin is not None else 0

    def begin(self, begin: Begin) -> None:
        """:raises ProtocolError: inside a transaction."""
        if self._begin is not None:
            raise _out_of_order("BEGIN inside a transaction")
        self._begin = begin
        # The commit record of anything applied ends at or before the progress.
        self._skipping = 0 < begin.final_lsn < self._progress

    def change(self, change: Change | Emptied, size: int) -> None:
        """:raises ProtocolError: outside a transaction."""
        if self._begin is None:
            raise _out_of_order("a row change outside a transaction")
        self._touched = True
        self.received_changes += 1
        self._changes.append(change)
        self._weight += size + _WEIGHT_OF_A_CHANGE
        if len(self._changes) >= self._limits.changes or self._weight >= self._limits.weight:
            self._slice()

    def message(self, message: LogicalMessage) -> None:
        if message.prefix == MESSAGE_PREFIX and message.transactional:
            self._nonce = message.content.decode("utf-8", "replace")

    def commit(self, commit: Commit) -> None:
        """:raises ProtocolError: outside a transaction."""
        begin = self._begin
        if begin is None:
            raise _out_of_order("COMMIT outside a transaction")
        mark = Mark(commit.end_lsn, self.received_changes)
        if self._nonce is not None:
            self._remember(self._nonce, mark)
        if not self._touched:
            self._remember(begin.xid, mark)
        self.received_lsn = commit.end_lsn
        if commit.end_lsn > self._progress:
            self._complete(begin, commit)
        elif self._sliced:
            raise _out_of_order("a large transaction that had been applied already")
        self._begin = self._nonce = None
        self._skipping = self._sliced = self._touched = False
        self._changes, self._weight = [], 0

    def take(self) -> Batch:
        """The batch so far; a new one begins."""
        batch, self.batch = self.batch, Batch()
        return batch

    def _complete(self, begin: Begin, commit: Commit) -> None:
        batch = self.batch
        batch.add(self._changes, self._weight)
        batch.lsn = commit.end_lsn
        batch.commit_time = commit.commit_time
        batch.transactions += 1
        if not batch.first_commit:
            batch.first_commit = begin.commit_time or commit.commit_time
        if self._sliced:
            self._hand_over(self.take())

    def _slice(self) -> None:
        """Hand over what came before the transaction, then a part of it."""
        if not self._sliced:
            if self.batch.transactions:
                self._hand_over(self.take())
            self._sliced = True
        batch = self.take()
        batch.first_commit = self._begin.commit_time if self._begin is not None else 0
        batch.add(self._changes, self._weight)
        self._changes, self._weight = [], 0
        self._hand_over(batch)

    def _remember(self, name: str | int, mark: Mark) -> None:
        self.marks[name] = mark
        if len(self.marks) > _MARKS:
            self.marks.popitem(last=False)


def _out_of_order(what: str) -> ProtocolError:
    return ProtocolError(
        f"The source sent {what}.", "Restart the task; report it if it comes again."
    )
