"""Follows the changes of one database: receives from the slot, has them applied, acknowledges."""

from __future__ import annotations

from azext_dms_pg.engine.stream.follower import Follower
from azext_dms_pg.engine.stream.pipeline import Course

__all__ = ["Course", "Follower"]
