"""``make demo``: watch a live PostgreSQL database move to another server."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from rich.console import Console

from scenarios.demo import proof, stage, story
from scenarios.demo.terminal import CommandFailedError, Terminal, console

INTERRUPTED = 130


def main() -> int:
    """Play the demo; 0 only when source and target are the same in every respect."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    screen = console()
    try:
        return _play(screen)
    except KeyboardInterrupt:
        screen.print("\n[yellow]Interrupted: servers, workers and files are gone.")
        return INTERRUPTED
    except (CommandFailedError, story.StoryError) as error:
        screen.print(f"[bold red]The demo failed:[/] {error}", highlight=False)
        return 1


def _play(screen: Console) -> int:
    wheel = max((stage.ROOT / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    with stage.directory() as directory, stage.servers() as (source, target):
        screen.print(
            f"A PostgreSQL [bold]{source.version}[/] to move from (port {source.port}), a"
            f" PostgreSQL [bold]{target.version}[/] to move to (port {target.port})."
        )
        screen.print("Filling the source with a video shop of 620,000 rows …")
        with stage.set_up(directory, source, target) as scene:
            screen.print("The shop is open: three clerks write all the time from now on.")
            terminal = Terminal(directory, scene.environment, screen)
            terminal.chapter(1, "Install the extension into az")
            terminal.run(f"az extension add --source {wheel} -y")
            ending = story.play(terminal, scene)
            terminal.chapter(8, "Proof")
            clean = proof.show(screen, scene, ending)
    screen.print(
        "[bold green]Nothing lost, nothing doubled."
        if clean
        else "[bold red]Source and target differ."
    )
    return 0 if clean else 1


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
