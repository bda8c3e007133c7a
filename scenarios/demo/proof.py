"""The end of the story: a table that says, for every table, whether target equals source.

Owns: asking the oracle and showing its answer.
"""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from scenarios.demo.stage import Stage
from scenarios.demo.story import Ending
from tests.support import oracle

OK, BAD = "[green]same[/]", "[bold red]DIFFERENT[/]"


def show(console: Console, stage: Stage, ending: Ending) -> bool:
    """Print the proof; True when there is no difference of any kind."""
    report = oracle.compare(stage.source, stage.target, catalogue_before=ending.catalogue_before)
    console.print(_rows(report))
    lost, extra = stage.shop.receipts_lost_and_extra(stage.target)
    total = sum(content.rows for content in report.target.values())
    clean = report.clean and not lost and not extra

    facts = Table.grid(padding=(0, 2))
    facts.add_row("Rows on the target", f"{total:,}")
    facts.add_row("Transactions while migrating", f"{stage.shop.transactions:,}")
    facts.add_row("  … lost / made up", f"{lost} / {extra}")
    facts.add_row("Row changes applied after the load", f"{ending.changes_applied:,}")
    facts.add_row(
        "Constraints, indexes, triggers, sequences", "as they were" if report.clean else "see below"
    )
    facts.add_row(
        "Left on the source",
        "; ".join(oracle.source_leftovers(stage.source)) or "nothing",
    )
    facts.add_row(
        "Downtime, last write to COMPLETE",
        f"{ending.downtime:.1f} s, {ending.cutover:.1f} s of it after az had handed the command on",
    )
    console.print(facts)
    for line in report.differences:
        console.print(f"[red]{line}", highlight=False)
    return clean


def _rows(report: oracle.Report) -> Table:
    table = Table(title="source = target?", title_justify="left", title_style="bold")
    table.add_column("table")
    table.add_column("rows, source", justify="right")
    table.add_column("rows, target", justify="right")
    table.add_column("checksum, source")
    table.add_column("checksum, target")
    table.add_column("")
    for name in sorted(report.source.keys() | report.target.keys()):
        ours, theirs = report.source.get(name), report.target.get(name)
        table.add_row(
            name,
            f"{ours.rows:,}" if ours else "missing",
            f"{theirs.rows:,}" if theirs else "missing",
            ours.checksum[:12] if ours else "",
            theirs.checksum[:12] if theirs else "",
            OK if ours == theirs else BAD,
        )
    return table
