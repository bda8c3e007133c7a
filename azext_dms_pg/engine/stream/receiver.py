"""The receiver: reads the slot, collapses what came, hands batches over, acknowledges.

Runs in a thread of its own, so that the source hears from us however long a statement on the
target takes (hazard 10). What it acknowledges is what the target has durably, nothing else
(hazard 8): a position from a keepalive goes through the target's progress like any commit.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from azext_dms_pg.engine.changes.batch import Batch
from azext_dms_pg.engine.faults import (
    BinaryImpossibleError,
    LineReachedError,
    SchemaDriftError,
)
from azext_dms_pg.engine.stream.assembler import Assembler, Limits
from azext_dms_pg.errors import Interrupted, ServerError
from azext_dms_pg.postgres import walsender
from azext_dms_pg.postgres.follow import ReplicationStream
from azext_dms_pg.postgres.liveness import lost
from azext_dms_pg.postgres.wal_end import WalEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from azext_dms_pg.engine.changes.handoff import Handoff
    from azext_dms_pg.engine.stream.feeds import Feed

# Longest wait for the stream; also how late a small change may be noticed.
_TICK = 0.05
_REPORT_EVERY = 0.25
"""wal_sender_timeout may be as short as a second."""
_ASK_EVERY = 0.5
_ROOM_PAUSE = 0.1
# The source has more, we wait for it, and it does not say a word about it.
_STUCK_AFTER = 5.0
# A walsender that was asked and said nothing for so long is looked at from another session.
_SILENT_AFTER = 10.0
# One that is seen this often waiting for us, or for WAL, has been cut off from us.
_SIGHTINGS = 3
# Of its waits, these are over as soon as something arrives.
_IDLE_WAITS = ("Client ", "Activity ")
# An idle database on a busy cluster: its slot moves on this often (hazard 11).
_IDLE_PROGRESS = 5.0
# Once this much is collapsed, the rest waits at the source.
MAX_WEIGHT = 96 << 20
SLICE_WEIGHT = 48 << 20


class Receiver:
    """Feeds one handoff from one stream.

    :param progress: where the target stands.
    :param applied: asks where it stands now.
    :param patience: seconds a received commit may wait for company.
    :param until: position at which to stop; 0 to go on for ever.
    :param together: most transactions a batch may hold (0: any number), and up to which position.
    """

    def __init__(
        self,
        handoff: Handoff,
        progress: int,
        applied: Callable[[], int],
        changes: int,
        patience: float,
        until: int = 0,
        together: tuple[int, int] = (0, 0),
    ) -> None:
        self._handoff = handoff
        self._applied = applied
        self._enough = changes
        self._patience = patience
        limits = Limits(changes, SLICE_WEIGHT, *together)
        self.assembler = Assembler(progress, limits, self._must_put, until)
        self._stream: ReplicationStream | None = None
        self._wal_end: WalEnd | None = None
        self._reported = 0.0
        self._since: float | None = None
        self._idle_since = 0.0
        self.received_lsn = progress
        self.clock_offset = 0
        """Microseconds our clock is ahead of the source's."""
        self._safe = progress
        """Everything before it has been sent; known from keepalives."""
        self._seen = progress
        self._moved = self._heard_at = time.monotonic()
        self._sightings = 0
        self.server_lsn = progress
        self.behind_since: float | None = time.monotonic()
        """Since when the source is known to have more than we applied."""

    def run(self, stream: ReplicationStream, wal_end: WalEnd, feed: Feed) -> None:
        """Return when the handoff is closed; hand every error to it after what is whole."""
        self._stream, self._wal_end = stream, wal_end
        try:
            while not self._handoff.closed:
                self._round(stream, wal_end, feed)
        except Interrupted:
            return
        except BaseException as error:  # noqa: BLE001 - travels to the thread that asks
            self._give_up(error)

    def _round(self, stream: ReplicationStream, wal_end: WalEnd, feed: Feed) -> None:
        data = stream.read(_TICK)
        if stream.recent:
            self._heard_at, self._sightings = time.monotonic(), 0
        if data:
            self.assembler.received(self._take(data, stream, feed))
        self._report()
        if wal_end.poll(_ASK_EVERY):
            self.server_lsn = max(self.server_lsn, wal_end.known)
            self._judge(wal_end.known)
            self._push_on(wal_end)
            self._suspect(stream, wal_end)
        self._offer(drained=not data)

    def _take(self, data: bytes, stream: ReplicationStream, feed: Feed) -> int:
        """Pass messages on; how many bytes of them were whole."""
        at = 0
        while at < len(data):
            begun, at = at, feed.take(data, at)
            if at > begun:
                self._heard(walsender.header(data, begun + walsender.FRAME))
            if at < len(data):
                begun = at
                at, keepalive = stream.apart(data, at)
                if keepalive is not None:
                    self._keepalive(keepalive)
                elif at == begun:
                    break
        return at

    # -- what the source says ----------------------------------------------------------------

    def _heard(self, header: walsender.Header) -> None:
        self.received_lsn = max(self.received_lsn, header.wal_end, self.assembler.received_lsn)
        self.clock_offset = time.time_ns() // 1000 - header.server_time

    def _keepalive(self, keepalive: walsender.Keepalive) -> None:
        self.clock_offset = time.time_ns() // 1000 - keepalive.server_time
        if not self.assembler.in_transaction:
            self._safe = max(self._safe, keepalive.wal_end)
            self.received_lsn = max(self.received_lsn, keepalive.wal_end)
            self.assembler.stop_at(keepalive.wal_end)
        if keepalive.reply:
            self._reported = 0.0

    def _judge(self, wal_end: int) -> None:
        """Whether we had everything when the source last said where its WAL ends."""
        if self.settled and max(self._safe, self.assembler.received_lsn) >= wal_end:
            self.behind_since = None
        elif self.behind_since is None:
            self.behind_since = time.monotonic()

    def _push_on(self, wal_end: WalEnd) -> None:
        """Have the source write something when its walsender seems to wait for that (hazard 26)."""
        seen, now = max(self._safe, self.received_lsn), time.monotonic()
        if seen != self._seen or self.behind_since is None:
            self._seen, self._moved = seen, now
        elif self.settled and now - self._moved > _STUCK_AFTER:
            self._moved = now
            wal_end.push()

    def _suspect(self, stream: ReplicationStream, wal_end: WalEnd) -> None:
        """Notice a stream that will never go on: what we ask it, or what it says, gets lost.

        :raises ServerError: (retryable) it is such.
        """
        asked = self.behind_since is not None and self.settled
        if not asked or time.monotonic() - self._heard_at < _SILENT_AFTER:
            wal_end.suspect(0)
            return
        if wal_end.walsender is None or wal_end.walsender.startswith(_IDLE_WAITS):
            self._sightings += 1
        if self._sightings >= _SIGHTINGS:
            raise lost("source", f"its walsender waits for {wal_end.walsender or 'nobody'}")
        wal_end.suspect(stream.pid)

    @property
    def unheard(self) -> float:
        """Seconds since the source has last told how far it is."""
        return 0.0 if self._wal_end is None else time.monotonic() - self._wal_end.answered

    @property
    def settled(self) -> bool:
        """Nothing received is unapplied."""
        return (
            self._handoff.idle
            and not self.assembler.in_transaction
            and not self.assembler.batch.transactions
        )

    @property
    def oldest_commit(self) -> int:
        """Commit time of the oldest transaction that is not applied, 0 for none or unknown."""
        batch = self._handoff.oldest()
        if batch is not None and batch.first_commit:
            return batch.first_commit
        return self.assembler.oldest_commit

    # -- what we say ---------------------------------------------------------------------------

    def _report(self) -> None:
        now = time.monotonic()
        if self._stream is not None and now - self._reported >= _REPORT_EVERY:
            self._reported = now
            # While we seem to be behind, ask for a keepalive: it may say that nothing is left.
            answer = self.behind_since is not None and self.settled
            self._stream.report(self.received_lsn, self._applied(), answer=answer)

    # -- what goes to the applier --------------------------------------------------------------

    def _offer(self, *, drained: bool) -> None:
        batch, now = self.assembler.batch, time.monotonic()
        if batch.transactions:
            self._idle_since = now
            self._since = now if self._since is None else self._since
            full = batch.changes >= self._enough
            ripe = drained or full or now - self._since >= self._patience
            if (ripe and self._handoff.idle) or batch.weight >= MAX_WEIGHT:
                self._must_put(self.assembler.take())
                self._since = None
        elif not self.settled:
            self._idle_since = now
        elif now - self._idle_since >= _IDLE_PROGRESS and self._safe > self._applied():
            self._idle_since = now
            self._must_put(Batch(lsn=self._safe))

    def _must_put(self, batch: Batch) -> None:
        """Wait for room, telling the source meanwhile that we live."""
        while not self._handoff.put(batch, _ROOM_PAUSE):
            self._report()
        if self._handoff.closed:
            raise Interrupted("The follower was closed.")

    def _give_up(self, error: BaseException) -> None:
        """Let the applier finish the whole transactions we have, then raise the error.

        Only after errors that cannot have come from the middle of collapsing.
        """
        if isinstance(
            error, (SchemaDriftError, BinaryImpossibleError, LineReachedError, ServerError)
        ):
            batch = self.assembler.take()
            while batch.transactions and not self._handoff.put(batch, _ROOM_PAUSE):
                if self._handoff.closed:
                    return
        self._handoff.fail(error)
