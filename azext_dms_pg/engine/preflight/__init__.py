"""Everything the user should know before anything is created. Findings are values, not errors.

Each topic is a module of generators that look at one ``Case`` and yield findings; none of them
opens a connection. What only trying can tell (reaching the servers, authentication, pg_hba) has
shown itself before.
"""

from __future__ import annotations

from azext_dms_pg.engine.preflight.check import preflight

__all__ = ["preflight"]
