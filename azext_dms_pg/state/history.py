"""What is remembered of a task beyond its present state: states passed through, comparisons.

Written and read here; for the report of a migration and for ``watch``. Samples of lag and
throughput are written by ``progress`` and read by ``resources``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from azext_dms_pg.model.states import MigrationState
from azext_dms_pg.state.records import Comparison, Passage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from azext_dms_pg.state.store import Store


def passages(store: Store, task: str) -> list[Passage]:
    """Every state the databases came to, oldest first."""
    rows = store.query(
        "SELECT ordinal, at, state, activity FROM passage WHERE task = ? ORDER BY at, rowid",
        (task,),
    )
    return [
        Passage(row["ordinal"], row["at"], MigrationState(row["state"]), row["activity"])
        for row in rows
    ]


def comparisons(store: Store, task: str) -> list[Comparison]:
    """The newest comparison of every table that was ever compared."""
    rows = store.query(
        "SELECT * FROM comparison WHERE task = ? ORDER BY ordinal, schema, name", (task,)
    )
    return [
        Comparison(
            ordinal=row["ordinal"],
            schema=row["schema"],
            name=row["name"],
            at=row["at"],
            source_rows=row["source_rows"],
            target_rows=row["target_rows"],
            source_sum=row["source_sum"],
            target_sum=row["target_sum"],
            equal=bool(row["equal"]),
            keys=tuple(json.loads(row["keys"])),
        )
        for row in rows
    ]


def keep_comparisons(store: Store, task: str, found: Iterable[Comparison]) -> None:
    """Remember what was found, in place of what was known of these tables before."""
    with store.transaction() as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO comparison (task, ordinal, schema, name, at, source_rows,"
            " target_rows, source_sum, target_sum, equal, keys)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    task,
                    item.ordinal,
                    item.schema,
                    item.name,
                    item.at,
                    item.source_rows,
                    item.target_rows,
                    item.source_sum,
                    item.target_sum,
                    item.equal,
                    json.dumps(item.keys),
                )
                for item in found
            ],
        )
