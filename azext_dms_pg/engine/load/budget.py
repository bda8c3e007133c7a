"""How much several processes may do at a time: copy slots and bytes a second.

A slot is an flock on one of N files. The kernel lets go of it when its holder dies, however it
dies, so nothing is ever to be cleaned up; and flock counts per open file, so the threads of one
process compete as fairly as processes do. The rate is one number in a locked file: the time at
which everything promised so far will have been sent.

Owns the files of one directory. Knows no task and no server.
"""

from __future__ import annotations

import fcntl
import os
import random
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from azext_dms_pg.errors import Interrupted
from azext_dms_pg.state.paths import open_private

_TRY_AGAIN = 0.05
_NAP = 0.2
# Unused allowance is kept for this long (seconds), so that a hiccup costs no speed.
_BURST = 0.25
_CLOCK = struct.Struct("d")
# Its own: the state of the random module belongs to whoever else is in the process.
_RANDOM = random.Random()  # noqa: S311 - spreads, hides nothing


class Budget:
    """N slots, shared by every process that names the same directory.

    :param directory: created when missing, private to the user.
    :param slots: how many holders this process allows; others may allow more or fewer.
    """

    def __init__(self, directory: Path, slots: int) -> None:
        self._directory = directory
        self.slots = slots
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def slot(self, stopping: Callable[[], bool]) -> Iterator[None]:
        """Hold one slot, waiting for it as long as it takes.

        :raises Interrupted: ``stopping()`` turned true meanwhile.
        """
        held = self._take(stopping)
        try:
            yield
        finally:
            os.close(held)

    def throttle(self, rate: int, stopping: Callable[[], bool]) -> Throttle:
        """One allowance for all who name this directory and rate."""
        return Throttle(self._directory / f"rate-{rate}", rate, stopping)

    def _take(self, stopping: Callable[[], bool]) -> int:
        while True:
            order = list(range(self.slots))
            _RANDOM.shuffle(order)  # not everybody at the same file
            for number in order:
                held = _open(self._directory / f"slot-{number}")
                if _try_lock(held):
                    return held
                os.close(held)
            if stopping():
                raise Interrupted("A stop was asked for while waiting to copy.")
            time.sleep(_TRY_AGAIN)


class Throttle:
    """At most ``rate`` bytes a second over all processes; 0 is no limit."""

    def __init__(self, path: Path, rate: int, stopping: Callable[[], bool]) -> None:
        self._path = path
        self._rate = rate
        self._stopping = stopping

    def spend(self, size: int) -> None:
        """Take ``size`` bytes of the allowance and sleep until they may be gone.

        :raises Interrupted: ``stopping()`` turned true meanwhile.
        """
        if self._rate <= 0:
            return
        until = self._book(size / self._rate)
        while (left := until - time.time()) > 0:
            if self._stopping():
                raise Interrupted("A stop was asked for while keeping to the rate.")
            time.sleep(min(left, _NAP))

    def _book(self, seconds: float) -> float:
        """Add to the promised time; returns when this share of it is over."""
        handle = _open(self._path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            now = time.time()  # unlike the monotonic clock it goes on over a reboot
            written = os.pread(handle, _CLOCK.size, 0)
            promised = _CLOCK.unpack(written)[0] if len(written) == _CLOCK.size else now
            # Nobody books an hour ahead: then the clock was set back.
            if not now - _BURST <= promised <= now + 3600:
                promised = now - _BURST
            promised += seconds
            os.pwrite(handle, _CLOCK.pack(promised), 0)
            return promised
        finally:
            os.close(handle)


def _open(path: Path) -> int:
    return open_private(path, os.O_RDWR)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
