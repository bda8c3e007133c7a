"""The works of the full load: large tables, with indexes, over TLS, many small ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks import data, ours
from benchmarks.pair import Pair, contents
from benchmarks.peers import JOBS, Peers
from benchmarks.work import OURS, Contender, Figure, Result, Work

FLOOR = "floor: COPY FROM file"
NATIVE = "native initial sync"
PIPE = "pg_dump | pg_restore"
DIRECTORY = "pg_dump -Fd + pg_restore -j2"
TABLE_DATA = "pgcopydb copy table-data"
CLONE = "pgcopydb clone"
IN_PLACE = "dms-pg, indexes in place"

Once = Callable[[str], Result]


class Loads:
    """Makes the works for one pair of servers."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._expected: dict[str, dict[str, tuple[Any, ...]]] = {}

    def one_table(self, name: str, title: str, table: str, script: str) -> Work:
        """A single large table without indexes."""
        native, pgcopydb, floor = Figure(NATIVE, 1.5), Figure(TABLE_DATA, 1.5), Figure(FLOOR, 0.91)
        figures = [native, pgcopydb, floor]

        def contenders(peers: Peers) -> Sequence[tuple[str, Once, str]]:
            return [
                (OURS, self._ours(peers.database), ""),
                (FLOOR, lambda target: peers.floor(target, table), ""),
                (NATIVE, peers.native_sync, ""),
                (PIPE, peers.dump_pipe, ""),
                (TABLE_DATA, self._table_data(peers), peers.no_pgcopydb),
            ]

        return Work(name, title, figures, self._opened(name, script, contenders))

    def indexed(self, name: str, title: str, script: str) -> Work:
        """A large table with indexes that are part of the work."""
        figures = [Figure(CLONE, 1.3), Figure(IN_PLACE, 1.6)]

        def contenders(peers: Peers) -> Sequence[tuple[str, Once, str]]:
            def clone(target: str) -> Result:
                return peers.pgcopydb(
                    target, "clone", "--no-owner", "--drop-if-exists", indexes=True
                )

            return [
                (OURS, self._ours(peers.database), ""),
                (IN_PLACE, self._ours(peers.database, defer_indexes=False), ""),
                (CLONE, clone, peers.no_pgcopydb),
            ]

        return Work(name, title, figures, self._opened(name, script, contenders))

    def encrypted(self, name: str, title: str, script: str) -> Work:
        """A large table over TLS (the pair must offer it)."""

        def contenders(peers: Peers) -> Sequence[tuple[str, Once, str]]:
            return [
                (OURS, self._ours(peers.database), ""),
                (TABLE_DATA, self._table_data(peers), peers.no_pgcopydb),
            ]

        figures = [Figure(TABLE_DATA, 1.2)]
        return Work(name, title, figures, self._opened(name, script, contenders))

    def many_small(self, name: str, title: str, script: str) -> Work:
        """Many tables of a thousand rows."""

        def contenders(peers: Peers) -> Sequence[tuple[str, Once, str]]:
            return [
                (OURS, self._ours(peers.database), ""),
                (DIRECTORY, peers.dump_directory, ""),
                (NATIVE, peers.native_sync, ""),
                (TABLE_DATA, self._table_data(peers), peers.no_pgcopydb),
            ]

        figures = [Figure(TABLE_DATA, 3.5), Figure(DIRECTORY, 1.0)]
        return Work(name, title, figures, self._opened(name, script, contenders))

    def _opened(
        self,
        database: str,
        script: str,
        contenders: Callable[[Peers], Sequence[tuple[str, Once, str]]],
    ) -> Callable[[], Any]:
        pair = self._pair

        @contextmanager
        def opened() -> Iterator[list[Contender]]:
            template = f"{database}_template"
            pair.source.create_database(database)
            pair.target.create_database(template)
            try:
                pair.source.run(script, database)
                pair.source.run("VACUUM (FREEZE, ANALYZE)", database)
                pair.copy_schema(database, template)
                expected = contents(pair.source, database)
                peers = Peers(pair, database)
                yield [
                    Contender(name, self._checked(once, template, expected), missing)
                    for name, once, missing in contenders(peers)
                ]
            finally:
                pair.source.drop_database(database)
                pair.target.drop_database(template)

        return opened

    def _checked(
        self, once: Once, template: str, expected: dict[str, tuple[Any, ...]]
    ) -> Callable[[], Result]:
        """Each run in a fresh database; its time counts only if the contents are right."""

        def run() -> Result:
            with self._pair.target_database("arrival", template) as target:
                result = once(target)
                found = contents(self._pair.target, target)
            if found != expected:
                wrong = [name for name in expected if found.get(name) != expected[name]]
                raise RuntimeError(f"wrong contents in {', '.join(wrong)}")
            return result

        return run

    def _ours(self, database: str, **settings: Any) -> Once:
        def once(target: str) -> Result:
            answer = ours.run(
                {
                    "source": wire(self._pair, "source", database),
                    "target": wire(self._pair, "target", target),
                    "settings": {"parallel_tables": int(JOBS), **settings},
                }
            )
            return Result(answer.pop("seconds"), answer)

        return once

    @staticmethod
    def _table_data(peers: Peers) -> Once:
        return lambda target: peers.pgcopydb(target, "copy", "table-data")


def wire(pair: Pair, side: str, database: str) -> dict[str, Any]:
    """The connection JSON of one side."""
    server = pair.source if side == "source" else pair.target
    return {
        "userName": server.superuser,
        "password": server.password,
        "serverName": server.host,
        "databaseName": database,
        "port": server.port,
        "encryptConnection": server.ca_file is not None,
        "trustServerCertificate": True,
    }


def scaled(*, quick: bool) -> dict[str, int]:
    """Row counts of the works."""
    if quick:
        return {"narrow": 1_000_000, "mixed": 400_000, "tables": 200, "rows": 1_000}
    return {"narrow": 5_000_000, "mixed": 2_000_000, "tables": 200, "rows": 1_000}


def works(pair: Pair, *, quick: bool) -> list[Work]:
    """The works without TLS."""
    counts = scaled(quick=quick)
    loads = Loads(pair)
    narrow = data.NARROW_TABLE + data.narrow_rows(counts["narrow"])
    mixed = data.MIXED_TABLE + data.mixed_rows(counts["mixed"])
    return [
        loads.one_table("narrow", f"full load, {counts['narrow']:,} narrow rows", "narrow", narrow),
        loads.one_table("mixed", f"full load, {counts['mixed']:,} mixed-type rows", "mixed", mixed),
        loads.many_small(
            "small",
            f"{counts['tables']} tables of {counts['rows']:,} rows",
            data.small_tables(counts["tables"]) + data.small_rows(counts["tables"], counts["rows"]),
        ),
        loads.indexed(
            "indexed",
            f"{counts['narrow']:,} narrow rows, primary key and two indexes",
            narrow + data.NARROW_INDEXES,
        ),
    ]


def encrypted_works(pair: Pair, *, quick: bool) -> list[Work]:
    """The works over TLS."""
    counts = scaled(quick=quick)
    loads = Loads(pair)
    return [
        loads.encrypted(
            "tls",
            f"full load over TLS, {counts['narrow']:,} narrow rows",
            data.NARROW_TABLE + data.narrow_rows(counts["narrow"]),
        ),
        loads.encrypted(
            "tls_mixed",
            f"full load over TLS, {counts['mixed']:,} mixed-type rows",
            data.MIXED_TABLE + data.mixed_rows(counts["mixed"]),
        ),
    ]
