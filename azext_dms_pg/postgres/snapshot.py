"""What CREATE_REPLICATION_SLOT hands out: a slot, and the snapshot exported at its start.

A pure value; ``replication.py`` makes it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SnapshotHandle:
    """A slot and the snapshot exported with it.

    :param consistent_lsn: ``consistent_point``; every commit after it comes through the stream.
    """

    slot: str
    snapshot: str
    consistent_lsn: int
