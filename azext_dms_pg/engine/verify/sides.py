"""Runs the same kind of queries on both servers at once, a few sessions a side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import sql

from azext_dms_pg.errors import Interrupted
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.connect import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    import psycopg

    from azext_dms_pg.model.connection import Connection
    from azext_dms_pg.postgres.connect import Side

K = TypeVar("K", bound="Hashable")

Query = sql.Composed


@dataclass(frozen=True)
class Reader:
    """One server to read from.

    :param sessions: at a time: the source has other work too.
    :param snapshot: exported snapshot to read, None for what is committed at each query.
    """

    connection: Connection
    side: Side
    sessions: int = 2
    snapshot: str | None = None
    stopping: Callable[[], bool] = lambda: False

    def rows(self, queries: Iterable[tuple[K, Query]]) -> list[tuple[K, list[Any]]]:
        """The rows of each query; the queries are taken up in the order given."""
        queue: SimpleQueue[tuple[K, Query]] = SimpleQueue()
        count = 0
        for item in queries:
            queue.put(item)
            count += 1
        size = min(self.sessions, count)
        if not size:
            return []
        with ThreadPoolExecutor(size, thread_name_prefix=f"read {self.side}") as pool:
            shares = [pool.submit(self._work, queue) for _ in range(size)]
            return [answer for share in shares for answer in share.result()]

    def _work(self, queue: SimpleQueue[tuple[K, Query]]) -> list[tuple[K, list[Any]]]:
        answers: list[tuple[K, list[Any]]] = []
        with ExitStack() as stack:
            session = stack.enter_context(connect(self.connection, self.side, "compare"))
            stack.enter_context(translated(self.side, "comparing"))
            if self.snapshot is not None:
                stack.enter_context(session.transaction())
                self._enter_snapshot(session, self.snapshot)
            while True:
                if self.stopping():
                    raise Interrupted("The comparison was stopped.")
                try:
                    key, query = queue.get_nowait()
                except Empty:
                    return answers
                answers.append((key, session.execute(query).fetchall()))

    def _enter_snapshot(self, session: psycopg.Connection[Any], snapshot: str) -> None:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        session.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))


def both(
    source: Reader,
    target: Reader,
    here: Iterable[tuple[K, Query]],
    there: Iterable[tuple[K, Query]],
) -> tuple[list[tuple[K, list[Any]]], list[tuple[K, list[Any]]]]:
    """Ask both servers at the same time."""
    with ThreadPoolExecutor(2, thread_name_prefix="compare") as pool:
        answers = pool.submit(source.rows, list(here)), pool.submit(target.rows, list(there))
        return answers[0].result(), answers[1].result()
