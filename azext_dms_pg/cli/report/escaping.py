"""What a server or a user named, as text of the report's page: no markup, no hidden characters."""

from __future__ import annotations

import html

from azext_dms_pg.cli.visible import visible


def escape(text: str) -> str:
    """For the content of an element as for an attribute in quotes; lines stay lines."""
    return html.escape(visible(text, lines=True))
