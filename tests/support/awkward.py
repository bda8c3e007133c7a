"""Schemas with every kind of constraint, index, trigger and rule, and names that hurt."""

from __future__ import annotations

EVIL = 'x"; drop table y; --'
# 63 bytes in UTF-8, the longest there is.
LONG = "ä" * 31 + "z"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_BASE = f"""
CREATE SCHEMA {quoted('My "schema"')};
CREATE TABLE parent (id int PRIMARY KEY, code text UNIQUE);
COMMENT ON CONSTRAINT parent_pkey ON parent IS 'it''s {{a}} %s \\ key';
COMMENT ON INDEX parent_code_key IS 'unique';
CREATE TABLE a (id int PRIMARY KEY, b int);
CREATE TABLE b (id int PRIMARY KEY, a int);
ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b) REFERENCES b DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE b ADD CONSTRAINT b_a FOREIGN KEY (a) REFERENCES a DEFERRABLE;
CREATE TABLE self (id int PRIMARY KEY, up int REFERENCES self ON DELETE CASCADE);
CREATE TABLE child (
    id int PRIMARY KEY,
    p1 int REFERENCES parent ON DELETE SET NULL ON UPDATE CASCADE,
    p2 text REFERENCES parent (code) ON DELETE SET DEFAULT,
    p3 int,
    p4 int,
    UNIQUE (p4, p3) DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (p3, p4)
);
CREATE TABLE pair (x int, y int, FOREIGN KEY (x, y) REFERENCES child (p3, p4) MATCH FULL);
ALTER TABLE child ADD CONSTRAINT unchecked FOREIGN KEY (p3) REFERENCES parent NOT VALID;
COMMENT ON CONSTRAINT unchecked ON child IS 'not valid';
CREATE TABLE lax (id int CONSTRAINT {quoted("it's %I")} REFERENCES parent);
ALTER TABLE lax DISABLE TRIGGER ALL;
CREATE TABLE {quoted(EVIL)} (
    "ID\n%" int PRIMARY KEY,
    {quoted(LONG)} int CONSTRAINT {quoted('c"%s{}')} REFERENCES parent
);
CREATE TABLE {quoted('My "schema"')}."T%" (id int REFERENCES {quoted(EVIL)});
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER ordinary BEFORE INSERT ON parent FOR EACH ROW EXECUTE PROCEDURE note();
CREATE TRIGGER always BEFORE INSERT ON parent FOR EACH ROW EXECUTE PROCEDURE note();
CREATE TRIGGER "re""plica" BEFORE INSERT ON parent FOR EACH ROW EXECUTE PROCEDURE note();
CREATE TRIGGER off BEFORE INSERT ON parent FOR EACH ROW EXECUTE PROCEDURE note();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON child DEFERRABLE
    FOR EACH ROW EXECUTE PROCEDURE note();
ALTER TABLE parent ENABLE ALWAYS TRIGGER always;
ALTER TABLE parent ENABLE REPLICA TRIGGER "re""plica";
ALTER TABLE parent DISABLE TRIGGER off;
CREATE RULE ru AS ON DELETE TO b DO ALSO SELECT 1;
CREATE INDEX part_ix ON child (p1) WITH (fillfactor = 70) WHERE p1 > 5;
CREATE INDEX expr_ix ON parent ((lower(code)) DESC NULLS LAST);
CREATE INDEX clustered ON self (up);
ALTER TABLE self CLUSTER ON clustered;
CREATE VIEW grouped AS SELECT b.*, count(*) FROM b GROUP BY b.id;
CREATE TABLE excl (r int4range, EXCLUDE USING gist (r WITH &&));
CREATE TABLE checked (id int, v int, CONSTRAINT kept CHECK (id > 0));
ALTER TABLE checked ADD CONSTRAINT {quoted("o'ld %")} CHECK (v > 0) NOT VALID;
COMMENT ON CONSTRAINT {quoted("o'ld %")} ON checked IS 'it''s %s {{old}}';
ALTER TABLE checked ADD CONSTRAINT here CHECK (v <> 7) NO INHERIT NOT VALID;
CREATE TABLE handed (id int);
CREATE TABLE heir () INHERITS (handed);
ALTER TABLE handed ADD CONSTRAINT down CHECK (id < 100) NOT VALID;
ALTER TABLE heir ADD CONSTRAINT own CHECK (id > 0) NOT VALID;
CREATE TABLE proven (id int);
ALTER TABLE proven ADD CONSTRAINT passed CHECK (id < 1000) NOT VALID;
CREATE TABLE kin () INHERITS (proven);
CREATE TABLE identity (id int NOT NULL);
CREATE UNIQUE INDEX identity_ix ON identity (id);
ALTER TABLE identity REPLICA IDENTITY USING INDEX identity_ix;
"""
_SINCE = {
    12: """
CREATE TABLE part (id int, y int, p int REFERENCES parent, PRIMARY KEY (id, y))
    PARTITION BY RANGE (y);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20);
ALTER TABLE part_2 ADD CONSTRAINT own FOREIGN KEY (id) REFERENCES parent NOT VALID;
CREATE TRIGGER cloned AFTER INSERT ON part FOR EACH ROW EXECUTE PROCEDURE note();
ALTER TABLE part_2 ENABLE ALWAYS TRIGGER cloned;
ALTER TABLE part ADD CONSTRAINT old CHECK (id > 0) NOT VALID;
ALTER TABLE part_1 ADD CONSTRAINT own CHECK (id < 1000) NOT VALID;
CREATE TABLE to_part (id int, y int, FOREIGN KEY (id, y) REFERENCES part);
""",
    15: """
CREATE TABLE included (x int, z int, PRIMARY KEY (x) INCLUDE (z), UNIQUE NULLS NOT DISTINCT (x, z));
CREATE TABLE fine (x int, z int,
    CONSTRAINT partly FOREIGN KEY (x, z) REFERENCES included (x, z) ON DELETE SET NULL (z));
""",
    18: """
CREATE TABLE loose (id int REFERENCES parent NOT ENFORCED);
ALTER TABLE part ADD CONSTRAINT later FOREIGN KEY (y) REFERENCES parent NOT VALID;
ALTER TABLE loose ADD CONSTRAINT never CHECK (id > 0) NOT ENFORCED;
CREATE TABLE nulls (id int, v int GENERATED ALWAYS AS IDENTITY, w int, PRIMARY KEY (id));
ALTER TABLE nulls ADD CONSTRAINT there NOT NULL w NOT VALID;
COMMENT ON CONSTRAINT there ON nulls IS 'once';
ALTER TABLE part ADD p2 int;
ALTER TABLE part ADD CONSTRAINT there NOT NULL p2 NOT VALID;
CREATE EXTENSION btree_gist;
CREATE TABLE temporal (id int, during tsrange, PRIMARY KEY (id, during WITHOUT OVERLAPS));
""",
}


def schema(version: int) -> str:
    """Everything a server of that major version can have."""
    return _BASE + "".join(script for since, script in _SINCE.items() if version >= since)
