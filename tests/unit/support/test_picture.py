"""The picture in README: its terminal shows what a terminal would, and the file is sound."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from scenarios.recording.picture import svg
from scenarios.recording.screen import Row, Screen
from scenarios.recording.tape import Frame

PICTURE = Path(__file__).parents[3] / "docs" / "images" / "migration.svg"


def _lines(rows: tuple[Row, ...]) -> list[str]:
    return ["".join(character for character, _ in row).rstrip() for row in rows]


def test_a_live_display_is_drawn_in_place() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=40, color_system="truecolor")
    with Live(console=console, auto_refresh=False) as live:
        for done in (10, 50, 100):
            live.update(Text(f"{done} %\nof it"), refresh=True)
    console.print(ProgressBar(total=4, completed=2, width=10))
    screen = Screen(40)
    screen.feed("$ az\r\n" + stream.getvalue().replace("\n", "\r\n"))
    assert _lines(screen.rows(9)) == ["$ az", "100 %", "of it", "━━━━━╺━━━━"]


def test_colours_and_wrapping() -> None:
    screen = Screen(4)
    screen.feed("ab\x1b[1;31mc\x1b[0md\x1b[38;5;196me\x1b[38;2;1;2;3mf\x1b[m")
    first, second = screen.rows(9)
    assert _lines((first, second)) == ["abcd", "ef"]
    assert first[2][1].bold
    assert (first[2][1].colour, second[0][1].colour, second[1][1].colour) == (
        1,
        "#ff0000",
        "#010203",
    )


def test_sequences_may_come_in_pieces() -> None:
    screen = Screen(10)
    for piece in ("x\x1b", "[2", "Ky"):
        screen.feed(piece)
    assert _lines(screen.rows(9)) == [" y"]


def test_what_the_terminal_does_not_know_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown to this terminal"):
        Screen(10).feed("\x1b[3;4H")


def test_every_frame_is_shown_in_its_turn() -> None:
    screen = Screen(20)
    frames = []
    for text in ("one <&>\r\n", "│ two ▅\r\n"):
        screen.feed(text)
        frames.append(Frame(screen.rows(5), 1.0))
    root = ET.fromstring(svg(frames, "t", "d", poster=1))  # noqa: S314 - our own
    groups = [each for each in root if each.get("class") == "f"]
    assert [len(group) for group in groups] == [1, 2]
    text = "".join(root.itertext())
    assert "one <&>" in text
    assert "#f1{visibility:visible}" in text


def test_the_picture_in_the_readme_is_small_and_sound() -> None:
    assert PICTURE.stat().st_size < 300_000
    root = ET.fromstring(PICTURE.read_text(encoding="utf-8"))  # noqa: S314 - our own
    text = "".join(root.itertext())
    for command in ("create", "watch", "cutover", "compare"):
        assert f"az dms project task {command}" in text
    assert "READY_TO_COMPLETE" in text
    assert "http" not in text, "it must not fetch anything"
