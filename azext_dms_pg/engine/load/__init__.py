"""The full load: every row the snapshot sees, several streams at a time, and what follows at once.

``copying`` keeps the order, ``parts`` cuts the work, ``lane`` carries it, ``tally`` counts.
"""

from __future__ import annotations

from azext_dms_pg.engine.load.copying import load

__all__ = ["load"]
