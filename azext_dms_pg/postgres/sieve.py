"""Telling the rows of a COPY from everything around them, without looking at the rows.

The source is sent ``COPY a TO STDOUT; SELECT 'nonce a'; COPY b TO STDOUT; SELECT 'nonce b'`` in
one Query and answers, for every COPY, with one *section*:

    H  d d d … d  c  C "COPY n"   T D "nonce" C "SELECT 1"        and after the last one: Z

The run ``d … d c`` is exactly what the target's COPY FROM STDIN wants to read, so it is handed on
as it came, however the chunks were cut. What makes that sound:

* The nonces are made of 16 random bytes each after the snapshot was taken, so no row of the
  snapshot can hold one. Where the answer to a nonce stands, the section has ended.
* Bytes are handed on only once ``HOLD`` further bytes have come, and what follows the rows is
  shorter than that: it can be examined whole before any of it is let through.
* The target parses every message. Should a byte too many come through (an error report in the
  middle of the rows, say), it refuses the COPY and its transaction rolls back.
* Rows are counted by both servers; ``splice.py`` compares.

Owns the cutting; pure. Knows no socket.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from azext_dms_pg.errors import ServerError
from azext_dms_pg.postgres.frames import ASYNCHRONOUS, COPY_DONE, Frame, frame_at
from azext_dms_pg.postgres.sqlstate import reported

# CopyDone, Complete, the marker's answer and ReadyForQuery take less than 180 bytes.
HOLD = 1024
_READY = re.compile(rb"Z\x00\x00\x00\x05[ITE]\Z")
# The last byte of the length says how long the tag is: 4 + len("COPY ") + digits + NUL.
_COUNTED = re.compile(rb"c\x00\x00\x00\x04C\x00\x00\x00(.)COPY ([0-9]{1,20})\x00\Z", re.DOTALL)


class SpliceDoubtError(ServerError):
    """The stream is not what was expected; nothing was committed, libpq shall do it again."""

    code = "SpliceDoubt"

    def __init__(self, found: str, side: str = "source") -> None:
        super().__init__(
            f"The {side}'s COPY stream could not be followed without parsing it: {found}.",
            "The part is copied again through libpq.",
            side=side,
            retryable=True,
        )


class Sieve:
    """Cuts a source's answers into what the target shall read and what is for us.

    :param answers: for each COPY, in order, the bytes its marker is answered with.
    """

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = answers
        self._section = 0
        self._in_rows = False
        self._size = 0
        self.counts: list[tuple[int, int]] = []
        self.finished = False

    def take(self, buffer: bytearray, filled: int) -> tuple[list[tuple[int, int]], int]:
        """Look at ``buffer[:filled]``, which starts where the last call stopped consuming.

        :returns: the ranges to hand on to the target, and how many bytes are done with.
        :raises ServerError: the source reported an error where messages are told apart.
        :raises SpliceDoubtError: something stands where it cannot.
        """
        ranges: list[tuple[int, int]] = []
        at = 0
        while not self.finished:
            if not self._in_rows:
                frame = frame_at(buffer, at, filled)
                if frame is None:
                    break
                self._between(frame, bytes(buffer[frame.start : frame.end]))
                at = frame.end
                continue
            found = self._end_of_section(buffer, at, filled)
            if found < 0:
                keep = max(at, filled - HOLD)
                if keep > at:
                    ranges.append((at, keep))
                    self._size += keep - at
                at = keep
                break
            end = self._count(buffer, at, found)
            ranges.append((at, end))
            at = found + len(self._answers[self._section])
            self._section += 1
            self._in_rows = False
        if self.finished and at < filled:
            raise SpliceDoubtError(f"{filled - at} bytes after the last message")
        return ranges, at

    def looks_ended(self, buffer: bytearray, filled: int) -> bool:
        """Whether the server may have stopped talking without the expected end (an error).

        Rows can look like it, so the caller asks only after a silence.
        """
        return self._in_rows and _READY.search(buffer[max(0, filled - 6) : filled]) is not None

    def _between(self, frame: Frame, payload: bytes) -> None:
        """One message outside the rows."""
        kind = chr(frame.kind)
        if frame.kind in ASYNCHRONOUS:
            return
        if kind == "E":
            raise reported(payload, "source", "copying rows")
        if kind == "H" and self._section < len(self._answers):
            self._in_rows = True
            self._size = 0
        elif kind == "Z" and self._section == len(self._answers) and payload == b"T":
            self.finished = True
        else:
            raise SpliceDoubtError(f"unexpected message {kind!r} in section {self._section}")

    def _end_of_section(self, buffer: bytearray, at: int, filled: int) -> int:
        """Where the marker's answer begins, or -1.

        Behind the last section there is nothing but ReadyForQuery, so a look at the tail will do,
        at the same cost for a chunk of any size. Earlier ones must be searched for; they are small.
        """
        answer = self._answers[self._section]
        if self._section < len(self._answers) - 1:
            return buffer.find(answer, at, filled)
        if not _READY.search(buffer[max(at, filled - 6) : filled]):
            return -1
        return buffer.rfind(answer, max(at, filled - HOLD), filled)

    def _count(self, buffer: bytearray, at: int, found: int) -> int:
        """Read the tag in front of the marker's answer; returns where the rows end."""
        before = bytes(buffer[max(at, found - 64) : found])
        match = _COUNTED.search(before)
        if match is None or match[1][0] != 10 + len(match[2]):
            raise SpliceDoubtError("no row count in front of the marker")
        end = found - (len(before) - match.start()) + len(COPY_DONE)
        self.counts.append((int(match[2]), self._size + end - at))
        return end
