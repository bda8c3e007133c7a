"""Values of every built-in type that have hurt somebody's migration, as SQL literals.

Owns: the list of families. ``kinds.py`` makes tables from it.
"""

from __future__ import annotations

from dataclasses import dataclass

DIGITS = "1234567890" * 100
_CONTROLS = "||".join(f"chr({code})" for code in range(1, 128))
_BYTES = "".join(f"{code:02x}" for code in range(256))

#: Types the values below need; runs on both sides.
TYPES = """
CREATE SCHEMA kinds;
CREATE TYPE kinds.mood AS ENUM ('sad', 'ok', 'it''s "fine", \\ yes', 'ünïcode 🙂', '');
CREATE TYPE kinds.inner_row AS (n int, "odd name" text, at timestamptz);
CREATE TYPE kinds.outer_row AS (one kinds.inner_row, many kinds.inner_row[], mood kinds.mood);
CREATE DOMAIN kinds.positive AS int CHECK (VALUE > 0);
CREATE DOMAIN kinds.small_positive AS kinds.positive CHECK (VALUE < 1000);
CREATE DOMAIN kinds.short_text AS varchar(20) NOT NULL DEFAULT '';
CREATE DOMAIN kinds.ints AS int[] CHECK (cardinality(VALUE) < 10);
CREATE TYPE kinds.float_range AS RANGE (subtype = float8, subtype_diff = float8mi);
"""


@dataclass(frozen=True)
class Family:
    """One type and values of it.

    :param key: the type has a B-tree, so that it can be a primary key.
    :param since: first major version that has it, or takes all of the values.
    :param extension: what must be created first.
    :param null: NULL is a value too.
    """

    name: str
    type: str
    values: tuple[str, ...]
    key: bool = True
    since: int = 10
    extension: str = ""
    null: bool = True

    @property
    def literals(self) -> list[str]:
        return [f"({value})::{self.type}" for value in self.values] + ["NULL"] * self.null


def _quoted(*texts: str) -> tuple[str, ...]:
    return tuple("'" + text.replace("'", "''") + "'" for text in texts)


