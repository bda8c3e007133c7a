"""libpq's variables in the environment: which of them a user may set, and for whom they count.

A task's input describes its connections completely, so what would send them elsewhere or change
what is said there (PGHOSTADDR, PGSERVICE, PGOPTIONS, PGTZ, …) counts nowhere. What makes them
stricter counts everywhere: in az, in the worker it starts, and in pg_dump. Knows no psycopg.
"""

from __future__ import annotations

import os
import threading

_KEPT = frozenset(
    {
        "PGPASSFILE",
        "PGREQUIREAUTH",
        "PGREQUIREPEER",
        "PGCHANNELBINDING",
        "PGSSLROOTCERT",
        "PGSSLCERT",
        "PGSSLKEY",
        "PGSSLCERTMODE",
        "PGSSLCRL",
        "PGSSLCRLDIR",
        "PGSSLMINPROTOCOLVERSION",
        "PGSSLMAXPROTOCOLVERSION",
    }
)
_PREFIX = "PG"
_forgetting = threading.Lock()


def kept() -> dict[str, str]:
    """The environment of a child that connects to a server."""
    return {name: value for name, value in os.environ.items() if _counts(name)}


def forget() -> None:
    """Take away what must not count in this process, where libpq looks by itself.

    Before every connection: after the first one there is nothing left that another thread's libpq
    might be reading just then.
    """
    with _forgetting:
        for name in [name for name in os.environ if not _counts(name)]:
            del os.environ[name]


def _counts(name: str) -> bool:
    return not name.startswith(_PREFIX) or name in _KEPT
