"""Run one PostgreSQL server and see that it never outlives the process that wanted it.

Owns: the lifetime of one postmaster. Runs as a script of its own (``python guard.py SPEC``),
stdlib only. It leaves the terminal's session, so Ctrl-C reaches the parent alone; when the
parent is gone, however it went, the server is stopped and its directory removed.

SPEC is JSON: ``command``, ``log``, ``uid``/``gid`` (null: ourselves), ``scratch`` (directories
to remove when the parent died without doing so).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 10


def main() -> int:
    spec: dict[str, Any] = json.loads(sys.argv[1])
    parent = os.getppid()
    account: dict[str, Any] = {}
    if spec["uid"] is not None:
        account = {"user": spec["uid"], "group": spec["gid"], "extra_groups": []}
    with Path(spec["log"]).open("ab") as log:
        # preexec_fn is safe here: this process has one thread. The death signal is tied to the
        # parent *thread*, which is why the server is not a child of the test process itself.
        server = subprocess.Popen(
            spec["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=_die_with_parent,  # noqa: PLW1509
            **account,
        )
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(_end(server)))
    print(server.pid, flush=True)  # noqa: T201 - the parent reads it
    while server.poll() is None:
        if _orphaned(parent):
            code = _end(server)
            for directory in spec["scratch"]:
                shutil.rmtree(directory, ignore_errors=True)
            return code
    return int(server.returncode)


def _orphaned(parent: int) -> bool:
    """Wait a moment; True once the parent is gone.

    Its end of our stdin closes with it, unless a child it forked still holds that open: then
    our own parent has changed.
    """
    ready, _, _ = select.select([sys.stdin], [], [], 0.1)
    if ready and not os.read(sys.stdin.fileno(), 1):
        return True
    return os.getppid() != parent


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _end(server: subprocess.Popen[bytes]) -> int:
    with contextlib.suppress(ProcessLookupError):
        server.send_signal(signal.SIGQUIT)
    try:
        return server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()


if __name__ == "__main__":
    sys.exit(main())
