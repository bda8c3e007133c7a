"""The core scenario: what must work between every pair of versions.

Every type family both servers have, keys of every kind, partitions, foreign keys, truncates, and
writers that go on through load and stream.
"""

from __future__ import annotations

from pathlib import Path

from tests.support import kinds, writers
from tests.support.databases import Database
from tests.support.migrate import Mover

TABLES = """
CREATE TABLE hen (id serial PRIMARY KEY, egg int);
CREATE TABLE egg (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hen int REFERENCES hen ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg ON DELETE SET NULL DEFERRABLE;
CREATE TABLE heap (a int, b text, c json);
ALTER TABLE heap REPLICA IDENTITY FULL;
CREATE TABLE by_index (a int NOT NULL, b text NOT NULL, c text);
CREATE UNIQUE INDEX by_index_key ON by_index (b, a);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_key;
CREATE TABLE sale (id int NOT NULL, region text NOT NULL, n int) PARTITION BY LIST (region);
CREATE TABLE sale_north PARTITION OF sale FOR VALUES IN ('north');
CREATE TABLE sale_south PARTITION OF sale FOR VALUES IN ('south') PARTITION BY RANGE (id);
CREATE TABLE sale_south_low PARTITION OF sale_south FOR VALUES FROM (MINVALUE) TO (50);
CREATE TABLE sale_south_high PARTITION OF sale_south FOR VALUES FROM (50) TO (MAXVALUE);
ALTER TABLE sale_north ADD PRIMARY KEY (id, region);
ALTER TABLE sale_south_low ADD PRIMARY KEY (id, region);
ALTER TABLE sale_south_high ADD PRIMARY KEY (id, region);
CREATE TABLE wide (id int PRIMARY KEY, n int, body text);
ALTER TABLE wide ALTER body SET STORAGE EXTERNAL;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a trigger fired'; END $$;
"""
TRIGGER = (
    "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON wide"
    " FOR EACH ROW EXECUTE PROCEDURE refuse();"
)
ROWS = """
INSERT INTO hen (egg) SELECT NULL FROM generate_series(1, 30);
INSERT INTO egg (hen) SELECT i FROM generate_series(1, 30) i;
UPDATE hen SET egg = 31 - id;
INSERT INTO heap SELECT i % 3, NULLIF(repeat('x', i % 4), ''), '{"a": 1}'
    FROM generate_series(1, 60) i;
INSERT INTO by_index SELECT i, 'b' || i, 'c' FROM generate_series(1, 20) i;
INSERT INTO sale SELECT i, (ARRAY['north', 'south'])[1 + i % 2], 0 FROM generate_series(1, 90) i;
INSERT INTO wide SELECT i, 0, repeat('x', 50000) FROM generate_series(1, 10) i;
"""
CHANGES = [
    "BEGIN; INSERT INTO egg (hen) VALUES (77); INSERT INTO hen VALUES (77, 31); COMMIT",
    "DELETE FROM hen WHERE id = 3; DELETE FROM egg WHERE id = 9",
    "DELETE FROM heap WHERE ctid = (SELECT min(ctid) FROM heap WHERE b IS NULL)",
    "UPDATE heap SET a = 9 WHERE ctid = (SELECT max(ctid) FROM heap WHERE a = 1)",
    "UPDATE by_index SET b = 'moved', a = 99 WHERE a = 6; DELETE FROM by_index WHERE a = 7",
    "UPDATE sale SET n = 1 WHERE id % 3 = 0; UPDATE sale_south SET id = id + 100 WHERE id = 99",
    "DELETE FROM sale WHERE id % 10 = 0; INSERT INTO sale VALUES (500, 'south', 5)",
    "UPDATE wide SET n = 1, id = id + 100 WHERE id < 4; UPDATE wide SET body = 'x' WHERE id = 5",
]
# Truncates reach a subscriber since 11, row movement between partitions exists since 11.
CHANGES_11 = [
    "UPDATE sale SET region = 'north' WHERE id BETWEEN 60 AND 70 AND region = 'south'",
    "TRUNCATE heap, by_index; INSERT INTO heap VALUES (1, 'again', '[]')",
]
# The text of a float before 12 is not the text since; its bits are the same.
FLOAT_BITS = [
    "SELECT id, encode(float8send(v), 'hex') FROM kinds.double_key ORDER BY id",
    "SELECT id, encode(float4send(v), 'hex') FROM kinds.real_key ORDER BY id",
]


def run(mover: Mover, source: Database, target: Database, directory: Path, plugin: str) -> None:
    """Migrate it all and ask the oracle and the ledger."""
    chosen = kinds.shared(source, target)
    for database in (source, target):
        database.run(kinds.schema(chosen))
        database.run(TABLES)
        database.run(writers.SCHEMA)
    target.run(TRIGGER)
    source.run(kinds.rows(chosen))
    source.run(ROWS)
    changes = [*CHANGES, *(CHANGES_11 if source.server.version >= 11 else ())]
    with writers.Writers(source, count=2, pause=0.002, ledger=directory / "ledger") as crowd:
        crowd.wait_for(20)
        task = mover.start(source, target, source_settings={"plugin": plugin} if plugin else None)
        task.until(lambda: task.database()["initializationCompleted"], "the end of the load")
        for statement in [*kinds.changes(chosen), *changes]:
            source.run(statement)
        crowd.wait_for(100)
        crowd.stop()
    task.ready()
    task.finish()
    assert not crowd.problems(target)
    report = task.compare()
    assert report.clean, report.text
    for bits in FLOAT_BITS:
        assert source.run(bits) == target.run(bits)
