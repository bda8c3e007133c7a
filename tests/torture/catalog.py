"""The faults by name: when each makes sense, how often it is drawn, whether it must be the end.

Owns the table alone; ``faults`` holds what they do.
"""

from __future__ import annotations

from dataclasses import dataclass

_ALL = frozenset(
    {"validating", "preparing", "loading", "building", "streaming", "ready", "cutover",
     "cancelling"}
)  # fmt: skip
_BUSY = _ALL - {"validating"}
_LATE = frozenset({"loading", "building", "streaming", "ready", "cutover"})
_STREAM = frozenset({"streaming", "ready", "cutover"})
# The moments a lock on the target can keep from passing, and the seconds over which the fault
# is spread after a moment was seen.
HOLDABLE = frozenset({"building", "cutover"})
SPREAD = {"validating": 0.8, "preparing": 0.15, "loading": 0.3, "building": 0.1, "cutover": 0.4}


@dataclass(frozen=True)
class Entry:
    """One kind of fault.

    :param terminal: nothing can mend it: the task must end FAILED and say why.
    :param needs: ``root`` for what only root can do.
    :param alone: it is done to one database; others of the task must not notice.
    :param one: and to no more than one at a time.
    :param first: never behind another fault: what it must come to is only known of a worker that
        is well.
    """

    moments: frozenset[str]
    weight: float = 1.0
    terminal: bool = False
    needs: str = ""
    alone: bool = False
    one: bool = False
    first: bool = False


FAULTS: dict[str, Entry] = {
    # -- processes
    "kill worker": Entry(_ALL, 4, alone=True),
    "kill worker again and again": Entry(_BUSY, 1, alone=True),
    "kill supervisor": Entry(_ALL, 3),
    "reboot": Entry(_ALL, 4),
    "freeze beyond wal_sender_timeout": Entry(_LATE, 2, alone=True),
    "stop and start the service": Entry(_BUSY - {"cancelling"}, 1.5),
    "second supervisor": Entry(_LATE | {"preparing"}, 1),
    # Behind another fault it may find the first machine gone, take over and cut over: rightly so.
    "second machine": Entry(_LATE, 1, first=True),
    # -- sessions
    "terminate copy": Entry(frozenset({"loading"}), 4, alone=True),
    "terminate walsender": Entry(_LATE | {"preparing"}, 3, alone=True),
    "terminate apply": Entry(_STREAM, 3, alone=True),
    "terminate snapshot holder": Entry(frozenset({"loading"}), 3, alone=True),
    "terminate all on the source": Entry(_ALL, 2, alone=True),
    "terminate all on the target": Entry(_ALL, 2, alone=True),
    "terminate in a storm": Entry(_ALL, 2, alone=True),
    # -- servers
    "crash source": Entry(_ALL, 3),
    "crash target": Entry(_ALL, 3),
    "crash target at COMMIT": Entry(_ALL - {"validating"}, 3),
    "crash target in a row": Entry(_STREAM | {"loading"}, 1.5),
    "crash both": Entry(_ALL, 1),
    "source down for a while": Entry(_BUSY, 1),
    "target down for a while": Entry(_BUSY, 1),
    # -- network
    "cut source": Entry(_ALL, 2),
    "cut target": Entry(_ALL, 2),
    "reset both": Entry(_ALL, 1),
    "network gone": Entry(_ALL, 2),
    "stall": Entry(_ALL, 2),
    "half-open source": Entry(_BUSY, 1),
    "half-open target": Entry(_BUSY, 1),
    "lose a COMMIT reply": Entry(_ALL - {"validating"}, 5),
    # -- disks
    "target disk full": Entry(_LATE, 2, needs="root", alone=True, one=True),
    "state disk full": Entry(_LATE, 2, needs="root"),
    # -- locks
    "lock on the target": Entry(_BUSY, 2, alone=True),
    "deadlock on the target": Entry(_LATE, 2, alone=True),
    "lock on the source": Entry(frozenset({"preparing", "loading"}), 1, alone=True),
    "open transaction on the source": Entry(frozenset({"validating", "preparing"}), 1),
    "prepared transaction on the source": Entry(frozenset({"validating", "preparing"}), 1),
    # -- our own files
    "corrupt state file": Entry(_LATE, 1),
    "newer state file": Entry(_LATE, 1),
    # -- the end
    "slot dropped": Entry(
        frozenset({"loading", "building", "streaming", "ready"}), 2, True, alone=True, one=True
    ),
    "slot invalidated": Entry(frozenset({"streaming", "ready"}), 1, True),
}
