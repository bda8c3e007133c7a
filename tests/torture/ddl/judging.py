"""What must hold of a database whose schema has changed meanwhile.

Owns: which differences between both sides are those the user was told of.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from psycopg import sql

from tests.support import oracle
from tests.support.databases import Database
from tests.torture.ddl.kinds import KINDS
from tests.torture.ddl.reshaper import Change
from tests.torture.ddl.tables import NAME, Table, look

if TYPE_CHECKING:
    from tests.torture.line import Line

# Lines of the catalogue that must be alike on both sides for tables that both have.
_ROWS_SHOWN = 5
_ALIKE = ("column: evolving.", "constraint: evolving.")


def apart(lines: list[str]) -> list[str]:
    """Only what is not about the tables whose schema changes."""
    return [line for line in lines if "evolving" not in line]


def row_problems(differences: list[str], line: Line) -> list[str]:
    """What the oracle said, but for tables that came late or were dropped; with some rows."""
    # The target may have kept it under a name from before.
    kept = any(change.dropped for change in line.changes)
    return [
        text + _rows(line, text)
        for text in differences
        if not text.startswith("evolving.late_")
        and not (kept and text.startswith("evolving.") and ": source None" in text)
    ]


def _rows(line: Line, text: str) -> str:
    """A few of the rows one side has and the other has not; these tables are small."""
    schema, _, table = text.partition(": ")[0].partition(".")
    if schema != NAME or "None" in text:
        return ""
    columns = sql.SQL(", ").join(
        sql.Identifier(column.name)
        for found in _look(line.source)
        if found.name == table
        for column in found.columns
    )
    query = sql.SQL("SELECT ({})::text FROM {}").format(
        sql.SQL("ROW({})").format(columns), sql.Identifier(schema, table)
    )
    ours, theirs = (
        Counter(row[0] for row in side.run(query.as_string(None)))
        for side in (line.source, line.target)
    )
    return f"; lost {_some(ours - theirs)}, too many {_some(theirs - ours)}"


def _look(database: Database) -> list[Table]:
    with database.connect() as connection:
        return look(connection)


def _some(rows: Counter[str]) -> list[str]:
    return sorted(rows.elements())[:_ROWS_SHOWN]


def schema_problems(source: Database, target: Database) -> list[str]:
    """Tables that both sides have must have become the same."""
    ours, theirs = _tables(source), _tables(target)
    return [
        f"{table}: {sorted(ours[table] ^ theirs[table])}"
        for table in ours.keys() & theirs.keys()
        if ours[table] != theirs[table]
    ]


def telling_problems(findings: list[dict[str, str]], changes: list[Change]) -> list[str]:
    """What had to be said of changes that nobody can follow."""
    told = {finding["code"] for finding in findings}
    wanted = {KINDS[change.kind].told for change in changes if change.statement} - {""}
    return [f"nobody was told {code}" for code in sorted(wanted - told)]


def _tables(database: Database) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in oracle.snapshot(database):
        # NOT NULL is a constraint with a name from 18 on.
        if line.startswith(_ALIKE) and " NOT NULL " not in line:
            kind, _, rest = line.partition(": ")
            table, sep, column = rest.partition(".")[2].partition("." if kind == "column" else " ")
            found.setdefault(table, set()).add(f"{kind}{sep}{column}")
    return found
