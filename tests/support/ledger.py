"""What was promised: every commit a writer got an answer to, kept outside both databases.

Owns: the model of what must be in the tables (``Expected``), the file that records it as it
happens, and the comparison with a database. Knows nothing of connections that break.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

# item: primary key, values wide enough for TOAST; heap: no key, duplicates on purpose;
# journal: one row a transaction, so that a commit whose answer was lost can be looked up.
SCHEMA = """
CREATE SCHEMA writers;
CREATE TABLE writers.item (
    writer int, n int, note text, body text, touched timestamptz DEFAULT now(),
    PRIMARY KEY (writer, n));
ALTER TABLE writers.item ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE writers.heap (writer int, word text, amount numeric);
ALTER TABLE writers.heap REPLICA IDENTITY FULL;
CREATE TABLE writers.journal (
    writer int, txn int, id bigserial, PRIMARY KEY (writer, txn));
"""

Item = tuple[str, int]  # note, length of body


@dataclass
class Expected:
    """What one writer's rows look like after its acknowledged commits."""

    items: dict[int, Item] = field(default_factory=dict)
    heap: Counter[str] = field(default_factory=Counter)

    def copy(self) -> Expected:
        return Expected(dict(self.items), Counter(self.heap))


@dataclass
class _Rows:
    """One writer's rows as they should be, or as they are."""

    state: Expected = field(default_factory=Expected)
    transactions: set[int] = field(default_factory=set)


class Ledger:
    """Acknowledged commits of all writers."""

    def __init__(self, path: Path | None = None) -> None:
        self._file = None if path is None else path.open("w")
        self._lock = threading.Lock()
        self._promised: dict[int, _Rows] = {}
        self.commits = 0

    def acknowledge(self, writer: int, txn: int, after: Expected) -> None:
        """Transaction ``txn`` of ``writer`` is durable, and this is what holds from now on."""
        with self._lock:
            promised = self._promised.setdefault(writer, _Rows())
            promised.state = after
            promised.transactions.add(txn)
            self.commits += 1
            if self._file is not None:
                line = {"writer": writer, "txn": txn, "items": len(after.items)}
                self._file.write(json.dumps(line) + "\n")
                self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def problems(self, connection: psycopg.Connection[TupleRow]) -> list[str]:
        """What is lost and what is there too much, in words; empty when all is as promised."""
        found = _read(connection)
        problems: list[str] = []
        for writer in sorted(found.keys() | self._promised.keys()):
            promised = self._promised.get(writer, _Rows())
            actual = found.get(writer, _Rows())
            lines = _transactions(promised.transactions, actual.transactions)
            lines += _differences(promised.state, actual.state)
            problems += [f"writer {writer}: {line}" for line in lines]
        return problems


def _transactions(promised: set[int], actual: set[int]) -> list[str]:
    lost, extra = sorted(promised - actual), sorted(actual - promised)
    problems = []
    if lost:
        problems.append(f"lost {len(lost)} transactions: {lost[:10]}")
    if extra:
        problems.append(f"{len(extra)} transactions too many: {extra[:10]}")
    return problems


def _differences(promised: Expected, actual: Expected) -> list[str]:
    wrong = sorted(
        n
        for n in promised.items.keys() | actual.items.keys()
        if promised.items.get(n) != actual.items.get(n)
    )
    heap = {
        word: (promised.heap[word], actual.heap[word])
        for word in promised.heap.keys() | actual.heap.keys()
        if promised.heap[word] != actual.heap[word]
    }
    problems = []
    if wrong:
        first = wrong[0]
        problems.append(
            f"{len(wrong)} items differ: {wrong[:10]}; {first} should be"
            f" {promised.items.get(first)}, is {actual.items.get(first)}"
        )
    if heap:
        problems.append(f"heap rows (promised, actual): {dict(list(heap.items())[:10])}")
    return problems


def _read(connection: psycopg.Connection[TupleRow]) -> dict[int, _Rows]:
    found: dict[int, _Rows] = {}
    for writer, n, note, length in connection.execute(
        "SELECT writer, n, note, length(body) FROM writers.item"
    ):
        found.setdefault(writer, _Rows()).state.items[n] = (note, length)
    for writer, word, count in connection.execute(
        "SELECT writer, word, count(*) FROM writers.heap GROUP BY 1, 2"
    ):
        found.setdefault(writer, _Rows()).state.heap[word] = count
    for writer, txn in connection.execute("SELECT writer, txn FROM writers.journal"):
        found.setdefault(writer, _Rows()).transactions.add(txn)
    return found
