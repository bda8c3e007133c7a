"""Rows from one server's byte stream into the other's, beneath libpq.

CopyData messages are the same in both directions, so after libpq has authenticated both sessions
the bytes between "copy out begins" and "copy is done" can go from stream to stream as they are,
a megabyte a call: nine tenths less client CPU than taking single rows out of libpq. What is rows
and what is not, ``sieve.py`` knows, and why that is safe; how to reach the streams, with TLS or
without, ``channel.py`` knows.

After success both libpq connections are usable as before (each is where it was: idle in a
transaction). After any exception both must be closed: libpq does not know what went by.

Owns the two streams for the time of the call. Knows no tables.
"""

from __future__ import annotations

import re
import secrets
import select
from collections.abc import Sequence

from azext_dms_pg.errors import ServerError
from azext_dms_pg.postgres.channel import Channel
from azext_dms_pg.postgres.frames import ASYNCHRONOUS, frame_at, marker, query
from azext_dms_pg.postgres.sieve import Sieve, SpliceDoubtError
from azext_dms_pg.postgres.sqlstate import reported
from azext_dms_pg.postgres.transfer import TICK, Copy, Moved, Pace, Side

_BUFFER = 1 << 20
# A server sends 8 kB at a time; being woken for each costs it and us more than the bytes do.
_LOW_WATER = 1 << 18
# What stays below the mark, the end of the rows above all, is fetched when we look: so often
# while a tick passes, that is every 4 ms. Many small tables would feel it if it were rarer.
_LOOKS_A_TICK = 50
# A source that seems to have ended without saying so properly is believed after so many ticks.
_SILENT_TICKS = 5
_COUNTED = re.compile(rb"COPY ([0-9]{1,20})\x00")


def splice(
    source: Channel,
    target: Channel,
    copies: Sequence[Copy],
    pace: Pace,
) -> list[Moved]:
    """Run the copies in order, all in one Query on either side.

    Both sessions must be in a transaction. The channels are closed in the end.

    :raises SpliceDoubtError: the stream was not as expected; copy the rows through libpq.
    :raises ServerError: a server reported an error or is gone.
    :raises Interrupted: as the pace wished.
    """
    markers = [marker(secrets.token_hex(16)) for _ in copies]
    asked = b"; ".join(
        copy.out + b"; " + ask for copy, (ask, _) in zip(copies, markers, strict=True)
    )
    with _Stream(source, "source", pace) as rows, _Stream(target, "target", pace) as sink:
        source.wake_at(_LOW_WATER)
        sieve = Sieve([answer for _, answer in markers])
        answers = _Answers()
        sink.write(query(b"; ".join(copy.into for copy in copies)), answers)
        rows.write(query(asked), None)
        _pump(rows, sink, sieve, answers, pace)
        while not answers.finished:
            sink.read_into(answers)
    counted = [count for count, _ in sieve.counts]
    if answers.counts != counted:
        raise SpliceDoubtError(f"the source sent {counted} rows, the target took {answers.counts}")
    return [Moved(count, size) for count, size in sieve.counts]


def _pump(rows: _Stream, sink: _Stream, sieve: Sieve, answers: _Answers, pace: Pace) -> None:
    buffer = bytearray(_BUFFER)
    view = memoryview(buffer)
    filled = 0
    silent = 0
    while not sieve.finished:
        got = rows.read(view[filled:])
        if got == 0:
            sink.glance(answers)
            silent += 1
            if silent >= _SILENT_TICKS and sieve.looks_ended(buffer, filled):
                raise SpliceDoubtError("it ended without the expected marker")
            continue
        silent = 0
        filled += got
        ranges, done = sieve.take(buffer, filled)
        for start, end in ranges:
            sink.write(view[start:end], answers)
        sink.glance(answers)
        filled -= done
        # Never more than the sieve holds back, except for a small section it is still to search.
        buffer[:filled] = buffer[done : done + filled]
        if filled == len(buffer):
            raise SpliceDoubtError("more than a buffer full of bytes that are no rows")
        pace.moved(got)


class _Answers:
    """What the target says while it reads: a count for each COPY, or an error."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self.counts: list[int] = []
        self.finished = False

    def take(self, data: bytes) -> None:
        self._pending += data
        at = 0
        while (frame := frame_at(self._pending, at, len(self._pending))) is not None:
            payload = bytes(self._pending[frame.start : frame.end])
            at = frame.end
            kind = chr(frame.kind)
            if kind == "E":
                raise reported(payload, "target", "copying rows")
            if kind == "C" and (counted := _COUNTED.fullmatch(payload)):
                self.counts.append(int(counted[1]))
            elif kind == "Z" and payload == b"T":
                self.finished = True
            elif kind != "G" and frame.kind not in ASYNCHRONOUS:
                raise SpliceDoubtError(f"unexpected message {kind!r}", "target")
        del self._pending[:at]


class _Stream:
    """A channel, waited for a tick at a time."""

    def __init__(self, channel: Channel, side: Side, pace: Pace) -> None:
        self._side: Side = side
        self._pace = pace
        self._channel = channel
        self._heard = memoryview(bytearray(1 << 14))
        self._readable = select.poll()
        self._readable.register(channel, select.POLLIN)
        self._either = select.poll()
        self._either.register(channel, select.POLLIN | select.POLLOUT)

    def __enter__(self) -> _Stream:  # noqa: PYI034 - typing.Self is 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.wake_at(1)
        self._channel.close()

    def read(self, into: memoryview) -> int:
        """Bytes read; 0 when a tick passed without any.

        :raises ServerError: the server closed the connection.
        """
        looks = 0
        while True:
            try:
                got = self._channel.receive(into)
            except BlockingIOError:
                if looks == _LOOKS_A_TICK:
                    self._pace.waiting(self._side)
                    return 0
                if not self._readable.poll(TICK * 1000 / _LOOKS_A_TICK):
                    looks += 1
                continue
            except OSError as error:
                raise self._gone(str(error)) from error
            if got == 0:
                raise self._gone("it closed the connection")
            return got

    def write(self, data: bytes | memoryview, answers: _Answers | None) -> None:
        """Send everything; while the socket is full, listen for what the server has to say."""
        left = memoryview(data)
        while left:
            try:
                left = left[self._channel.send(left) :]
            except BlockingIOError:
                ready = self._either.poll(TICK * 1000)
                if not ready:
                    self._pace.waiting(self._side)
                elif answers is not None and ready[0][1] & ~select.POLLOUT:
                    self.glance(answers)
            except OSError as error:
                # What the server said before it hung up explains more than "broken pipe".
                if answers is not None:
                    self.glance(answers)
                raise self._gone(str(error)) from error

    def glance(self, answers: _Answers) -> None:
        """Take what the server has said already, if anything."""
        try:
            got = self._channel.receive(self._heard)
        except BlockingIOError:
            return
        except OSError as error:
            raise self._gone(str(error)) from error
        if not got:
            raise self._gone("it closed the connection")
        answers.take(bytes(self._heard[:got]))

    def read_into(self, answers: _Answers) -> None:
        """Wait up to a tick for what the server has to say."""
        got = self.read(self._heard)
        answers.take(bytes(self._heard[:got]))

    def _gone(self, why: str) -> ServerError:
        return ServerError(
            f"The {self._side} server was lost while copying rows: {why}.",
            f"See the {self._side} server's log; the part is copied again.",
            side=self._side,
            retryable=True,
        )
