"""What is kept of a plan in the target's bookkeeping, as JSON, for a resume to go by.

Everything else of a plan is made anew from the catalogues each time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from azext_dms_pg.engine.values import Begun, Loaded
from azext_dms_pg.postgres.relations import Name

if TYPE_CHECKING:
    from azext_dms_pg.engine.values import Plan


@dataclass(frozen=True)
class Memory:
    """The tables a migration began with, and the plugin its slot has.

    What has a default was not kept by earlier versions.
    """

    plugin: str
    tables: tuple[Begun, ...]
    empty_roots: tuple[Name, ...] = ()
    loaded: dict[int, Loaded] = field(default_factory=dict)
    accepted: tuple[str, ...] = ()


def remember(plan: Plan) -> str:
    """JSON text of what ``recall`` needs."""
    tables = [
        {
            "oid": table.oid,
            "name": [table.name.schema, table.name.name],
            "label": [table.label.schema, table.label.name],
            "columns": [[number, *column] for number, column in table.columns.items()],
            "goal": table.goal,
            "goal_columns": table.goal_columns,
        }
        for table in plan.begun
    ]
    loaded = [
        {
            "oid": oid,
            "file": table.file,
            "types": list(table.types.items()),
            "generated": sorted(table.generated),
            "sparse_until": table.sparse_until,
        }
        for oid, table in plan.loaded.items()
    ]
    return json.dumps(
        {
            "plugin": plan.plugin,
            "tables": tables,
            "empty_roots": [[root.schema, root.name] for root in plan.empty_roots],
            "loaded": loaded,
            "accepted": plan.accepted,
        }
    )


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
                goal=table.get("goal", 0),
                goal_columns=table.get("goal_columns", {}),
            )
            for table in kept["tables"]
        ),
        empty_roots=tuple(Name(*root) for root in kept.get("empty_roots", ())),
        loaded={
            table["oid"]: Loaded(
                file=table["file"],
                types=dict(table["types"]),
                generated=frozenset(table["generated"]),
                sparse_until=table.get("sparse_until", 0),
            )
            for table in kept.get("loaded", ())
        },
        accepted=tuple(kept.get("accepted", ())),
    )
