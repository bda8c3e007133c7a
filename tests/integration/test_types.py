"""Every built-in type arrives as it was, through the load and through changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fix_postgres import MakeDatabase, Servers
from tests.support import kinds
from tests.support.databases import Database
from tests.support.migrate import Mover

WAYS: dict[str, dict[str, Any]] = {
    "binary": {},
    "text": {"settings": {"binary": "false"}},
    "test_decoding": {"source_settings": {"plugin": "test_decoding"}},
    "test_decoding, text": {
        "settings": {"binary": "false"},
        "source_settings": {"plugin": "test_decoding"},
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_every_family(mover: Mover, source: Database, target: Database, way: str) -> None:
    chosen = kinds.shared(source, target)
    outcome = mover.whole(
        source,
        target,
        schema=kinds.schema(chosen),
        data=kinds.rows(chosen),
        changes=kinds.changes(chosen),
        **WAYS[way],
    )
    assert len(outcome.report.source) > 200


@pytest.mark.parametrize("way", ["binary", "text", "test_decoding"])
@pytest.mark.parametrize(("version", "name"), [(17, "xml"), (18, "vector")])
def test_families_one_server_has(
    mover: Mover,
    servers: Servers,
    make_database: MakeDatabase,
    version: int,
    name: str,
    way: str,
) -> None:
    """No two of our servers share libxml or pgvector: source and target on one server."""
    role = {17: "source", 18: "target"}[version]
    server = servers.get(version, role=role)
    source, target = make_database(server), make_database(server)
    chosen = [
        family for family in kinds.shared(source, target) if name in {family.name, family.extension}
    ]
    assert chosen
    mover.whole(
        source,
        target,
        schema=kinds.schema(chosen),
        data=kinds.rows(chosen),
        changes=kinds.changes(chosen),
        **WAYS[way],
    )


TOAST = """
CREATE TABLE wide (id int PRIMARY KEY, n int, body text, raw bytea, doc jsonb, list text[]);
ALTER TABLE wide ALTER body SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL,
    ALTER doc SET STORAGE EXTERNAL, ALTER list SET STORAGE EXTERNAL;
CREATE TABLE wide_full (id int PRIMARY KEY, n int, body text, raw bytea, doc jsonb, list text[]);
CREATE TABLE wide_heap (id int, n int, body text, raw bytea, doc jsonb, list text[]);
ALTER TABLE wide_full REPLICA IDENTITY FULL;
ALTER TABLE wide_heap REPLICA IDENTITY FULL;
CREATE TABLE wide_key (body text, n int, more text, PRIMARY KEY (body, n));
ALTER TABLE wide_key ALTER more SET STORAGE EXTERNAL;
CREATE TABLE literal (id int PRIMARY KEY, n int, body text);
"""
TOAST_ROWS = """
INSERT INTO wide SELECT i, 0, repeat(chr(64 + i) || '\\é''', 20000),
    decode(repeat(lpad(to_hex(i), 2, '0'), 60000), 'hex'),
    to_jsonb(repeat(chr(64 + i), 60000)), array_fill(repeat(chr(64 + i), 999), ARRAY[40])
    FROM generate_series(1, 12) i;
INSERT INTO wide_full SELECT * FROM wide;
INSERT INTO wide_heap SELECT w.* FROM wide w, generate_series(1, 2);
INSERT INTO wide_key SELECT 'key ' || i, i, repeat(chr(64 + i), 50000)
    FROM generate_series(1, 9) i;
INSERT INTO literal VALUES
    (1, 0, 'unchanged-toast-datum'), (2, 0, repeat('unchanged-toast-datum', 9000));