FAMILIES: tuple[Family, ...] = (
    Family("smallint", "smallint", _quoted("-32768", "32767", "0")),
    Family("integer", "int", _quoted("-2147483648", "2147483647", "0")),
    Family("bigint", "bigint", _quoted("-9223372036854775808", "9223372036854775807", "0")),
    Family(
        "numeric",
        "numeric",
        _quoted(
            "NaN",
            "0",
            "-0.0",
            "1.10",
            "1.1000",
            DIGITS,
            f"-0.{DIGITS}",
            "1e-1000",
            "1e131071",
            "99999999999999999999.99999",
            "10000",
            "-10000.0001",
        ),
    ),
    Family("numeric_infinite", "numeric", _quoted("Infinity", "-Infinity", "NaN"), since=14),
    Family("numeric_scaled", "numeric(7,2)", _quoted("99999.99", "-0.01", "0.10", "NaN")),
    Family("numeric_rounded", "numeric(3,-2)", _quoted("12300", "-99900"), since=15),
    Family(
        "real",
        "real",
        _quoted("NaN", "Infinity", "-Infinity", "-0", "3.4028235e38", "1e-45", "0.1", "16777217"),
    ),
    Family(
        "double",
        "float8",
        _quoted(
            "NaN",
            "Infinity",
            "-Infinity",
            "-0",
            "1.7976931348623157e308",
            "5e-324",
            "0.30000000000000004",
            "2.2250738585072014e-308",
            "9007199254740993",
        ),
    ),
    Family("money", "money", _quoted("-92233720368547758.08", "92233720368547758.07", "0.01")),
    Family("boolean", "bool", _quoted("true", "false")),
    Family(
        "text",
        "text",
        (
            _CONTROLS,
            *_quoted(
                "",
                " ",
                "null",
                "NULL",
                "\\N",
                "\\.",
                "\\",
                "\\\\",
                "\\n",
                "a\tb\nc\rd",
                "'",
                '"',
                "''",
                "unchanged-toast-datum",
                "🙂👩‍👩‍👧‍👦 é é \u202e",
                "{a,b}",
                "(1,2)",
                "%s %(x)s %%",
                "$1",
                "trailing \n",
            ),
        ),
    ),
    Family("varchar", "varchar(10)", _quoted("", "ten letter", "ünïcödé 🙂")),
    Family("char", "char(10)", _quoted("", "a", " a ", "ten letter", "🙂")),
    Family("one_char", '"char"', _quoted("", "a", "\\", "'", " ")),
    Family("name", "name", _quoted("", "x" * 63, 'quoted "name"', "tab\there")),
    Family("bytea", "bytea", _quoted("", f"\\x{_BYTES}", "\\x00", "\\x5c", "\\x5c4e0a")),
    Family(
        "date",
        "date",
        _quoted(
            "infinity", "-infinity", "4714-11-24 BC", "5874897-12-31", "2000-02-29", "0001-01-01"
        ),
    ),
    Family(
        "timestamp",
        "timestamp",
        _quoted(
            "infinity",
            "-infinity",
            "4714-11-24 00:00:00 BC",
            "294276-12-31 23:59:59.999999",
            "2026-03-29 02:30:00.000001",
            "0044-03-15 12:00:00 BC",
        ),
    ),
    Family(
        "timestamptz",
        "timestamptz",
        _quoted(
            "infinity",
            "-infinity",
            "4714-11-24 00:00:00+00 BC",
            "294276-12-31 23:59:59.999999+00",
            "2026-10-25 02:30:00+02",
            "2026-10-25 02:30:00+01",
            "1890-01-01 00:00:00+00",
        ),
    ),
    Family("timestamp_rounded", "timestamptz(3)", _quoted("2026-01-01 00:00:00.123+00")),
    Family("time", "time", _quoted("00:00:00", "24:00:00", "23:59:59.999999")),
    Family("timetz", "timetz", _quoted("00:00:00+15:59", "24:00:00-15:59:59", "12:00:00.1+05:30")),
    Family(
        "interval",
        "interval",
        _quoted(
            "178000000 years",
            "-178000000 years",
            "-1 mons +2 days -03:04:05.000006",
            "0",
            "1 year -1 day",
            "-0.000001 seconds",
            "@ 3 days ago",
        ),
    ),
    Family(
        "interval_infinite",
        "interval",
        _quoted("infinity", "-infinity", "2562047788:00:54.775807"),
        since=17,
    ),
    Family("interval_fields", "interval day to second(2)", _quoted("1 day 02:03:04.05")),
    Family(
        "json",
        "json",
        _quoted(
            '{"b":1,  "a" : 2, "b": 3}',
            "null",
            '"\\u00e9\\ud83d\\ude42"',
            "[]",
            "  1e400 ",
            '{"a\\\\b": "\\n\\t\\"", "nested": [{"x": [[]]}]}',
        ),
        key=False,
    ),
    Family(
        "jsonb",
        "jsonb",
        _quoted(
            '{"b":1,  "a" : 2}',
            "null",
            '"🙂\\n\\\\"',
            "[]",
            "{}",
            f"[{DIGITS}, 1.10, -0.0]",
            '{"": {"": [null, true, "\\u0001"]}}',
        ),
    ),
    Family(
        "jsonpath", "jsonpath", _quoted('$."a b"[*] ? (@.x > 1)', "strict $"), key=False, since=12
    ),
    Family(
        "xml", "xml", _quoted("<a b='c'>&lt;é\n<!-- x --></a>", "plain <b/> content", ""), key=False
    ),
    Family("uuid", "uuid", _quoted("00000000-0000-0000-0000-000000000000", "f" * 32)),
    Family("pg_lsn", "pg_lsn", _quoted("0/0", "FFFFFFFF/FFFFFFFF", "16/B374D848")),
    Family("oid", "oid", _quoted("0", "4294967295")),
    Family("xid", "xid", _quoted("0", "4294967295"), key=False),
    Family("xid8", "xid8", _quoted("0", "18446744073709551615"), since=13),
    Family("tid", "tid", _quoted("(0,0)", "(4294967295,65535)")),
    Family("snapshot", "txid_snapshot", _quoted("10:20:10,14,15"), key=False),
    Family("regclass", "regclass", _quoted("pg_catalog.pg_class", "kinds.regclass_key", "-")),
    Family("regtype", "regtype", _quoted("int[]", "kinds.mood")),
    Family("oidvector", "oidvector", _quoted("1 2 3", "")),
    Family("bit", "bit(5)", _quoted("00000", "10101")),
    Family("varbit", "varbit", ("B''", "B'1'", f"B'{'10' * 300}'")),
    Family(
        "inet", "inet", _quoted("0.0.0.0/0", "10.1.2.3/8", "::1", "fe80::1%1/64".replace("%1", ""))
    ),
    Family("cidr", "cidr", _quoted("10.0.0.0/8", "::/0", "2001:db8::/32")),
    Family("macaddr", "macaddr", _quoted("08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff")),
    Family("macaddr8", "macaddr8", _quoted("08:00:2b:01:02:03:04:05")),
    Family("point", "point", _quoted("(1e308,-0)", "(NaN,Infinity)", "(0.1,0.2)"), key=False),
    Family("line", "line", _quoted("{1,2,3}", "{-1,0.1,0}"), key=False),
    Family("lseg", "lseg", _quoted("[(0,0),(1,1)]"), key=False),
    Family("box", "box", _quoted("(1,1),(0,0)", "(0.1,0.2),(0,0)"), key=False),
    Family("path", "path", _quoted("[(0,0),(1,1)]", "((0,0),(1,1),(2,0))"), key=False),
    Family("polygon", "polygon", _quoted("((0,0),(1,1),(2,0))"), key=False),
    Family("circle", "circle", _quoted("<(0.1,-0),5e-324>"), key=False),
    Family(
        "tsvector", "tsvector", _quoted("a:1A fat:2B,4C 'it''s':3", "", "'\\\\' x", "'two words':7")
    ),
    Family("tsquery", "tsquery", _quoted("fat & (rat | !cat:AB*)", "a <2> b", "'it''s'")),
    Family("int4range", "int4range", _quoted("empty", "[1,10)", "(,)", "[5,)", "(,5]")),
    Family("numrange", "numrange", _quoted("empty", "(0.10,1.20]", "[NaN,NaN]")),
    Family("tstzrange", "tstzrange", _quoted("[-infinity,infinity]", '["2026-01-01 00:00+00",)')),
    Family("daterange", "daterange", _quoted("[0044-03-15 BC,2026-01-01)")),
    Family("float_range", "kinds.float_range", _quoted("[-Infinity,-0]", "empty", "[5e-324,NaN)")),
    Family("multirange", "int4multirange", _quoted("{}", "{[1,2),[5,9)}", "{(,)}"), since=14),
    Family("nummultirange", "nummultirange", _quoted("{(0.10,1.20],[2,2]}"), since=14),
    Family(
        "int_array",
        "int[]",
        _quoted(
            "{}", "{1,NULL,3}", "[0:2]={1,2,3}", "[-1:0][2:3]={{1,2},{NULL,4}}", "{{1,2},{3,4}}"
        ),
    ),
    Family(
        "text_array",
        "text[]",
        _quoted(
            '{NULL,"NULL",null,"null",""}',
            '{"a,b","c\\"d","e\\\\f","{g}"," h ","i\nj"}',
            "{{a},{b}}",
        ),
    ),
    Family("numeric_array", "numeric[]", _quoted("{NaN,1.10,NULL}")),
    Family("timestamptz_array", "timestamptz[]", _quoted('{infinity,"2026-01-01 00:00+00"}')),
    Family("bytea_array", "bytea[]", _quoted('{"\\\\x00ff","\\\\x",NULL}')),
    Family("json_array", "json[]", _quoted('{"{\\"a\\": [1,2]}",null}'), key=False),
    Family("box_array", "box[]", _quoted("{(1,1),(0,0);(2,2),(0,0)}"), key=False),
    Family(
        "composite",
        "kinds.outer_row",
        (
            "ROW(ROW(1,'a,\"b\"\\',now()),ARRAY[ROW(NULL,'',NULL)::kinds.inner_row,NULL],'ok')",
            "ROW(NULL,NULL,NULL)",
            "ROW(ROW(NULL,NULL,NULL),'{}','')",
        ),
    ),
    Family(
        "composite_array",
        "kinds.inner_row[]",
        ("ARRAY[ROW(1,'x y',NULL),NULL]::kinds.inner_row[]",),
    ),
    Family("domain", "kinds.small_positive", _quoted("1", "999")),
    Family("text_domain", "kinds.short_text", _quoted("", "ünïcödé \\ 🙂"), null=False),
    Family("array_domain", "kinds.ints", _quoted("{1,NULL}", "[5:6]={1,2}")),
    Family("composite_domain", "kinds.row_domain", ("ROW(1,'(\"',NULL)",), since=11),
    Family("domain_array", "kinds.small_positive[]", _quoted("{1,999,NULL}"), since=11),
    Family("enum", "kinds.mood", _quoted("sad", 'it\'s "fine", \\ yes', "ünïcode 🙂", "")),
    Family(
        "enum_array",
        "kinds.mood[]",
        ("ARRAY['ok','','it''s \"fine\", \\ yes',NULL]::kinds.mood[]",),
    ),
    Family(
        "hstore",
        "public.hstore",
        _quoted('a=>1, "b c"=>NULL, "\\"q\\""=>"\\\\"', ""),
        extension="hstore",
    ),
    Family("citext", "public.citext", _quoted("MiXeD", "ÉÈ", ""), extension="citext"),
    Family("ltree", "public.ltree", _quoted("Top.Science.Astronomy", ""), extension="ltree"),
    Family("lquery", "public.lquery", _quoted("*.A*.B"), key=False, extension="ltree"),
    Family("citext_array", "public.citext[]", _quoted("{AbC,NULL}"), extension="citext"),
    Family("cube", "public.cube", _quoted("(1,2),(3,4)", "(0.1)"), extension="cube"),
    Family("seg", "public.seg", _quoted("1.50 .. 2.5", "~5.0"), extension="seg"),
    Family("isbn", "public.isbn", _quoted("978-0-393-04002-9"), extension="isn"),
    Family("vector", "public.vector", _quoted("[1,-0,3.4e38]", "[0.1,0,5]"), extension="vector"),
    Family("halfvec", "public.halfvec", _quoted("[1,0.1]"), since=17, extension="vector"),
    Family(
        "sparsevec",
        "public.sparsevec",
        _quoted("{1:1,3:2}/5"),
        key=False,
        since=17,
        extension="vector",
    ),
)
