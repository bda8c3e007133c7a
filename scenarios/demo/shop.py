"""The customers of the sample database: they rent, return, pay and complain all day long.

Owns: transactions that insert, update and delete in the sample's tables, and the set of receipts
whose commit was acknowledged, kept outside both databases. Knows nothing of the migration.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from random import Random

import psycopg
from psycopg.rows import TupleRow

from tests.support.databases import Database

Connection = psycopg.Connection[TupleRow]

CLERKS = 3
PAUSE = 0.01  # seconds between two transactions of a clerk, on average
RENTALS, CUSTOMERS, FILMS, COPIES = 220_000, 20_000, 6_000, 50_000

RENT = """
WITH rented AS (
    INSERT INTO rental (rented_at, inventory_id, customer_id, staff_id)
    VALUES (clock_timestamp(), %(copy)s, %(customer)s, %(clerk)s) RETURNING rental_id, customer_id)
INSERT INTO payment (customer_id, rental_id, amount, paid_at)
SELECT customer_id, rental_id, 4.99, timestamptz '2025-12-31 23:00+00' + %(n)s * interval '1 s'
FROM rented
"""
RETURN = """
UPDATE rental SET returned_at = clock_timestamp()
WHERE rental_id = %(rental)s AND returned_at IS NULL
"""
CUSTOMER = """
UPDATE customer SET active = NOT active,
    preferences = jsonb_build_object('favourite', %(n)s, 'note', E'tab\\t and "quotes"')
WHERE customer_id = %(customer)s
"""
FILM = """
UPDATE film SET title = title || '!', rating = 'R', attributes = attributes || '{"sale": true}'
WHERE film_id = %(film)s
"""
CANCEL = """
WITH gone AS (DELETE FROM payment WHERE rental_id = %(rental)s RETURNING rental_id)
DELETE FROM rental USING gone WHERE rental.rental_id = gone.rental_id
"""
# Into another partition, which is a delete and an insert for whoever follows.
POSTPONE = """
UPDATE payment SET paid_at = paid_at + interval '1 year'
WHERE rental_id = %(rental)s AND paid_at < '2027-01-01'
"""
COVER = """
INSERT INTO film_cover (film_id, image)
VALUES (%(film)s, decode(repeat(md5(%(n)s::text), 300), 'hex'))
ON CONFLICT (film_id) DO UPDATE SET image = excluded.image
"""
PRINT = """
INSERT INTO back_office."Till Roll"
SELECT clock_timestamp(), %(clerk)s, 'sale', 1.1 / %(n)s FROM generate_series(1, 2)
"""
TEAR_OFF = """
DELETE FROM back_office."Till Roll" WHERE ctid =
    (SELECT ctid FROM back_office."Till Roll" OFFSET %(copy)s %% 1000 LIMIT 1
    FOR UPDATE SKIP LOCKED)
"""
KINDS = {
    "rent": (RENT, 8),
    "return": (RETURN, 6),
    "customer": (CUSTOMER, 3),
    "film": (FILM, 2),
    "cancel": (CANCEL, 2),
    "postpone": (POSTPONE, 2),
    "cover": (COVER, 1),
    "print": (PRINT, 3),
    "tear off": (TEAR_OFF, 2),
}


class Shop:
    """Open between :meth:`open` and :meth:`close`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._receipts: set[uuid.UUID] = set()
        self._failures: list[BaseException] = []
        self.done: Counter[str] = Counter()
        self._clerks = [
            threading.Thread(target=self._work, args=(number,), daemon=True)
            for number in range(1, CLERKS + 1)
        ]

    @property
    def transactions(self) -> int:
        return len(self._receipts)

    def open(self) -> None:
        for clerk in self._clerks:
            clerk.start()

    def close(self) -> None:
        """Serve the customer at hand and go home; raises what sent a clerk home early."""
        self._closing.set()
        for clerk in self._clerks:
            if clerk.ident is not None:
                clerk.join()
        if self._failures:
            raise self._failures[0]

    def receipts_lost_and_extra(self, target: Database) -> tuple[int, int]:
        """How many acknowledged transactions the target lacks, and how many it made up."""
        rows = target.run(
            "SELECT receipt_id FROM back_office.receipt WHERE kind <> 'opening stock'"
        )
        there = {row[0] for row in rows}
        return len(self._receipts - there), len(there - self._receipts)

    def _work(self, clerk: int) -> None:
        random = Random(clerk)
        names = list(KINDS)
        weights = [weight for _, weight in KINDS.values()]
        try:
            with self._database.connect(autocommit=False, application_name="shop") as connection:
                while not self._closing.is_set():
                    self._serve(connection, random, random.choices(names, weights)[0], clerk)
                    self._closing.wait(random.expovariate(1 / PAUSE))
        except BaseException as error:  # noqa: BLE001 - close() raises it
            self._failures.append(error)

    def _serve(self, connection: Connection, random: Random, kind: str, clerk: int) -> None:
        receipt = uuid.UUID(int=random.getrandbits(128))
        values = {
            "rental": random.randint(1, RENTALS),
            "customer": random.randint(1, CUSTOMERS),
            "film": random.randint(1, FILMS),
            "copy": random.randint(1, COPIES),
            "n": random.randint(1, 10_000),
            "clerk": clerk,
        }
        try:
            connection.execute(KINDS[kind][0], values)
            connection.execute(
                "INSERT INTO back_office.receipt (receipt_id, kind) VALUES (%s, %s)",
                [receipt, kind],
            )
        except psycopg.errors.DeadlockDetected:
            connection.rollback()
            return
        connection.commit()
        with self._lock:
            self._receipts.add(receipt)
            self.done[kind] += 1
