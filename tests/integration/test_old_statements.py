"""Every statement we send is understood by every server version it was cut for.

A server of 9.6 cannot be had here; its statements are read by one of 10, with the functions that
10 renamed put back under their old names. What else 9.6 lacks shows in ``test_statements.py``.
"""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from psycopg.pq import ExecStatus

from azext_dms_pg.postgres.checkpoint import install
from azext_dms_pg.postgres.statements import statement
from tests.fix_postgres import MakeDatabase, Servers

_OLDEST = 10  # of those there are packages for
_PLACE = re.compile(r"%\(\w+\)s|%s|%%")
_FILLED = {"{table}": "pg_catalog.pg_class", "{pid}": "1", "{chain}": "'{1}'"}
# A type that only the value will tell.
_UNDECIDED = "42P18"
_RENAMED = """
CREATE FUNCTION pg_catalog.pg_current_xlog_location() RETURNS pg_lsn
    LANGUAGE sql AS 'SELECT pg_catalog.pg_current_wal_lsn()';
CREATE FUNCTION pg_catalog.pg_current_xlog_insert_location() RETURNS pg_lsn
    LANGUAGE sql AS 'SELECT pg_catalog.pg_current_wal_insert_lsn()';
CREATE FUNCTION pg_catalog.pg_xlog_location_diff(pg_lsn, pg_lsn) RETURNS numeric
    LANGUAGE sql AS 'SELECT pg_catalog.pg_wal_lsn_diff($1, $2)';
"""


def _names() -> list[tuple[str, str]]:
    queries = files("azext_dms_pg.postgres").joinpath("queries")
    found = []
    for file in sorted(queries.iterdir(), key=lambda each: each.name):
        text = file.read_text("utf-8")
        stem = file.name.removesuffix(".sql")
        found += [(stem, name) for name in re.findall(r"^-- name: (\w+)", text, re.MULTILINE)]
    return found


def _numbered(text: str) -> bytes:
    """With the server's own placeholders."""
    for place, value in _FILLED.items():
        text = text.replace(place, value)
    seen: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        key = found[0] if found[0] != "%s" else f"{len(seen)}"
        return f"${seen.setdefault(key, len(seen) + 1)}"

    return _PLACE.sub(number, text).encode()


@pytest.mark.parametrize("version", [*range(_OLDEST, 19), 9])
def test_every_statement_is_understood(
    servers: Servers, make_database: MakeDatabase, version: int
) -> None:
    database = make_database(servers.get(max(version, _OLDEST)), "")
    refused = {}
    with database.connect() as connection:
        install(connection)  # some ask for what stands in our own tables
        if version < _OLDEST:
            connection.execute(_RENAMED.encode())
        number = 90605 if version < _OLDEST else connection.info.server_version
        for file, name in _names():
            text = statement(file, name, number)
            if not text.strip():
                continue
            result = connection.pgconn.prepare(b"", _numbered(text))
            if result.status == ExecStatus.FATAL_ERROR and (
                (result.error_field(67) or b"").decode() != _UNDECIDED
            ):
                refused[f"{file}.{name}"] = result.error_message.decode()
    assert not refused
