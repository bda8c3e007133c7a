"""The tables a torture seed migrates, and the changes made to them meanwhile.

Owns: schema, first rows and random transactions of every shape, good for PostgreSQL 10 to 18.
A shape's schema is run on both sides, its rows on the source alone. Knows nothing of faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Shape:
    """A few tables that hurt in one way.

    :param changes: scripts with ``{n}`` and ``{m}`` for random numbers; each is a transaction.
    :param since: first PostgreSQL version it works on.
    """

    schema: str
    rows: str
    changes: tuple[str, ...]
    since: int = 10


_SHOP = Shape(
    schema="""
CREATE SCHEMA shop;
CREATE TABLE shop.customer (id serial PRIMARY KEY, name text NOT NULL, city text,
    CONSTRAINT customer_name UNIQUE (name));
CREATE INDEX customer_city ON shop.customer (city, id);
CREATE TABLE shop.orders (id bigserial PRIMARY KEY, customer int NOT NULL
    REFERENCES shop.customer ON UPDATE CASCADE ON DELETE CASCADE, total numeric(12, 2),
    placed timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE shop.line (orders bigint REFERENCES shop.orders ON DELETE CASCADE DEFERRABLE
    INITIALLY DEFERRED, n int, what text, PRIMARY KEY (orders, n));
CREATE INDEX line_what ON shop.line (lower(what)) WHERE n > 1;
""",
    rows="""
INSERT INTO shop.customer (name, city) SELECT 'c' || i, 'city ' || i % 7
    FROM generate_series(1, 400) i;
INSERT INTO shop.orders (customer, total) SELECT 1 + i % 400, i * 1.25
    FROM generate_series(1, 3000) i;
INSERT INTO shop.line SELECT 1 + i / 2, i % 2, repeat('thing ', i % 9)
    FROM generate_series(1, 5900) i;
""",
    changes=(
        (
            "INSERT INTO shop.orders (customer, total) SELECT id, {m} FROM shop.customer"
            " ORDER BY id LIMIT 3;"
            " INSERT INTO shop.line SELECT id, 7, 'new' FROM shop.orders ORDER BY id DESC LIMIT 3"
            " ON CONFLICT DO NOTHING"
        ),
        "DELETE FROM shop.customer WHERE id = {n} % 400 + 1",
        "UPDATE shop.customer SET id = 100000 + id WHERE id = {n} % 400 + 1",
        "UPDATE shop.orders SET total = total + 1 WHERE id % 50 = {n} % 50",
        "INSERT INTO shop.customer (name) VALUES ('n' || nextval('shop.customer_id_seq'))",
        # Two unique values change places inside one transaction.
        (
            "UPDATE shop.customer SET name = 'tmp' WHERE name = 'c5';"
            " UPDATE shop.customer SET name = 'c5' WHERE name = 'c6';"
            " UPDATE shop.customer SET name = 'c6' WHERE name = 'tmp'"
        ),
    ),
)

_KEYLESS = Shape(
    schema="""
CREATE SCHEMA keyless;
CREATE TABLE keyless.log (at timestamptz, level text, amount float8, data json);
ALTER TABLE keyless.log REPLICA IDENTITY FULL;
CREATE TABLE keyless.pair (a int, b int);
ALTER TABLE keyless.pair REPLICA IDENTITY FULL;
CREATE INDEX log_level ON keyless.log (level);
""",
    rows="""
INSERT INTO keyless.log SELECT '2026-01-01'::timestamptz + i * interval '1 s',
    (ARRAY['low', 'high', NULL])[1 + i % 3], i / 7.0, json_build_object('n', i % 5)
    FROM generate_series(1, 3000) i;
INSERT INTO keyless.pair SELECT i % 10, i % 3 FROM generate_series(1, 900) i;
""",
    changes=(
        (
            "DELETE FROM keyless.pair WHERE ctid = (SELECT ctid FROM keyless.pair"
            " WHERE a = {n} % 10 LIMIT 1)"
        ),
        "INSERT INTO keyless.pair SELECT {n} % 10, NULL FROM generate_series(1, 3)",
        (
            "UPDATE keyless.pair SET b = 77 WHERE ctid IN (SELECT ctid FROM keyless.pair"
            " WHERE a = {n} % 10 LIMIT 2)"
        ),
        "INSERT INTO keyless.log SELECT NULL, 'x', 'NaN', '{{\"a\" :  1}}'",
        (
            "UPDATE keyless.log SET level = 'seen' WHERE ctid IN (SELECT ctid FROM keyless.log"
            " WHERE level IS NULL LIMIT 5)"
        ),
        "DELETE FROM keyless.log WHERE ctid IN (SELECT ctid FROM keyless.log LIMIT {m} % 5)",
    ),
)

_TOAST = Shape(
    schema="""
CREATE SCHEMA wide;
CREATE TABLE wide.doc (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text, body text,
    raw bytea, marks text[]);
ALTER TABLE wide.doc ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE wide.doc_full (id int, title text, body text);
ALTER TABLE wide.doc_full ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE wide.doc_full REPLICA IDENTITY FULL;
""",
    rows="""
INSERT INTO wide.doc (title, body, raw, marks)
    SELECT 't' || i, repeat(md5(i::text), 400), decode(repeat(md5(i::text), 50), 'hex'),
    ARRAY['a', NULL, '"', E'\\\\'] FROM generate_series(1, 120) i;
INSERT INTO wide.doc_full SELECT i, 't' || i, repeat(md5(i::text), 300)
    FROM generate_series(1, 60) i;
""",
    changes=(
        "UPDATE wide.doc SET title = 'unchanged-toast-datum' WHERE id = {n} % 120 + 1",
        "UPDATE wide.doc SET body = repeat('{n}', 5000), title = NULL WHERE id = {n} % 120 + 1",
        "UPDATE wide.doc_full SET title = 'w{n}' WHERE id = {n} % 60 + 1",
        "DELETE FROM wide.doc WHERE id = {n} % 120 + 1",
        "INSERT INTO wide.doc (title, body) VALUES (E'tab\\tand\\nline', repeat('y', 30000))",
        "INSERT INTO wide.doc_full SELECT 1 + {n} % 60, 'again', repeat('z', 9000)",
    ),
)

_TRIGGERS = Shape(
    schema="""
CREATE SCHEMA audited;
CREATE TABLE audited.account (id int PRIMARY KEY, balance numeric NOT NULL, changed int
    NOT NULL DEFAULT 0, CHECK (balance > -1000000));
CREATE TABLE audited.trail (id bigserial PRIMARY KEY, account int, what text, delta numeric);
CREATE FUNCTION audited.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audited.trail (account, what, delta)
        VALUES (COALESCE(NEW.id, OLD.id), TG_OP, NEW.balance);
    RETURN NULL; END $$;
CREATE FUNCTION audited.count() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.changed := NEW.changed + 1; RETURN NEW; END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON audited.account
    FOR EACH ROW EXECUTE PROCEDURE audited.note();
CREATE TRIGGER count BEFORE UPDATE ON audited.account
    FOR EACH ROW EXECUTE PROCEDURE audited.count();
""",
    rows="INSERT INTO audited.account SELECT i, i * 10 FROM generate_series(1, 500) i",
    changes=(
        (
            "UPDATE audited.account SET balance = balance + {m} WHERE id = {n} % 500 + 1;"
            " UPDATE audited.account SET balance = balance - {m} WHERE id = {m} % 500 + 1"
        ),
        "DELETE FROM audited.account WHERE id = {n} % 500 + 1",
        "INSERT INTO audited.account VALUES ({n} % 500 + 1, 1) ON CONFLICT DO NOTHING",
        "UPDATE audited.account SET balance = balance + 1 WHERE id % 10 = {n} % 10",
    ),
)

_PARTITIONED = Shape(
    schema="""
CREATE SCHEMA parts;
CREATE TABLE parts.event (id bigint NOT NULL, region text NOT NULL, note text,
    PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE parts.event_north PARTITION OF parts.event FOR VALUES IN ('north');
CREATE TABLE parts.event_south PARTITION OF parts.event FOR VALUES IN ('south', 'deep south');
CREATE TABLE parts.event_rest PARTITION OF parts.event DEFAULT;
CREATE INDEX event_note ON parts.event (note);
""",
    rows="""
INSERT INTO parts.event SELECT i, (ARRAY['north', 'south', 'deep south', 'west'])[1 + i % 4],
    'n' || i % 20 FROM generate_series(1, 4000) i;
""",
    changes=(
        # The row moves from one partition to another.
        "UPDATE parts.event SET region = 'north' WHERE region = 'west' AND id % 97 = {n} % 97",
        "UPDATE parts.event SET note = 'm{m}' WHERE id % 101 = {n} % 101",
        "DELETE FROM parts.event WHERE id = {n} % 4000",
        (
            "INSERT INTO parts.event SELECT 1000000 + {n} * 10 + g, 'east', 'new'"
            " FROM generate_series(1, 3) g ON CONFLICT DO NOTHING"
        ),
    ),
    since=11,
)

_EMPTIED = Shape(
    schema="""
CREATE SCHEMA emptied;
CREATE TABLE emptied.head (id int PRIMARY KEY, v text);
CREATE TABLE emptied.tail (id int PRIMARY KEY, head int REFERENCES emptied.head, v text);
CREATE SEQUENCE emptied.down INCREMENT -3 MAXVALUE 1000 MINVALUE -900000 START 1000;
CREATE TABLE "Odd ""name""; DROP" ("a b" int, "C%s" text, d int DEFAULT nextval('emptied.down'),
    PRIMARY KEY ("C%s", "a b"));
""",
    rows="""
INSERT INTO emptied.head SELECT i, 'h' || i FROM generate_series(1, 50) i;
INSERT INTO emptied.tail SELECT i, 1 + i % 50, 't' FROM generate_series(1, 200) i;
INSERT INTO "Odd ""name""; DROP" SELECT i, 'x' || i % 5 FROM generate_series(1, 300) i;
""",
    changes=(
        (
            "TRUNCATE emptied.head, emptied.tail;"
            " INSERT INTO emptied.head VALUES (1, 'first after'), (2, 'second')"
        ),
        (
            "INSERT INTO emptied.head SELECT {n}, 'more' ON CONFLICT DO NOTHING;"
            " INSERT INTO emptied.tail SELECT {n}, {n}, 'of it' ON CONFLICT DO NOTHING"
        ),
        'INSERT INTO "Odd ""name""; DROP" SELECT {n}, \'y\' ON CONFLICT DO NOTHING',
        'UPDATE "Odd ""name""; DROP" SET "a b" = "a b" + 100000 WHERE "a b" = {n} % 300',
        'DELETE FROM "Odd ""name""; DROP" WHERE "a b" = {m}',
        "TRUNCATE emptied.tail",
    ),
)

_BULK = Shape(
    schema="""
CREATE SCHEMA bulk;
CREATE TABLE bulk.fact (id int PRIMARY KEY, a int, b text, c timestamptz);
CREATE INDEX fact_a ON bulk.fact (a);
CREATE UNIQUE INDEX fact_b ON bulk.fact (b, id);
""",
    rows="INSERT INTO bulk.fact SELECT i, i % 1000, md5(i::text), '2026-01-01'"
    " FROM generate_series(1, 30000) i",
    changes=(
        "UPDATE bulk.fact SET a = a + 1 WHERE id % 20 = {n} % 20",
        "DELETE FROM bulk.fact WHERE id BETWEEN {n} AND {n} + 200",
        (
            "INSERT INTO bulk.fact SELECT i, 1, 'new', now() FROM generate_series({n}, {n} + 300) i"
            " ON CONFLICT (id) DO UPDATE SET b = 'again'"
        ),
    ),
)

SHAPES = {
    "shop": _SHOP,
    "keyless": _KEYLESS,
    "toast": _TOAST,
    "triggers": _TRIGGERS,
    "partitioned": _PARTITIONED,
    "emptied": _EMPTIED,
    "bulk": _BULK,
}

# Few combinations, so that template databases are built a few times and used often.
MIXES = (
    ("shop", "keyless"),
    ("toast", "triggers"),
    ("partitioned", "emptied"),
    ("bulk",),
    ("shop", "partitioned", "toast"),
    ("keyless", "triggers", "emptied"),
)


def change(mix: tuple[str, ...], random: Random) -> str:
    """One random transaction on one of the shapes."""
    script = random.choice(SHAPES[random.choice(mix)].changes)
    return script.format(n=random.randint(1, 20_000), m=random.randint(1, 300))
