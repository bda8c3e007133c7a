"""The report's table of tables: what was copied, what was applied, what the comparison said."""

from __future__ import annotations

from typing import Any

from azext_dms_pg.cli import words
from azext_dms_pg.cli.report.escaping import escape

Json = dict[str, Any]

_STATES = {"ERROR": "bad", "FAILED": "bad", "CANCELED": "warn"}
# Keys of rows that differ; all of them are in the JSON form.
_KEYS_SHOWN = 5


def tables_of(database: Json) -> str:
    """One row a table; the columns of the comparison only where there was one."""
    tables = database["tables"]
    if not tables:
        return ""
    compared = database["compared"] is not None
    numbers = ("Rows", "Size", "Load", "Inserts", "Updates", "Deletes")
    head = "".join(
        (
            "<th>Table</th><th>Full load</th>",
            *(f'<th class="n">{name}</th>' for name in numbers),
            "<th>Compared</th><th>Checksum</th>" if compared else "",
        )
    )
    body = "".join(_row(table, compared=compared) for table in tables)
    return (
        '<h3>Tables</h3><div class="card scroll"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(table: Json, *, compared: bool) -> str:
    seconds = table["loadSeconds"]
    comparison = table["comparison"]
    differs = comparison is not None and not comparison["equal"]
    numbers = (
        f"{table['rows']:,}",
        words.size(table["bytes"]),
        words.DASH if seconds is None else words.duration(seconds),
        *(f"{table[what]:,}" for what in ("inserts", "updates", "deletes")),
    )
    cells = [
        f'<td class="name">{escape(table["name"])}</td>',
        f"<td>{_state(table['state'])}</td>",
        *(f'<td class="n">{text}</td>' for text in numbers),
        *(_compared(comparison) if compared else ()),
    ]
    return f"<tr{' class=differs' if differs else ''}>{''.join(cells)}</tr>"


def _state(state: str) -> str:
    """What went as it should is said quietly."""
    if state == "COMPLETED":
        return f'<span class="soft">{state}</span>'
    return f'<span class="badge {_STATES.get(state, "calm")}">{escape(state)}</span>'


def _compared(comparison: Json | None) -> list[str]:
    if comparison is None:
        return [f"<td>{words.DASH}</td>", f"<td>{words.DASH}</td>"]
    checksum = str(comparison["targetChecksum"] or words.DASH)
    shown = f'<td class="mono" title="{escape(checksum)}">{escape(checksum[-10:])}</td>'
    if comparison["equal"]:
        return [f"<td>{comparison['sourceRows']:,} = {comparison['targetRows']:,}</td>", shown]
    keys = comparison["differingKeys"]
    named = ", ".join(escape(key) for key in keys[:_KEYS_SHOWN])
    more = f" and {len(keys) - _KEYS_SHOWN} more" if len(keys) > _KEYS_SHOWN else ""
    said = [
        '<span class="badge bad">differs</span>',
        f"{comparison['sourceRows']:,} on the source, {comparison['targetRows']:,} on the target",
        *([f"keys {named}{more}"] if keys else ()),
    ]
    return [f"<td>{'<br>'.join(said)}</td>", shown]
