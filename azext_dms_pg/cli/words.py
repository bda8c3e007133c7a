"""Numbers as people read them: durations, counts, sizes, curves. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Stands where there is nothing to say.
DASH = "\N{EN DASH}"

_BARS = "▁▂▃▄▅▆▇█"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_KILO = 1024
_UNITS = ("kB", "MB", "GB", "TB")


def duration(seconds: float) -> str:
    """``0.4s``, ``42s``, ``2m05s``, ``3h07m``, ``2d04h``."""
    if seconds < 10:  # noqa: PLR2004 - tenths are worth reading below that
        return f"{seconds:.1f}s"
    if seconds < _MINUTE:
        return f"{seconds:.0f}s"
    whole = int(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR:02}h"


def lag(seconds: float) -> str:
    """A lag: the service reports whole seconds, and none at all is the good news."""
    return "0s" if seconds == 0 else duration(seconds)


def count(number: float) -> str:
    """``950``, ``12,345``, ``1.23M``: exact as long as that is short."""
    if number < 1_000_000:  # noqa: PLR2004 - seven digits are hard to read
        return f"{number:,.0f}"
    for limit, unit in ((1e9, "M"), (1e12, "G"), (1e15, "T")):
        if number < limit:
            return f"{number / (limit / 1000):.2f}{unit}"
    return f"{number:.3g}"


def size(number: float) -> str:
    """``512 B``, ``3.4 MB``; powers of 1024, as PostgreSQL's pg_size_pretty has them."""
    if number < _KILO:
        return f"{number:.0f} B"
    power = min(int(math.log(number, _KILO)), len(_UNITS))
    return f"{number / _KILO**power:.1f} {_UNITS[power - 1]}"


def sparkline(values: Sequence[float], width: int) -> str:
    """The newest ``width`` values as bars; the highest of them is a full bar."""
    shown = list(values)[-width:]
    top = max(shown, default=0.0)
    if top <= 0:
        return _BARS[0] * len(shown)
    return "".join(_BARS[min(int(value / top * len(_BARS)), len(_BARS) - 1)] for value in shown)


def plural(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
