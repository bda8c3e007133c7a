"""Look at and end trees of processes through /proc; the standard library has nothing for it.

Knows nothing of what the processes do.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path


def children(pid: int) -> list[int]:
    """Direct children of ``pid``."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # "pid (name with anything) state ppid …"
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.name))
    return found


def descendants(pid: int) -> list[int]:
    """All below ``pid``, parents before children."""
    found = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def kill_tree(pid: int) -> None:
    """SIGKILL ``pid`` and all below it, stopping it first so that no new child slips away."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    for number in (*descendants(pid), pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether it runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def command_line(pid: int) -> list[str]:
    """Its arguments; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def naming(path: Path) -> list[int]:
    """Processes that were given a path below ``path``: workers name their state directory."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
        and int(entry.name) != os.getpid()
        and any(str(path) in word for word in command_line(int(entry.name)))
        and alive(int(entry.name))
    ]


def end_all_naming(path: Path, seconds: float = 5) -> list[int]:
    """End those, politely at first; the ones there were."""
    found = naming(path)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in naming(path):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while naming(path) and time.monotonic() < deadline:
            time.sleep(0.05)
    return found
