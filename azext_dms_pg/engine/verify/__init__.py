"""Proves that both databases hold the same: numbers of rows, or all of their contents."""

from __future__ import annotations

from azext_dms_pg.engine.verify.checksum import RowDifference, TableComparison, compare
from azext_dms_pg.engine.verify.counts import CountDifference, compare_counts

__all__ = [
    "CountDifference",
    "RowDifference",
    "TableComparison",
    "compare",
    "compare_counts",
]
