"""Hazard 13: whoever reads the target while changes are applied never sees half a transaction."""

from __future__ import annotations

import threading
from typing import Any

from tests.support.databases import Database
from tests.support.migrate import Mover

SCHEMA = """
CREATE TABLE debit (id int PRIMARY KEY, amount int NOT NULL);
CREATE TABLE credit (id int PRIMARY KEY, amount int NOT NULL);
"""
ROWS = """
INSERT INTO debit SELECT i, 0 FROM generate_series(1, 200) i;
INSERT INTO credit SELECT i, 0 FROM generate_series(1, 200) i;
"""
# Debits first, credits last; in between so much that large ones are applied in slices.
TRANSFER = """
UPDATE debit SET amount = amount - 1 WHERE id % {step} = 0;
UPDATE credit SET amount = amount + 1 WHERE id % {step} = 0;
"""
BALANCE = """
SELECT (SELECT sum(amount) FROM debit) + (SELECT sum(amount) FROM credit),
       (SELECT sum(amount) FROM credit)
"""
_TRANSFERS = 150


def test_hazard_13_books_always_balance(mover: Mover, source: Database, target: Database) -> None:
    task = mover.ready_with(source, target, SCHEMA, ROWS, settings={"batchChanges": "100"})
    seen: list[Any] = []
    written = threading.Event()

    def read() -> None:
        with target.connect() as reader:
            while not written.is_set() or seen[-1] != balance():
                seen.append(reader.execute(BALANCE.encode()).fetchone())

    def balance() -> Any:
        return source.run(BALANCE)[0]

    watching = threading.Thread(target=read)
    watching.start()
    with source.connect(autocommit=False) as writer:
        for number in range(_TRANSFERS):
            writer.execute(TRANSFER.format(step=1 + number % 7).encode())
            writer.commit()
    written.set()
    watching.join(60)
    assert not watching.is_alive(), f"the target stopped at {seen[-1]}"
    assert {difference for difference, _ in seen} == {0}
    # It was seen on the way, not only at its end.
    assert len({credit for _, credit in seen}) > 2
    task.finish()
    assert task.compare().clean, task.story()
