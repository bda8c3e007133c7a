"""Commands run on a terminal of their own, and what the terminal showed, moment by moment.

Owns the pseudo-terminal and the clock. Knows nothing of migrations or pictures.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scenarios.demo.terminal import folded
from scenarios.recording.screen import Row, Screen

COLUMNS, LINES = 100, 27
FOLD = COLUMNS - 4
# A program that writes nothing for this long has drawn what it wanted to draw.
_QUIET = 0.12
_PROMPT = "\x1b[1;32m$\x1b[0m "


class CommandFailedError(RuntimeError):
    """A command of the session ended with an error."""


@dataclass(frozen=True)
class Frame:
    """What the terminal showed from one moment on, for so many seconds."""

    rows: tuple[Row, ...]
    seconds: float


class Tape:
    """A session being recorded.

    :param directory: where the commands run.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = {
            **{k: v for k, v in environment.items() if k not in {"NO_COLOR", "COLUMNS", "LINES"}},
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LC_ALL": "C.UTF-8",
        }
        self._screen = Screen(COLUMNS)
        self.frames: list[Frame] = []

    def run(self, command: str, *, hold: float, longest: float = 1.0) -> None:
        """Type a command, run it, and keep every picture of the terminal.

        :param hold: seconds its last picture stays.
        :param longest: seconds any other picture stays at most, whatever it did in truth.
        """
        self._screen.feed(_PROMPT + folded(command, FOLD).replace("\n", "\r\n") + "\r\n")
        self._keep(0.9)
        began = time.monotonic()
        for pause in self._output(command):
            self._keep(min(pause, longest))
            began = time.monotonic()
        self._keep(max(hold, min(time.monotonic() - began, longest)))

    def say(self, text: str, seconds: float) -> None:
        """A remark, as a person would type it behind a ``#``."""
        self._screen.feed(f"\x1b[2m# {text}\x1b[0m\r\n")
        self._keep(seconds)

    def _keep(self, seconds: float) -> None:
        rows = self._screen.rows(LINES)
        if self.frames and self.frames[-1].rows == rows:
            last = self.frames.pop()
            seconds = max(seconds, last.seconds)
        self.frames.append(Frame(rows, seconds))

    def _output(self, command: str) -> Iterator[float]:
        """Feed the screen; yields the time for which it had looked as it does, before a change."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        process = subprocess.Popen(
            ["/bin/bash", "-c", command],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        decoder = codecs.getincrementaldecoder("utf-8")()
        drawn, pending = time.monotonic(), False
        try:
            while True:
                if not select.select([ours], [], [], _QUIET)[0]:
                    if pending:
                        drawn, pending = time.monotonic(), False
                    continue
                chunk = b""
                with contextlib.suppress(OSError):  # the program has ended
                    chunk = os.read(ours, 65536)
                if not chunk:
                    break
                if not pending and self.frames:
                    yield time.monotonic() - drawn
                    pending = True
                self._screen.feed(decoder.decode(chunk))
        finally:
            os.close(ours)
            if process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                process.kill()
            process.wait()
        if process.returncode:
            shown = "\n".join("".join(c for c, _ in row) for row in self._screen.rows(LINES))
            raise CommandFailedError(f"exit code {process.returncode}: {command}\n{shown}")
