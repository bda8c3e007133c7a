"""The report: phases from states, verdicts, and a page no name can break out of."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from html.parser import HTMLParser
from typing import Any

from azext_dms_pg.cli.report import charts, facts
from azext_dms_pg.cli.report.page import page

NOW = datetime(2026, 1, 1, 1, 0, tzinfo=timezone.utc)
HOSTILE = '</title><script>alert("1")</script>&amp;'


def _at(minute: int, second: int = 0) -> str:
    return f"2026-01-01T00:{minute:02}:{second:02}+00:00"


def _task(state: str = "Succeeded", **database: Any) -> dict[str, Any]:
    return {
        "id": "/subscriptions/x",
        "name": "runnowtask",
        "properties": {
            "state": state,
            "output": [
                {
                    "resultType": "DatabaseLevelOutput",
                    "databaseName": "sales",
                    "migrationState": "COMPLETE",
                    "initializationCompleted": True,
                    "fullLoadEndedOn": _at(10),
                    "startedOn": _at(0),
                    "cutoverOn": _at(30),
                    "endedOn": _at(30, 2),
                    **database,
                },
                {
                    "resultType": "TableLevelOutput",
                    "databaseName": database.get("databaseName", "sales"),
                    "tableName": "public.t",
                    "state": "COMPLETED",
                    "fullLoadTotalRows": 10,
                },
            ],
        },
    }


def _history(name: str = "sales", *, equal: bool = True) -> dict[str, Any]:
    states = [
        ("VALIDATING", _at(0)),
        ("INITIALIAZING", _at(1)),
        ("RUNNING", _at(2)),
        ("RUNNING", _at(10)),
        ("READY_TO_COMPLETE", _at(12)),
        ("RUNNING", _at(20)),
        ("READY_TO_COMPLETE", _at(21)),
        ("COMPLETING", _at(30)),
        ("COMPLETE", _at(30, 2)),
    ]
    return {
        "states": [
            {"databaseName": name, "state": state, "at": at, "activity": ""} for state, at in states
        ],
        "samples": [
            {"databaseName": name, "at": _at(minute), "latency": minute % 7, "applied": minute * 60,
             "rows": 100, "incoming": 0}
            for minute in range(30)
        ],
        "comparisons": [
            {"databaseName": name, "tableName": "public.t", "equal": equal, "sourceRows": 10,
             "targetRows": 10 if equal else 9, "sourceChecksum": "abc", "targetChecksum": "abc",
             "differingKeys": [] if equal else ["(1)"], "comparedOn": _at(31)}
        ],
    }  # fmt: skip


def test_phases_follow_the_states() -> None:
    report = facts.gather(_task(), _history(), NOW)
    phases = [(item["phase"], item["seconds"]) for item in report["databases"][0]["phases"]]
    assert phases == [
        ("checks", 60), ("preparing", 60), ("full load", 480), ("catching up", 120),
        ("in step", 480), ("catching up", 60), ("in step", 540), ("cutover", 2),
    ]  # fmt: skip
    assert report["databases"][0]["downtimeSeconds"] == 2
    assert report["databases"][0]["loadSeconds"] == 480
    assert report["databases"][0]["highestLagSeconds"] == 6
    assert report["databases"][0]["throughput"][0] == [_at(1), 0.0, 1.0]


def test_verdicts() -> None:
    assert facts.gather(_task(), _history(), NOW)["verdict"] == "complete"
    assert facts.gather(_task(), _history(equal=False), NOW)["verdict"] == "differs"
    assert facts.gather(_task("Failed"), {}, NOW)["verdict"] == "failed"
    assert facts.gather(_task("Running"), {}, NOW)["verdict"] == "running"
    assert facts.gather(_task("Canceled"), {}, NOW)["verdict"] == "cancelled"
    validated = _task(migrationState="VALIDATION_COMPLETE")
    assert facts.gather(validated, {}, NOW)["verdict"] == "validated"


class _Balance(HTMLParser):
    """Notes tags left open, and anything that would reach out of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br"}:
            self.open.append(tag)
        self.links += [str(value) for name, value in attributes if name in {"src", "href"}]

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self.open = [name for name in self.open if name != tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    text = page(facts.gather(_task(), _history(), NOW))
    reader = _Balance()
    reader.feed(text)
    assert reader.open == []
    assert reader.links == []
    assert "url(" not in text
    assert "<script" not in text
    assert text.count("<svg") >= 3


def test_names_cannot_break_out_of_the_page() -> None:
    task = _task(databaseName=HOSTILE, activity=HOSTILE)
    task["name"] = HOSTILE
    text = page(facts.gather(task, _history(HOSTILE, equal=False), NOW))
    assert "<script" not in text
    reader = _Balance()
    reader.feed(text)
    assert reader.open == []


def test_a_report_of_next_to_nothing() -> None:
    for task in ({}, {"properties": {"state": "Queued"}}, _task("Running", endedOn=None)):
        assert "</html>" in page(facts.gather(task, {}, NOW))


def test_a_long_curve_keeps_its_peak() -> None:
    points = [(f"2026-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}+00:00", 1.0)
              for n in range(10_000)]  # fmt: skip
    points[4321] = (points[4321][0], 77.0)
    drawing = charts.curve(points, unit="s", css="lag", title="Lag")
    assert "1m17s" in drawing
    drawn = re.search(r'points="([^"]*)"/><circle', drawing)
    assert drawn is not None
    assert len(drawn[1].split()) <= 400
