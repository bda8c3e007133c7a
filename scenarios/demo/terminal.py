"""What the visitor sees: headings, the commands as they run, what they answered.

Owns: printing and running. Every line after a ``$`` is what bash was given, word for word.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

WIDTH = 118  # when there is no terminal to ask
FOLD = 94


class CommandFailedError(RuntimeError):
    """A command of the story ended with an error: the story is over."""


@dataclass(frozen=True)
class Terminal:
    """Runs commands in one directory with one environment, and shows them."""

    directory: Path
    environment: Mapping[str, str]
    console: Console

    def chapter(self, number: int, title: str) -> None:
        self.console.print()
        self.console.print(
            Rule(f"[bold cyan]{number}. {escape(title)}", align="left", style="cyan")
        )

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False)

    def run(self, command: str, *, lines: int = 12) -> str:
        """Show and run ``command``; print up to ``lines`` lines of its answer and return it all.

        :raises CommandFailedError: it ended with an error; what it said has been printed.
        """
        shown = escape(folded(command, FOLD))
        self.console.print(f"[bold green]$[/] [bold]{shown}[/]", highlight=False)
        return self._do(command, lines)

    def quietly(self, command: str) -> str:
        """Run ``command`` without showing it."""
        return self._do(command, 0)

    def _do(self, command: str, lines: int) -> str:
        sys.stdout.flush()
        done = subprocess.run(
            ["/bin/bash", "-o", "pipefail", "-c", command],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        answer = done.stdout.rstrip().splitlines()
        shown = answer if len(answer) <= lines else [*answer[: max(lines - 1, 0)], "…"]
        if lines:
            for line in shown:
                self.console.print(
                    f"  {escape(line)}",
                    style="dim",
                    highlight=False,
                    no_wrap=True,
                    overflow="ellipsis",
                )
        if done.returncode != 0:
            self.console.print(escape(done.stderr.rstrip()), style="red", highlight=False)
            raise CommandFailedError(f"exit code {done.returncode}: {command}")
        return done.stdout


def console() -> Console:
    """Colours when there is a terminal; a fixed width when there is none."""
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        return Console()
    return Console(width=WIDTH, no_color=True, force_terminal=False)


def folded(command: str, width: int) -> str:
    """The command over several lines, as a person would type it."""
    words = re.sub(r" (?=--?[a-z])", "\n", command).split("\n")
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 1 > width:
            lines[-1] += " \\"
            lines.append("      " + word)
        else:
            lines[-1] += " " + word
    return "\n".join(lines)
