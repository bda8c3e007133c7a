"""The report as one HTML page that needs nothing else: no script, no font, no picture from afar.

Pure: the JSON of ``facts`` in, text out. Everything a server or a user named is escaped.
"""

from __future__ import annotations

from importlib.resources import files
from string import Template
from typing import Any

from azext_dms_pg.cli import view, words
from azext_dms_pg.cli.report import charts
from azext_dms_pg.cli.report.escaping import escape
from azext_dms_pg.cli.report.facts import PHASES
from azext_dms_pg.cli.report.tables import tables_of

Json = dict[str, Any]

_VERDICTS = {
    "complete": ("good", "Complete"),
    "validated": ("good", "Validated, nothing created"),
    "running": ("calm", "Under way"),
    "cancelled": ("warn", "Cancelled"),
    "failed": ("bad", "Failed"),
    "differs": ("bad", "Source and target differ"),
}
_SEVERITIES = {"blocker": "bad", "error": "bad", "warning": "warn", "info": "calm"}


def page(report: Json) -> str:
    """The whole page."""
    body = [
        _head(report),
        _errors(report["errors"]),
        _key_facts(report),
        _servers(report),
        _timeline(report["databases"]),
        *(_database(item) for item in report["databases"]),
        _foot(report),
    ]
    template = files("azext_dms_pg.cli.report").joinpath("page.html").read_text("utf-8")
    return Template(template).substitute(
        title=escape(f"Migration {report['task']['name']}"),
        generator=escape(report["generatedBy"]),
        body="\n".join(part for part in body if part),
    )


def moment(text: str | None) -> str:
    """``2026-01-02 03:04:05 UTC``, or a dash."""
    at = view.moment(text)
    return words.DASH if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _head(report: Json) -> str:
    css, said = _VERDICTS[report["verdict"]]
    names = ", ".join(escape(item["name"]) for item in report["databases"])
    return (
        f'<h1>Migration {escape(report["task"]["name"])} <span class="badge {css}">{said}</span>'
        f'</h1><p class="soft">PostgreSQL: {names}</p>'
    )


def _errors(errors: list[str]) -> str:
    if not errors:
        return ""
    items = "".join(f"<p>{escape(text)}</p>" for text in errors)
    return f'<div class="card bad">{items}</div>'


def _key_facts(report: Json) -> str:
    totals = report["totals"]
    downtime = totals["longestDowntimeSeconds"]
    compared = [item["compared"] for item in report["databases"] if item["compared"]]
    facts = [
        (words.count(totals["tables"]), "tables" if totals["tables"] != 1 else "table"),
        (words.count(totals["rows"]), "rows copied"),
        (words.size(totals["bytes"]), "copied"),
        (words.count(totals["appliedChanges"]), "changes applied"),
        (words.DASH if downtime is None else words.duration(downtime), "from cutover to complete"),
    ]
    if compared:
        differing = sum(item["differing"] for item in compared)
        facts.append(
            (
                "equal" if not differing else words.plural(differing, "table"),
                "source and target compared" if not differing else "differ from the source",
            )
        )
    return (
        '<div class="facts">'
        + "".join(f"<div><b>{escape(a)}</b><span>{escape(b)}</span></div>" for a, b in facts)
        + "</div>"
    )


def _servers(report: Json) -> str:
    task = report["task"]
    rows = [
        ("Source", _server(report["source"])),
        ("Target", _server(report["target"])),
        ("Started", moment(task["startedOn"])),
        ("Ended", moment(task["endedOn"])),
        ("Task", f'<span class="mono">{escape(str(task["id"] or ""))}</span>'),
    ]
    return '<div class="card">' + _list(rows) + "</div>"


def _server(side: Json) -> str:
    version = side["version"]
    known = f' <span class="soft">({escape(version)})</span>' if version else ""
    return f'<span class="mono">{escape(side["server"])}</span>{known}'


def _timeline(databases: list[Json]) -> str:
    drawing = charts.timeline(databases)
    if not drawing:
        return ""
    shown = {phase["phase"] for item in databases for phase in item["phases"]}
    legend = "".join(
        f'<li><i class="{name.replace(" ", "-")}"></i>{escape(name)}</li>'
        for name in PHASES
        if name in shown
    )
    return f'<h2>Timeline</h2><div class="card">{drawing}<ul class="legend">{legend}</ul></div>'


