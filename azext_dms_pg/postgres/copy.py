"""Rows from one COPY TO STDOUT into one COPY FROM STDIN, through libpq: works over anything.

TLS, GSS, Unix sockets, whatever libpq speaks. It hands out one row a call, so rows are joined
into messages of ``_JOINED`` bytes before they go out again (the target does not care where one
CopyData message ends): 2-3 times cheaper than psycopg's row-by-row iterator. ``splice.py`` is
five times cheaper still where it can be used; this is the way that always works.

Owns the loop. Knows no tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import ExecStatus

from azext_dms_pg.errors import ServerError
from azext_dms_pg.postgres.patient import Talk
from azext_dms_pg.postgres.sqlstate import translate
from azext_dms_pg.postgres.transfer import Copy, Moved, Pace

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

_JOINED = 256 << 10


def copy(
    source: psycopg.Connection[Any],
    target: psycopg.Connection[Any],
    copies: Sequence[Copy],
    pace: Pace,
) -> list[Moved]:
    """Run the copies in order, all in one Query on either side.

    After an exception both connections must be closed.

    :raises ServerError: a server reported an error or is gone, or they counted differently.
    :raises Interrupted: as the pace wished.
    """
    rows, sink = Talk(source, "source", pace), Talk(target, "target", pace)
    sink.send(b"; ".join(copy.into for copy in copies))
    rows.send(b"; ".join(copy.out for copy in copies))
    moved = [_one(rows, sink, pace) for _ in copies]
    for talk in (rows, sink):
        while talk.result() is not None:
            pass
    return moved


def _one(rows: Talk, sink: Talk, pace: Pace) -> Moved:
    rows.expect(ExecStatus.COPY_OUT)
    sink.expect(ExecStatus.COPY_IN)
    size = _pump(rows, sink, pace)
    sent = _count(rows.expect(ExecStatus.COMMAND_OK))
    try:
        sink.pgconn.put_copy_end()
    except psycopg.Error as error:
        raise translate(error, "target") from error
    sink.flush()
    taken = _count(sink.expect(ExecStatus.COMMAND_OK))
    if sent != taken:
        raise ServerError(
            f"The source sent {sent} rows and the target took {taken}.",
            "The part was rolled back and is copied again.",
            side="target",
            retryable=True,
        )
    return Moved(sent, size)


def _pump(rows: Talk, sink: Talk, pace: Pace) -> int:
    """Move data until the source says it is done; the number of bytes."""
    take = rows.pgconn.get_copy_data
    joined: list[bytes | memoryview] = []
    size = total = 0
    try:
        while True:
            got, data = take(1)
            if got > 0:
                joined.append(data)
                size += got
                if size < _JOINED:
                    continue
            elif got == 0:
                # Twice, for TLS: what OpenSSL has decrypted already no poll can see, but it is
                # at most one record, and each call takes at least half of one.
                rows.pgconn.consume_input()
                rows.pgconn.consume_input()
                got, data = take(1)
                if got == 0:
                    rows.wait_readable()
                    continue
                if got > 0:
                    joined.append(data)
                    size += got
                    continue
            if joined:
                _put(sink, joined)
                joined.clear()
                total += size
                pace.moved(size)
                size = 0
            if got < 0:
                return total
    except psycopg.Error as error:
        raise translate(error, "source") from error


def _put(sink: Talk, joined: list[bytes | memoryview]) -> None:
    if sink.has_spoken:
        _refused(sink)
    try:
        taken = sink.pgconn.put_copy_data(b"".join(joined))
    except psycopg.Error as error:
        raise translate(error, "target") from error
    if not taken:
        raise _stuck("libpq had no room for the next rows")
    sink.flush()


def _refused(sink: Talk) -> None:
    """The target spoke in the middle of a COPY FROM: it has given up. Find out why.

    libpq shows an error only after we have ended the COPY ourselves.

    :raises ServerError: always.
    """
    try:
        sink.pgconn.put_copy_end(b"the target spoke while it should have read")
    except psycopg.Error as error:
        raise translate(error, "target") from error
    sink.flush()
    sink.expect(ExecStatus.COMMAND_OK)
    raise _stuck("it took no notice of a COPY that was given up")


def _stuck(why: str) -> ServerError:
    return ServerError(
        f"The target could not be given more rows: {why}.",
        "The part is copied again.",
        side="target",
        retryable=True,
    )


def _count(result: PGresult) -> int:
    return int(result.command_tuples or 0)
