"""How a text of ``-h`` is written down: summary, paragraphs, examples. Owns knack's form of it."""

from __future__ import annotations

from knack.help_files import helps


def command(name: str, short: str, *examples: tuple[str, str], more: str = "") -> None:
    lines = ["type: command", f"short-summary: >-\n    {short}"]
    if more:
        lines.append(f"long-summary: |\n{_body(more)}")
    lines.append("examples:")
    for title, text in examples:
        lines.append(f"  - name: >-\n      {title}\n    text: |-\n      az {name} {text}")
    helps[name] = "\n".join(lines) + "\n"


def _body(text: str) -> str:
    """A paragraph a line, which az folds to the terminal's width; examples stay as they are."""
    paragraphs = []
    for paragraph in text.strip().split("\n\n"):
        lines = paragraph.splitlines()
        drawn = any(line.startswith(" ") for line in lines)
        paragraphs.append(lines if drawn else [" ".join(lines)])
    return "\n\n".join("\n".join(f"    {line}" for line in lines) for lines in paragraphs)


def group(name: str, short: str, more: str = "") -> None:
    lines = ["type: group", f"short-summary: >-\n    {short}"]
    if more:
        lines.append(f"long-summary: |\n{_body(more)}")
    helps[name] = "\n".join(lines) + "\n"
