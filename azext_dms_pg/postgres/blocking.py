"""Whose locks keep this process's sessions waiting.

Owns the question and its words: a query of somebody else's is shown without its constants, which
may be anybody's secrets. Knows no task.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import psycopg

from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.connect import Side, open_sessions
from azext_dms_pg.postgres.sqlstate import translate
from azext_dms_pg.postgres.statements import statement

_CAN_TELL_SINCE = 90600
_LONGEST_QUERY = 100
# A backslash escapes in E'' and may as well everywhere: rather hide too much.
_CONSTANTS = re.compile(r"'(?:[^'\\]|\\.|'')*(?:'|$)|\$(\w*)\$.*?(?:\$\1\$|$)", re.DOTALL)
_NAMED_AT_MOST = 3
_CANCEL_PATIENCE = 2.0


@dataclass(frozen=True)
class Holder:
    """Somebody who holds what we wait for.

    :param waiting: our session that waits.
    :param wanted: the table, empty when it is rows of one.
    :param pid: 0 for a prepared transaction.
    :param prepared: names of the prepared transactions of the database, if it is one.
    """

    waiting: int
    wanted: str
    pid: int
    user: str
    application: str
    state: str
    since: str
    query: str
    prepared: str

    @property
    def described(self) -> str:
        if not self.pid:
            return f"a prepared transaction ({self.prepared or 'see pg_prepared_xacts'})"
        words = [self.user and f"user {self.user}", self.application, self.state]
        words += [
            self.since and f"its transaction began at {self.since}",
            self.query and f"last statement: {without_constants(self.query)}",
        ]
        told = ", ".join(word for word in words if word)
        return f"process {self.pid} ({told})" if told else f"process {self.pid}"


def holders(session: psycopg.Connection[Any], side: Side) -> tuple[Holder, ...]:
    """Who keeps sessions of this process waiting on that side."""
    version = session.info.server_version
    ours = list(open_sessions(side))
    if version < _CAN_TELL_SINCE or not ours:
        return ()
    query = statement("locks", "holders", version)
    with translated(side, "asking who holds a lock"):
        return tuple(Holder(*row) for row in session.execute(query, {"ours": ours}).fetchall())


def give_up(waiting: int, side: Side) -> None:
    """Cancel what that session of ours is waiting for.

    :raises ServerError: the server cannot be reached.
    """
    session = open_sessions(side).get(waiting)
    if session is not None:
        try:
            session.cancel_safe(timeout=_CANCEL_PATIENCE)
        except psycopg.Error as error:
            raise translate(error, side, "cancelling a statement") from error


def in_words(found: tuple[Holder, ...], side: Side) -> tuple[str, str]:
    """What is waited for, and what ends the wait."""
    tables = list(dict.fromkeys(holder.wanted for holder in found if holder.wanted))
    what = _few(tables) if tables else "rows that are being changed"
    who = list(dict.fromkeys(holder.described for holder in found))
    pids = list(dict.fromkeys(holder.pid for holder in found if holder.pid))
    message = f"Waiting on the {side} for a lock on {what}: it is held by {_few(who)}."
    ways = [f"SELECT pg_terminate_backend({pid});" for pid in pids[:_NAMED_AT_MOST]]
    if len(pids) < len(who):
        ways.append("COMMIT PREPARED or ROLLBACK PREPARED for the prepared one.")
    return message, f"Let it end, or end it on the {side}: {' '.join(ways)}"


def without_constants(query: str) -> str:
    """One line of it, with every string constant hidden."""
    text = " ".join(_CONSTANTS.sub("'…'", query).split())
    return text if len(text) <= _LONGEST_QUERY else text[:_LONGEST_QUERY] + "…"


def _few(texts: list[str]) -> str:
    more = len(texts) - _NAMED_AT_MOST
    return ", ".join(texts[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
