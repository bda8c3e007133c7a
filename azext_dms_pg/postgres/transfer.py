"""What one COPY from source to target is, and the pace it goes at: types only.

``splice.py`` and ``copy.py`` are the two ways to do it; both keep to these. Knows neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Side = Literal["source", "target"]

# Longest time a wait for either server lasts without the pace being asked.
TICK = 0.2


@dataclass(frozen=True)
class Copy:
    """A pair of statements: what one writes the other reads.

    :param out: ``COPY … TO STDOUT`` for the source.
    :param into: ``COPY … FROM STDIN`` for the target, same columns, same format.
    """

    out: bytes
    into: bytes


@dataclass(frozen=True)
class Moved:
    """What one COPY carried; both servers counted the same rows."""

    rows: int
    bytes: int


class Pace(Protocol):
    """Who decides whether and how fast a transfer goes on."""

    def moved(self, size: int) -> None:
        """``size`` more bytes are on their way; may sleep to keep to a rate.

        :raises Interrupted: the transfer shall end now.
        """

    def waiting(self, side: Side) -> None:
        """Nothing has moved for another ``TICK``, because of that side.

        :raises Interrupted: the transfer shall end now.
        :raises ServerError: that side will never go on.
        """
