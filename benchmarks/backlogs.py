"""The works of catching up: changes that wait in a slot, applied by us and by a subscription."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from benchmarks import data, ours
from benchmarks.loads import wire
from benchmarks.pair import Pair, contents
from benchmarks.peers import Peers, wait_for
from benchmarks.work import OURS, Clock, Contender, Figure, Result, Work

NATIVE = "native subscription"
MARKER = "CREATE TABLE marker (id integer PRIMARY KEY);"
INSERTS = """
CREATE TABLE inserted (id bigint PRIMARY KEY, grp integer, note text, at timestamptz);
CREATE PROCEDURE fill(transactions integer, rows integer) LANGUAGE plpgsql AS $$
BEGIN
    FOR turn IN 0..transactions - 1 LOOP
        INSERT INTO inserted
        SELECT turn * rows + i, i, md5(i::text), clock_timestamp() FROM generate_series(1, rows) i;
        COMMIT;
    END LOOP;
END $$;
"""


class Backlogs:
    """Makes the works for one pair of servers.

    A slot's backlog can be read once only: ``rounds`` slots are made for every contender.
    """

    def __init__(self, pair: Pair, rounds: int) -> None:
        self._pair = pair
        self._rounds = rounds

    def tpc_b(self, changes: int) -> Work:
        """pgbench's own transactions: three updates and an insert each."""
        transactions = changes // 4

        def fill(database: str) -> None:
            self._pgbench(database, "-i", "-s", "10", "-q")

        def backlog(database: str) -> None:
            self._pgbench(database, "-n", "-c", "4", "-t", str(transactions // 4))

        title = f"backlog of TPC-B, {changes:,} changes"
        return self._work("tpcb", title, 1.9, fill, backlog)

    def inserts(self, rows: int) -> Work:
        """Inserts into one table, 500 a transaction."""

        def fill(database: str) -> None:
            self._pair.source.run(INSERTS, database)

        def backlog(database: str) -> None:
            self._pair.source.run(f"CALL fill({rows // 500}, 500)", database)

        title = f"backlog of {rows:,} inserts"
        return self._work("inserts", title, 1.0, fill, backlog)

    def huge(self, rows: int) -> Work:
        """One transaction that updates every row of a table."""

        def fill(database: str) -> None:
            script = data.NARROW_TABLE + data.narrow_rows(rows)
            self._pair.source.run(script + "ALTER TABLE narrow ADD PRIMARY KEY (id);", database)

        def backlog(database: str) -> None:
            self._pair.source.run("UPDATE narrow SET amount = amount + 1", database)

        title = f"one transaction of {rows:,} updates"
        return self._work("huge", title, 1.0, fill, backlog)

    def _work(
        self,
        name: str,
        title: str,
        least: float,
        fill: Callable[[str], None],
        backlog: Callable[[str], None],
    ) -> Work:
        @contextmanager
        def opened() -> Iterator[Sequence[Contender]]:
            with self._prepared(name, fill) as template:
                backlog(name)
                source = self._pair.source
                source.run("INSERT INTO marker VALUES (1)", name)
                end = source.run("SELECT (pg_current_wal_lsn() - '0/0')::bigint", name)[0][0]
                expected = contents(source, name)
                yield [
                    Contender(OURS, self._checked(self._ours(name, end), template, expected)),
                    Contender(NATIVE, self._checked(self._native(name), template, expected)),
                ]

        return Work(name, title, [Figure(NATIVE, least)], opened)

    @contextmanager
    def _prepared(self, name: str, fill: Callable[[str], None]) -> Iterator[str]:
        """Source and target template alike, publications made, slots waiting."""
        pair, template = self._pair, f"{name}_template"
        pair.source.create_database(name)
        pair.target.create_database(template)
        try:
            fill(name)
            pair.source.run(MARKER, name)
            pair.copy_all(name, template)
            pair.target.run("VACUUM (FREEZE, ANALYZE)", template)
            pair.source.run("VACUUM (FREEZE, ANALYZE)", name)
            for publication in ("bench", ours.NAME):
                pair.source.run(f"CREATE PUBLICATION {publication} FOR ALL TABLES", name)
            for turn in range(self._rounds):
                for who in ("ours", "native"):
                    pair.source.run(
                        "SELECT pg_create_logical_replication_slot"
                        f"('{name}_{who}_{turn}', 'pgoutput')",
                        name,
                    )
            yield template
        finally:
            pair.source.drop_database(name)
            pair.target.drop_database(template)

    def _checked(
        self,
        once: Callable[[str, int], Result],
        template: str,
        expected: dict[str, tuple[Any, ...]],
    ) -> Callable[[], Result]:
        turns = count()

        def run() -> Result:
            with self._pair.target_database("arrival", template) as target:
                result = once(target, next(turns))
                found = contents(self._pair.target, target)
            if found != expected:
                wrong = [name for name in expected if found.get(name) != expected[name]]
                raise RuntimeError(f"wrong contents in {', '.join(wrong)}")
            return result

        return run

    def _ours(self, name: str, end: int) -> Callable[[str, int], Result]:
        def once(target: str, turn: int) -> Result:
            slot = f"{name}_ours_{turn}"
            answer = ours.run(
                {
                    "source": wire(self._pair, "source", name),
                    "target": wire(self._pair, "target", target),
                    "follow": {"slot": slot, "until": end},
                }
            )
            self._pair.source.run(f"SELECT pg_drop_replication_slot('{slot}')", name)
            return Result(answer.pop("seconds"), answer)

        return once

    def _native(self, name: str) -> Callable[[str, int], Result]:
        peers = Peers(self._pair, name)

        def once(target: str, turn: int) -> Result:
            slot = f"slot_name = '{name}_native_{turn}'"
            clock = Clock()
            peers.subscribe(target, f"create_slot = false, {slot}, copy_data = false")
            wait_for(self._pair, target, "SELECT EXISTS (SELECT FROM marker)")
            result = Result(clock())
            peers.unsubscribe(target)
            return result

        return once

    def _pgbench(self, database: str, *arguments: str) -> None:
        environment = self._pair.source.environment(database)
        environment["PGOPTIONS"] = "-c synchronous_commit=off"
        subprocess.run(
            [self._pair.program("pgbench"), *arguments],
            env=environment,
            check=True,
            capture_output=True,
        )


def works(pair: Pair, rounds: int, *, quick: bool) -> list[Work]:
    backlogs = Backlogs(pair, rounds)
    scale = 4 if quick else 1
    return [
        backlogs.tpc_b(600_000 // scale),
        backlogs.inserts(1_000_000 // scale),
        backlogs.huge(2_000_000 // scale),
    ]
