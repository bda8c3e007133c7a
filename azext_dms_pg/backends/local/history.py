"""What the store remembers of a local task over time, in the shape ``base.Tasks.history`` has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.backends import shape
from azext_dms_pg.state import history as remembered
from azext_dms_pg.state import resources

if TYPE_CHECKING:
    from azext_dms_pg.backends.base import Json
    from azext_dms_pg.backends.local.tree import Tree
    from azext_dms_pg.state.records import Comparison, TaskRecord


def history(tree: Tree, task: TaskRecord) -> Json:
    store = tree.store
    names = {item.ordinal: item.name for item in resources.databases(store, task.id)}
    return shape.history(
        samples=[
            {
                "applied": sample.applied,
                "at": sample.at,
                "databaseName": name,
                "incoming": sample.incoming,
                "latency": sample.latency,
                "rows": sample.rows,
            }
            for ordinal, name in names.items()
            for sample in resources.samples(store, task.id, ordinal)
        ],
        states=[
            {
                "activity": passage.activity,
                "at": passage.at,
                "databaseName": names[passage.ordinal],
                "state": passage.state.value,
            }
            for passage in remembered.passages(store, task.id)
        ],
        comparisons=[
            compared(item, names[item.ordinal]) for item in remembered.comparisons(store, task.id)
        ],
    )


def compared(item: Comparison, database: str) -> Json:
    """One comparison of one table as the commands print it."""
    return {
        "comparedOn": item.at,
        "databaseName": database,
        "differingKeys": list(item.keys),
        "equal": item.equal,
        "sourceChecksum": item.source_sum or None,
        "sourceRows": item.source_rows,
        "tableName": f"{item.schema}.{item.name}",
        "targetChecksum": item.target_sum or None,
        "targetRows": item.target_rows,
    }
