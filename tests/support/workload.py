"""The statements the writers make: every kind of change, on rows of the writer's own.

Owns: one random transaction at a time, and what must be in the tables if it commits. Writers
never touch one another's rows, so what one promises does not depend on the others.
"""

from __future__ import annotations

from random import Random

import psycopg
from psycopg.rows import TupleRow

from tests.support.ledger import Expected

Connection = psycopg.Connection[TupleRow]

WORDS = ["red", "green", "blue", "O'Hara", 'quo"te', "back\\slash", "tab\there", "naïve", "🐘"]
MOST_ITEMS = 500
TAKEN_BACK = 0.05  # of all transactions
LARGE = 0.05  # of all values


class Workload:
    """The changes of one writer."""

    def __init__(self, number: int, random: Random, big: int) -> None:
        self._number = number
        self._random = random
        self._big = big
        self._changes = [self._insert] * 2 + [self._update] * 3 + [self._heap_in] * 2
        self._changes += [self._body, self._delete, self._move, self._heap_out]

    def transaction(self, connection: Connection, txn: int, after: Expected) -> bool:
        """Make one transaction; False when it was taken back on purpose."""
        connection.execute(
            "INSERT INTO writers.journal (writer, txn) VALUES (%s, %s)", [self._number, txn]
        )
        for _ in range(self._random.choice([1, 1, 1, 2, 3, 10, 40])):
            full = len(after.items) > MOST_ITEMS
            change = self._delete if full else self._random.choice(self._changes)
            change(connection, after)
        if self._random.random() < TAKEN_BACK:
            connection.rollback()
            return False
        connection.commit()
        return True

    def _some_key(self, after: Expected) -> int | None:
        return self._random.choice(list(after.items)) if after.items else None

    def _note(self) -> str:
        return " ".join(self._random.choices(WORDS, k=self._random.randint(0, 4)))

    def _insert(self, connection: Connection, after: Expected) -> None:
        n = max(after.items, default=0) + 1
        note = self._note()
        length = self._big if self._random.random() < LARGE else self._random.randint(0, 80)
        connection.execute(
            "INSERT INTO writers.item (writer, n, note, body) VALUES (%s, %s, %s, repeat('x', %s))",
            [self._number, n, note, length],
        )
        after.items[n] = (note, length)

    def _update(self, connection: Connection, after: Expected) -> None:
        n = self._some_key(after)
        if n is None:
            return
        note = self._note()
        connection.execute(
            "UPDATE writers.item SET note = %s, touched = clock_timestamp()"
            " WHERE writer = %s AND n = %s",
            [note, self._number, n],
        )
        after.items[n] = (note, after.items[n][1])

    def _body(self, connection: Connection, after: Expected) -> None:
        n = self._some_key(after)
        if n is None:
            return
        length = self._random.choice([0, 100, self._big])
        connection.execute(
            "UPDATE writers.item SET body = repeat('y', %s) WHERE writer = %s AND n = %s",
            [length, self._number, n],
        )
        after.items[n] = (after.items[n][0], length)

    def _delete(self, connection: Connection, after: Expected) -> None:
        n = self._some_key(after)
        if n is None:
            return
        connection.execute(
            "DELETE FROM writers.item WHERE writer = %s AND n = %s", [self._number, n]
        )
        del after.items[n]

    def _move(self, connection: Connection, after: Expected) -> None:
        """Change a key, often to one that another row has just given up."""
        n = self._some_key(after)
        if n is None:
            return
        to = next(free for free in range(1, len(after.items) + 2) if free not in after.items)
        connection.execute(
            "UPDATE writers.item SET n = %s WHERE writer = %s AND n = %s", [to, self._number, n]
        )
        after.items[to] = after.items.pop(n)

    def _heap_in(self, connection: Connection, after: Expected) -> None:
        word = self._random.choice(WORDS)
        connection.execute("INSERT INTO writers.heap VALUES (%s, %s, 1.50)", [self._number, word])
        after.heap[word] += 1

    def _heap_out(self, connection: Connection, after: Expected) -> None:
        word = self._random.choice(WORDS)
        gone = connection.execute(
            "DELETE FROM writers.heap WHERE ctid = (SELECT ctid FROM writers.heap"
            " WHERE writer = %s AND word = %s LIMIT 1)",
            [self._number, word],
        ).rowcount
        after.heap[word] -= gone