"""
TOAST_CHANGES = [
    *(f"UPDATE {table} SET n = n + 1 WHERE id < 4" for table in ("wide", "wide_full", "wide_heap")),
    "UPDATE literal SET n = 1",
    # Key and another column, the big values untouched.
    "UPDATE wide SET id = id + 100, n = 7 WHERE id IN (5, 6)",
    "UPDATE wide_full SET id = id + 100 WHERE id IN (5, 6)",
    "UPDATE wide_heap SET id = id + 100 WHERE id IN (5, 6)",
    "UPDATE wide_key SET body = body || '!', n = -n WHERE n < 4",
    # Big to small, small to big, to NULL, and several of them on one row in one transaction.
    "UPDATE wide SET body = 'small', raw = NULL WHERE id = 7",
    (
        "UPDATE wide SET body = repeat('y', 90000) WHERE id = 7;"
        " UPDATE wide SET n = 8 WHERE id = 7;"
        " UPDATE wide SET id = 207 WHERE id = 7; UPDATE wide SET n = 9 WHERE id = 207"
    ),
    (
        "INSERT INTO wide SELECT 300, 0, body, raw, doc, list FROM wide WHERE id = 8;"
        " UPDATE wide SET n = 1 WHERE id = 300; UPDATE wide SET id = 301 WHERE id = 300"
    ),
    # The key of a row that went is taken by another whose big values are not in the WAL.
    "DELETE FROM wide WHERE id = 9; UPDATE wide SET id = 9 WHERE id = 10",
    "DELETE FROM wide_full WHERE id = 9; UPDATE wide_full SET id = 9 WHERE id = 10",
    "DELETE FROM wide_heap WHERE ctid IN (SELECT min(ctid) FROM wide_heap WHERE id = 11)",
    # Three rows change keys in a circle.
    (
        "UPDATE wide SET id = 1000 WHERE id = 1; UPDATE wide SET id = 1 WHERE id = 2;"
        " UPDATE wide SET id = 2 WHERE id = 3; UPDATE wide SET id = 3 WHERE id = 1000"
    ),
    # Nothing changes at all: the new row has nothing to set but what it was.
    "UPDATE wide SET body = body WHERE id = 11; UPDATE literal SET body = body",
]


@pytest.mark.parametrize("way", ["binary", "text", "test_decoding"])
def test_values_that_stay_in_toast(
    mover: Mover, source: Database, target: Database, way: str
) -> None:
    mover.whole(source, target, schema=TOAST, data=TOAST_ROWS, changes=TOAST_CHANGES, **WAYS[way])


@pytest.mark.slow
@pytest.mark.parametrize("way", ["binary", "test_decoding"])
def test_a_value_of_100_megabytes(
    mover: Mover, source: Database, target: Database, way: str
) -> None:
    mover.whole(
        source,
        target,
        schema="CREATE TABLE huge (id int PRIMARY KEY, n int, body text);"
        "ALTER TABLE huge ALTER body SET STORAGE EXTERNAL;",
        data="INSERT INTO huge VALUES (1, 0, repeat('0123456789', 10 * 1024 * 1024))",
        changes=[
            "INSERT INTO huge VALUES (2, 0, repeat('abcdefghij', 10 * 1024 * 1024))",
            "UPDATE huge SET n = 1",
            "UPDATE huge SET body = repeat('\\\"''\n,{}é', 10 * 1024 * 1024) WHERE id = 1",
        ],
        **WAYS[way],
    )


def test_an_extension_in_another_version_travels_as_text(
    mover: Mover, source: Database, target: Database
) -> None:
    """Only text is promised to be readable by another version of an extension's type."""
    outcome = mover.whole(
        source,
        target,
        schema="CREATE EXTENSION hstore VERSION '1.7' SCHEMA public;"
        "CREATE TABLE pairs (id int PRIMARY KEY, v hstore)",
        target_schema="CREATE EXTENSION hstore SCHEMA public;"
        "CREATE TABLE pairs (id int PRIMARY KEY, v hstore)",
        data="INSERT INTO pairs VALUES (1, 'a=>1')",
        changes=["INSERT INTO pairs VALUES (2, 'b=>NULL')", "UPDATE pairs SET v = v || 'c=>3'"],
    )
    assert outcome.report.source["public.pairs"].rows == 2
