"""What is kept of a plan in the target's bookkeeping, as JSON, for a resume to go by.

Everything else of a plan is made anew from the catalogues each time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azext_dms_pg.engine.values import Begun
from azext_dms_pg.postgres.relations import Name

if TYPE_CHECKING:
    from azext_dms_pg.engine.values import Plan


@dataclass(frozen=True)
class Memory:
    """The tables a migration began with, and the plugin its slot has."""

    plugin: str
    tables: tuple[Begun, ...]


def remember(plan: Plan) -> str:
    """JSON text of what ``recall`` needs."""
    tables = [
        {
            "oid": table.oid,
            "name": [table.name.schema, table.name.name],
            "label": [table.label.schema, table.label.name],
            "columns": [[number, *column] for number, column in table.columns.items()],
        }
        for table in plan.begun
    ]
    return json.dumps({"plugin": plan.plugin, "tables": tables})


def recall(text: str) -> Memory:
    kept = json.loads(text)
    return Memory(
        plugin=kept["plugin"],
        tables=tuple(
            Begun(
                oid=table["oid"],
                name=Name(*table["name"]),
                label=Name(*table["label"]),
                columns={number: (name, type_) for number, name, type_ in table["columns"]},
            )
            for table in kept["tables"]
        ),
    )
