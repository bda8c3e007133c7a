-- The bookkeeping of a migration, kept in the target database so that it commits with the data.
-- Run as one transaction; running it again changes nothing.
-- (A table rather than a replication origin: origins need rights that managed servers withhold.)

CREATE SCHEMA IF NOT EXISTS dms_pg;

-- One row a migrating database. progress_lsn moves in the transaction that holds the changes.
CREATE TABLE IF NOT EXISTS dms_pg.migration (
    id              text PRIMARY KEY,
    format          integer NOT NULL,
    source_system   text NOT NULL,
    slot            text NOT NULL,
    publication     text NOT NULL,
    phase           text NOT NULL,
    plan            text NOT NULL DEFAULT '{}',
    consistent_lsn  pg_catalog.pg_lsn,
    progress_lsn    pg_catalog.pg_lsn
) WITH (fillfactor = 50);

-- One row a part of a table, inserted by the transaction that copied it.
CREATE TABLE IF NOT EXISTS dms_pg.loaded_part (
    migration  text NOT NULL,
    part       text NOT NULL,
    rows       bigint NOT NULL,
    bytes      bigint NOT NULL,
    PRIMARY KEY (migration, part)
);

-- The tables this migration fills: empty when it began, so a fresh start may empty them again.
-- Names as they were then; a table that was renamed meanwhile is found by its oid.
CREATE TABLE IF NOT EXISTS dms_pg.filled_table (
    migration      text NOT NULL,
    relation       text NOT NULL,
    relation_name  text NOT NULL,
    only_itself    boolean NOT NULL,
    relation_oid   oid NOT NULL,
    PRIMARY KEY (migration, relation_oid)
);

-- Every object taken away for the time of the migration, saved by the transaction that took it.
-- Names are as they were then; columns has those a foreign key lists: [whose, table, number, name].
CREATE TABLE IF NOT EXISTS dms_pg.deferred (
    migration      text NOT NULL,
    ordinal        integer NOT NULL,
    kind           text NOT NULL,
    relation       text NOT NULL,
    relation_name  text NOT NULL,
    name           text NOT NULL,
    create_sql     text[] NOT NULL,
    validate_sql   text,
    columns        jsonb NOT NULL,
    state          text NOT NULL,
    PRIMARY KEY (migration, ordinal)
);
