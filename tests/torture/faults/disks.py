"""Small disks that fill up and are freed again (root only)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.torture.case import Case


def target_disk_full(case: Case) -> bool:
    disk = case.pair.tablespace()
    size = case.pair.target.log.stat().st_size
    disk.fill()
    time.sleep(case.random.uniform(1.5, 3.0))
    disk.free()
    with case.pair.target.log.open("rb") as log:
        log.seek(size)
        return b"No space left" in log.read()


def state_disk_full(case: Case) -> bool:
    disk = case.state_disk
    assert disk is not None
    # What show opens and writes (nothing) must go on; but a new file of SQLite's may not fit.
    disk.fill()
    time.sleep(case.random.uniform(1.5, 3.0))
    disk.free()
    return True
