"""Is a session that says nothing still at work? The server knows.

A peer that is gone is noticed by keepalives and TCP_USER_TIMEOUT (``connect.py``), unless
something in between keeps answering for it: a proxy or load balancer that lost the other half.
Then both sides wait for ever. So after ``PATIENCE`` seconds without progress the server is asked,
on a new connection, what its backend is doing.

Owns the question and its judgement. Knows no COPY.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.errors import ServerError
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.sqlstate import translate
from azext_dms_pg.postgres.transfer import Side

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azext_dms_pg.model.connection import Connection

# Seconds without a byte before the server is asked. A lock or a slow disk may take as long as it
# wants; that the question costs a connection is why it is not asked sooner.
PATIENCE = 10.0
# A backend seen this often waiting for the network while we wait for it too is cut off.
_SIGHTINGS = 2
STALLED = "ConnectionStalled"
# Since version 10 ordinary waits have names, ClientRead and ClientWrite among them.
_SAYS_WHAT_FOR = 100000
_COPIES = "dms-pg copy"
_NETWORK = {"ClientRead", "ClientWrite"}


class Backend:
    """One session of ours, as its server knows it."""

    def __init__(self, connection: psycopg.Connection[Any], reach: Connection, side: Side) -> None:
        self._reach = reach
        self._side: Side = side
        self._version = connection.info.server_version
        try:
            row = connection.execute(
                "SELECT pg_backend_pid(), backend_start::text FROM pg_stat_activity"
                " WHERE pid = pg_backend_pid()"
            ).fetchone()
        except psycopg.Error as error:
            raise translate(error, side) from error
        self.pid: int = row[0] if row else 0
        self._start: str = row[1] if row else ""

    def look(self) -> tuple[str, str] | None:
        """Its state and what it waits for, or None when it is no more.

        :raises ServerError: the server cannot be asked.
        """
        waiting = "coalesce(wait_event, '')" if self._version >= _SAYS_WHAT_FOR else "''"
        with connect(self._reach, self._side, purpose="look") as connection:
            row = connection.execute(
                f"SELECT coalesce(state, ''), {waiting} FROM pg_stat_activity"  # noqa: S608
                " WHERE pid = %s AND backend_start = %s::timestamptz",
                (self.pid, self._start),
            ).fetchone()
        return None if row is None else (row[0], row[1])

    def end(self, connection: psycopg.Connection[Any]) -> None:
        """Terminate it if it still runs and wait until it has let go of its locks."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            left = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid = %s AND backend_start = %s::timestamptz",
                (self.pid, self._start),
            ).fetchone()
            if left is None:
                return
            time.sleep(0.05)


class Watch:
    """Notices that a transfer between two backends will never go on."""

    def __init__(self, source: Backend, target: Backend) -> None:
        self._backends: dict[str, Backend] = {"source": source, "target": target}
        self._moved = time.monotonic()
        self._sightings = 0

    def moved(self) -> None:
        """Something got through."""
        self._moved = time.monotonic()
        self._sightings = 0

    def waiting(self, side: Side) -> None:
        """Nothing has come from that side for a while; ask once patience is over.

        :raises ServerError: (retryable) the backend is gone or cut off from us.
        """
        if time.monotonic() - self._moved < PATIENCE:
            return
        found = self._backends[side].look()
        self._moved = time.monotonic()
        if found is None:
            raise lost(side, "its session has ended without our being told")
        state, event = found
        # Idle while we wait for an answer means the answer was lost; busy with a lock or a disk
        # is none of our business.
        if state.startswith("idle") or event in _NETWORK:
            self._sightings += 1
            if self._sightings >= _SIGHTINGS:
                raise lost(side, f"its session is {state}, waiting for {event or 'us'}")


def deaf(
    session: psycopg.Connection[Any], waiting: Mapping[int, psycopg.Connection[Any]]
) -> frozenset[tuple[int, str]]:
    """Of sessions that wait for an answer, those whose server knows of no question.

    Copies may have an answer that nobody has come to read: they have a ``Watch`` of their own.

    :param waiting: by process id.
    :returns: process id, and since when it has nothing to do; empty for one that is no more.
    """
    rows = session.execute(
        "SELECT ours.pid, coalesce(a.state_change::text, '')"
        " FROM unnest(%s::int[]) AS ours(pid) LEFT JOIN pg_stat_activity a ON a.pid = ours.pid"
        # Behind a pooler the numbers we know are not the server's.
        " WHERE pg_backend_pid() = %s AND (a.pid IS NULL OR (a.state LIKE 'idle%%'"
        " AND a.state_change < clock_timestamp() - make_interval(secs => %s)))",
        (list(waiting), session.info.backend_pid, PATIENCE),
    ).fetchall()
    return frozenset((pid, since) for pid, since in rows if _hears_nothing(waiting[pid]))


def _hears_nothing(session: psycopg.Connection[Any]) -> bool:
    """Whether nothing has come that only waits to be read."""
    try:
        name = session.info.parameter_status("application_name")
        unread = select.poll()
        unread.register(session.fileno(), select.POLLIN)
        return name != _COPIES and not unread.poll(0)
    except (psycopg.Error, OSError):
        return False


@contextmanager
def at_most(session: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Whatever is asked inside fails, as with a lost connection, if it takes longer."""
    timer = threading.Timer(seconds, cut_off, (session,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def cut_off(session: psycopg.Connection[Any]) -> None:
    """End our half of a connection: who waits for its answer is told that it is lost."""
    with (
        suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(session.fileno())) as wire,
    ):
        wire.shutdown(socket.SHUT_RDWR)


def lost(side: Side, why: str) -> ServerError:
    """What to say of a connection that was cut off."""
    return ServerError(
        f"The {side} server and this machine wait for each other: {why}.",
        "Something between them (a proxy, a firewall) dropped what was sent; it is tried again.",
        side=side,
        retryable=True,
        code=STALLED,
    )
