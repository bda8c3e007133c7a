"""What each fault does. Every one ends with the world mended, except the terminal ones.

A fault answers whether it hit anything: a session that was not there cannot be terminated.
Owns the damage; ``catalog`` says when it makes sense, ``case`` goes on afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.torture.faults import (
    disks,
    files,
    locks,
    network,
    processes,
    servers,
    sessions,
    slots,
)

if TYPE_CHECKING:
    from tests.torture.case import Case

DO: dict[str, Callable[[Case], bool]] = {
    "kill worker": processes.kill_worker,
    "kill worker again and again": processes.kill_worker_again,
    "kill supervisor": processes.kill_supervisor,
    "reboot": processes.reboot,
    "freeze beyond wal_sender_timeout": processes.freeze,
    "stop and start the service": processes.stop_and_start,
    "second supervisor": processes.second_supervisor,
    "second machine": processes.second_machine,
    "terminate copy": sessions.terminate_copy,
    "terminate walsender": sessions.terminate_walsender,
    "terminate apply": sessions.terminate_apply,
    "terminate snapshot holder": sessions.terminate_snapshot_holder,
    "terminate all on the source": sessions.terminate_source,
    "terminate all on the target": sessions.terminate_target,
    "terminate in a storm": sessions.terminate_storm,
    "crash source": servers.crash_source,
    "crash target": servers.crash_target,
    "crash target at COMMIT": servers.crash_target_at_commit,
    "crash target in a row": servers.crash_target_often,
    "crash both": servers.crash_both,
    "source down for a while": servers.source_down,
    "target down for a while": servers.target_down,
    "cut source": network.cut_source,
    "cut target": network.cut_target,
    "reset both": network.reset_both,
    "network gone": network.network_gone,
    "stall": network.stall,
    "half-open source": network.half_open_source,
    "half-open target": network.half_open_target,
    "lose a COMMIT reply": network.lose_commit,
    "target disk full": disks.target_disk_full,
    "state disk full": disks.state_disk_full,
    "lock on the target": locks.lock_target,
    "deadlock on the target": locks.deadlock_target,
    "lock on the source": locks.lock_source,
    "open transaction on the source": locks.open_transaction,
    "prepared transaction on the source": locks.prepared_transaction,
    "corrupt state file": files.corrupt_state,
    "newer state file": files.newer_state,
    "slot dropped": slots.drop_slot,
    "slot invalidated": slots.invalidate_slot,
}
