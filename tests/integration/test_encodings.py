"""Python's codecs against the server's own tables: text that nobody converts for test_decoding."""

from __future__ import annotations

import codecs

import pytest

from azext_dms_pg.postgres import encodings
from tests.support.servers import Server

_HIGH = range(0x80, 0x100)
_CONVERT = """
CREATE FUNCTION pg_temp.as_text(code bytea, encoding name) RETURNS text LANGUAGE plpgsql AS $$
BEGIN RETURN convert_from(code, encoding); EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$
"""


@pytest.mark.parametrize("name", encodings._CODECS)
def test_no_code_means_two_things(source_server: Server, name: str) -> None:
    """A row that is loaded and a row that is streamed must come out the same.

    That one side knows a code the other does not is no loss: it is refused in words.
    """
    codes = [bytes([code]) for code in _HIGH]
    if name.startswith("EUC"):
        codes = [bytes([first, second]) for first in _HIGH for second in range(0xA1, 0xFF)]
    with source_server.connect("postgres") as connection:
        connection.execute(_CONVERT)
        rows = connection.execute(
            "SELECT code, pg_temp.as_text(code, %s) FROM unnest(%s::bytea[]) AS code",
            (name, codes),
        ).fetchall()
    decode = codecs.lookup(encodings._CODECS[name]).decode
    both = 0
    for code, there in rows:
        try:
            here = decode(bytes(code))[0]
        except UnicodeDecodeError:
            continue
        if there is not None:
            assert here == there, bytes(code).hex()
            both += 1
    assert both > 50


@pytest.mark.parametrize("name", ["EUC_JP", "EUC_JIS_2004", "MULE_INTERNAL", "SJIS"])
def test_what_would_be_read_otherwise_is_refused(name: str) -> None:
    assert not encodings.is_readable(name)
