"""What a row looks like to a checksum: the same text on both servers exactly for the same values.

Columns are written as their types print them, under the session settings ``connect`` fixes: as
fields of a record and never by a cast, for a user's type may have a cast to text that calls a
function of the user's, which would run with our rights and could make all rows look alike. Where
the text of one value depends on the server, the binary form is taken: floating-point numbers, whose
output changed in version 12, and ``"char"``, whose output changed in 16. Hashes are MD5, which
every version has and computes alike; the server's own hash functions promise that only within one
version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from azext_dms_pg.engine.values import Route
    from azext_dms_pg.postgres.relations import Column

# First version that prints floating-point numbers in as few digits as identify them.
_SHORTEST_FLOATS = 120000
_FLOATS = re.compile(r"\b(float4|float8|point|line|lseg|box|path|polygon|circle)\b")
_SEND = {
    "float4": "float4send",
    "float8": "float8send",
    "array": "array_send",
    "range": "range_send",
    "multirange": "multirange_send",
    "row": "record_send",
    "char": "charsend",
}
# Values above this many bytes go into the row's image as their hash, which keeps it small.
_LONG = 1 << 20
_LONG_TEXT = frozenset({"text", "varchar", "json", "xml"})


@dataclass(frozen=True)
class Images:
    """How rows of one comparison are written.

    :param versions_differ_in_floats: one server prints floats the old way, one the new.
    :param recode: the databases' encodings differ, so texts are hashed as UTF-8.
    """

    versions_differ_in_floats: bool
    recode: bool

    @classmethod
    def between(cls, versions: tuple[int, int], encodings: tuple[str, str]) -> Images:
        old = [version < _SHORTEST_FLOATS for version in versions]
        return cls(old[0] != old[1], encodings[0] != encodings[1])

    def row(self, route: Route) -> sql.Composed:
        """Expression for the whole row, as text."""
        return self._record(route, route.columns)

    def key(self, route: Route) -> sql.Composed:
        """Expression for what tells rows apart, as text: the key, or else the whole row."""
        return self._record(route, route.key or route.columns)

    def hash(self, text: sql.Composable) -> sql.Composed:
        """MD5 of a text expression, as 32 hexadecimal digits."""
        if self.recode:
            return sql.SQL("md5(convert_to({}, 'UTF8'))").format(text)
        return sql.SQL("md5({})").format(text)

    def _record(self, route: Route, names: tuple[str, ...]) -> sql.Composed:
        # A record's text quotes its fields, so that no two rows look alike, and tells NULL from
        # the empty string.
        there = {column.name: column for column in route.target.columns}
        wanted = set(names)
        fields = [
            self._field(column, there[column.name])
            for column in route.source.columns
            if column.name in wanted
        ]
        return sql.SQL("ROW({})::text").format(sql.SQL(", ").join(fields))

    def _field(self, here: Column, there: Column) -> sql.Composed:
        name = sql.Identifier(here.name)
        portable = here.portable if here.portable == there.portable else None
        if portable == "bytea":
            return sql.SQL("md5({})").format(name)
        kind = (portable or "").split("(", 1)[0]
        # An extension's type is described by the extension's name and version too: any text.
        known = portable is not None and kind.isidentifier()
        floats = self.versions_differ_in_floats and portable and _FLOATS.search(portable)
        if known and (floats or kind == "char"):
            send = sql.SQL(_SEND.get(kind, f"{kind}_send"))
            return sql.SQL("encode({}({}), 'hex')").format(send, name)
        if portable in _LONG_TEXT:
            return sql.SQL(
                "CASE WHEN octet_length({0}::text) > {1} THEN {2} ELSE {0}::text END"
            ).format(name, sql.Literal(_LONG), self.hash(sql.SQL("{}::text").format(name)))
        if portable == "bpchar":
            # How far a value is padded is its column's matter.
            return sql.SQL("{}::text").format(name)
        return sql.Composed([name])
