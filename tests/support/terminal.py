"""A program on a terminal of its own: what it writes, and a Ctrl-C at the right moment."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_PATIENCE = 60.0


@dataclass(frozen=True)
class Seen:
    """Everything a program wrote to its terminal, control sequences included."""

    code: int
    text: str


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    interrupt_after: str | None = None,
    size: tuple[int, int] = (30, 110),
) -> Seen:
    """Run it on a terminal of ``size`` (lines, columns).

    :param interrupt_after: press Ctrl-C once this was written.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    process = subprocess.Popen(
        command,
        env={**_without_size(environment), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_own_terminal,  # noqa: PLW1509 - it takes no locks
    )
    os.close(theirs)
    try:
        text = _read(ours, interrupt_after)
        return Seen(process.wait(_PATIENCE), text)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _without_size(environment: Mapping[str, str]) -> dict[str, str]:
    """Else the size of the terminal the tests were started from counts."""
    return {name: each for name, each in environment.items() if name not in {"COLUMNS", "LINES"}}


def _own_terminal() -> None:
    """Make standard input the controlling terminal, so that Ctrl-C reaches the program."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Whoever was started in the background of a shell without job control ignores it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _read(terminal: int, interrupt_after: str | None) -> str:
    deadline = time.monotonic() + _PATIENCE
    content = b""
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        chunk = b""
        with contextlib.suppress(OSError):  # the other end is closed
            chunk = os.read(terminal, 65536)
        if not chunk:
            return content.decode("utf-8", "replace")
        content += chunk
        if interrupt_after is not None and interrupt_after.encode() in content:
            interrupt_after = None
            os.write(terminal, b"\x03")
    raise TimeoutError(content.decode("utf-8", "replace")[-2000:])