def _database(item: Json) -> str:
    target = item["targetDatabaseName"]
    arrow = f" → {escape(target)}" if target and target != item["name"] else ""
    state = "good" if item["state"] in {"COMPLETE", "READY_TO_COMPLETE"} else "calm"
    if "FAILED" in item["state"]:
        state = "bad"
    badge = f'<span class="badge {state}">{escape(item["state"])}</span>'
    parts = [
        f"<h2>{escape(item['name'])}{arrow} {badge}</h2>",
        f'<div class="card">{_two_lists(_database_facts(item))}</div>',
        _findings(item),
        _curves(item),
        tables_of(item),
    ]
    return "\n".join(part for part in parts if part)


def _database_facts(item: Json) -> list[tuple[str, str]]:
    changes = item["changes"]
    rows = [
        ("Activity", escape(item["activity"]) or words.DASH),
        ("Started", moment(item["startedOn"])),
        ("Cutover", moment(item["cutoverOn"])),
        ("Ended", moment(item["endedOn"])),
    ]
    rows += [
        (phase["phase"].capitalize(), words.duration(phase["seconds"])) for phase in item["phases"]
    ]
    rows += [
        ("Changes", ", ".join(f"{number:,} {kind}" for kind, number in changes.items())),
        ("Highest lag", words.lag(item["highestLagSeconds"])),
    ]
    if item["downtimeSeconds"] is not None:
        rows.append(("Downtime", f"{words.duration(item['downtimeSeconds'])} from cutover to end"))
    if item["problem"]:
        rows.append(("Problem", escape(item["problem"])))
    rows.append(("Comparison", _comparison(item["compared"])))
    return rows


def _comparison(compared: Json | None) -> str:
    if compared is None:
        return '<span class="soft">none was made</span>'
    how = "row counts and checksums" if compared["checksums"] else "row counts"
    when = moment(compared["comparedOn"])
    if compared["differing"]:
        return (
            f'<span class="badge bad">{compared["differing"]} of {compared["tables"]} tables '
            f"differ</span> {how}, {when}"
        )
    return f'<span class="badge good">all {compared["tables"]} tables equal</span> {how}, {when}'


def _findings(item: Json) -> str:
    order = list(_SEVERITIES)
    found = sorted(
        item["findings"],
        key=lambda entry: (
            order.index(entry["severity"]) if entry["severity"] in order else len(order)
        ),
    )
    if not found:
        return ""
    return f'<h3>Findings</h3><div class="card">{"".join(map(_finding, found))}</div>'


def _finding(entry: Json) -> str:
    severity = str(entry["severity"])
    remedy = f"<pre>{escape(entry['remedy'])}</pre>" if entry.get("remedy") else ""
    return (
        f'<div class="finding"><span class="badge {_SEVERITIES.get(severity, "calm")}">'
        f"{escape(severity)}</span> <b>{escape(entry.get('subject') or '')}</b> "
        f'<span class="soft">{escape(entry.get("code") or "")}</span><br>'
        f"{escape(entry.get('message') or '')}{remedy}</div>"
    )


def _curves(item: Json) -> str:
    throughput = item["throughput"]
    drawn = [
        ("Lag behind the source", item["lag"], "s", "lag"),
        ("Rows copied a second", [(at, rows) for at, rows, _ in throughput], "", "rows"),
        ("Changes applied a second", [(at, n) for at, _, n in throughput], "", "changes"),
    ]
    parts = []
    for title, points, unit, css in drawn:
        drawing = charts.curve(points, unit=unit, css=css, title=title)
        if drawing and any(value for _, value in points):
            parts.append(f'<h3>{title}</h3><div class="card">{drawing}</div>')
    return "".join(parts)


def _foot(report: Json) -> str:
    return (
        f"<footer>Written by {escape(report['generatedBy'])} on {moment(report['generatedOn'])}. "
        "All times are UTC; sizes count in powers of 1024.</footer>"
    )


def _list(rows: list[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows) + "</dl>"


def _two_lists(rows: list[tuple[str, str]]) -> str:
    """Side by side where there is room for it."""
    half = (len(rows) + 1) // 2
    return f'<div class="two">{_list(rows[:half])}{_list(rows[half:])}</div>'
