"""Takes away on the target what would disturb the load, and brings it back exactly as it was.

Foreign keys, triggers and rules are away from before the load until the cutover; indexes of
large tables, and constraints that are NOT VALID, only during the load. Every definition is saved
in ``dms_pg.deferred`` by the transaction that takes the object away, and marked there by the
transaction that brings it back, so that a crash at any point leaves a record of what
is missing (hazard 21). Every function may be run again.
"""

from __future__ import annotations

from azext_dms_pg.engine.deferral.builder import IndexBuilder
from azext_dms_pg.engine.deferral.defer import defer, defer_constraints, defer_keys
from azext_dms_pg.engine.deferral.restore import (
    restore_constraints,
    restore_everything,
    restore_indexes,
)

__all__ = [
    "IndexBuilder",
    "defer",
    "defer_constraints",
    "defer_keys",
    "restore_constraints",
    "restore_everything",
    "restore_indexes",
]
