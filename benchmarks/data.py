"""The data that is moved, as SQL scripts."""

from __future__ import annotations

NARROW_TABLE = """
CREATE TABLE narrow (id bigint NOT NULL, grp integer NOT NULL, amount integer, note text);
"""
NARROW_INDEXES = """
ALTER TABLE narrow ADD PRIMARY KEY (id);
CREATE INDEX narrow_grp ON narrow (grp);
CREATE INDEX narrow_amount ON narrow (amount, grp);
"""
MIXED_TABLE = """
CREATE TABLE mixed (
    id bigint NOT NULL, label text, happened timestamptz, price numeric(12, 4), document jsonb,
    token uuid, active boolean, tags integer[]
);
"""


def narrow_rows(count: int) -> str:
    """About 93 bytes a row as text."""
    return f"""
INSERT INTO narrow
SELECT i, i % 1000, (i::bigint * 7919) % 1000003, md5(i::text) || md5((i + 1)::text)
  FROM generate_series(1, {count}) AS i;
"""


def mixed_rows(count: int) -> str:
    """About 355 bytes a row as text."""
    return f"""
INSERT INTO mixed
SELECT i, repeat(md5(i::text), 3), timestamptz '2020-01-01' + i * interval '1 second',
       (i % 100000) / 7.0,
       jsonb_build_object('id', i, 'name', md5(i::text), 'values', jsonb_build_array(i, i * 2),
                          'nested', jsonb_build_object('a', i % 7, 'b', md5((i * 3)::text))),
       md5(i::text)::uuid, i % 3 = 0, ARRAY[i % 5, i % 11, i % 101]::integer[]
  FROM generate_series(1, {count}) AS i;
"""


def small_tables(count: int) -> str:
    return "".join(
        f"CREATE TABLE small_{number} (id integer PRIMARY KEY, name text, at timestamptz);\n"
        for number in range(count)
    )


def small_rows(tables: int, rows: int) -> str:
    return "".join(
        f"INSERT INTO small_{number} SELECT i, md5(i::text), now()"
        f" FROM generate_series(1, {rows}) AS i;\n"
        for number in range(tables)
    )
