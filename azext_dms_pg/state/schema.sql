-- The local store: what `az dms` knows about local services, projects and tasks.
-- It mirrors the truth that each target database keeps (schema dms_pg there) and never holds a
-- password (see vault.py). Times are ISO 8601 text in UTC. Names compare case-insensitively,
-- as Azure's do. The schema's version is PRAGMA user_version.

CREATE TABLE service (
    id            INTEGER PRIMARY KEY,
    group_name    TEXT NOT NULL COLLATE NOCASE,
    name          TEXT NOT NULL COLLATE NOCASE,
    location      TEXT NOT NULL,
    sku           TEXT NOT NULL,
    tags          TEXT NOT NULL,            -- JSON object
    state         TEXT NOT NULL,            -- ServiceState
    created_on    TEXT NOT NULL,
    UNIQUE (group_name, name)
);

CREATE TABLE project (
    id               INTEGER PRIMARY KEY,
    service          INTEGER NOT NULL REFERENCES service ON DELETE CASCADE,
    name             TEXT NOT NULL COLLATE NOCASE,
    location         TEXT NOT NULL,
    source_platform  TEXT NOT NULL,
    target_platform  TEXT NOT NULL,
    tags             TEXT NOT NULL,         -- JSON object
    created_on       TEXT NOT NULL,
    UNIQUE (service, name)
);

-- wanted: what the user last asked of the workers: run, pause (the service is stopped), cancel.
CREATE TABLE task (
    id          TEXT PRIMARY KEY,           -- 32 hex digits; names the vault entry and the locks
    project     INTEGER NOT NULL REFERENCES project ON DELETE CASCADE,
    name        TEXT NOT NULL COLLATE NOCASE,
    input       TEXT NOT NULL,              -- JSON, passwords null
    state       TEXT NOT NULL,              -- TaskState
    wanted      TEXT NOT NULL DEFAULT 'run',
    options     TEXT NOT NULL DEFAULT '{}', -- JSON, what the local engine was asked beyond input
    created_on  TEXT NOT NULL,
    started_on  TEXT,
    ended_on    TEXT,
    UNIQUE (project, name)
);

CREATE TABLE task_database (
    task             TEXT NOT NULL REFERENCES task ON DELETE CASCADE,
    ordinal          INTEGER NOT NULL,
    name             TEXT NOT NULL,
    target_name      TEXT NOT NULL,
    state            TEXT NOT NULL,         -- MigrationState
    activity         TEXT NOT NULL DEFAULT '', -- one sentence: what is being done right now
    problem          TEXT NOT NULL DEFAULT '', -- why it cannot go on at this moment, or empty
    action           TEXT NOT NULL DEFAULT '', -- what mends the problem
    started_on       TEXT,
    ended_on         TEXT,
    load_ended_on    TEXT,                  -- set when the full load is durably on the target
    cutover_on       TEXT,
    inserts          INTEGER NOT NULL DEFAULT 0,
    updates          INTEGER NOT NULL DEFAULT 0,
    deletes          INTEGER NOT NULL DEFAULT 0,
    incoming         INTEGER NOT NULL DEFAULT 0, -- changes received, not yet on the target
    latency          REAL NOT NULL DEFAULT 0,    -- seconds
    applied_lsn      TEXT,
    source_lsn       TEXT,
    source_version   TEXT NOT NULL DEFAULT '',
    target_version   TEXT NOT NULL DEFAULT '',
    heartbeat        TEXT,
    PRIMARY KEY (task, ordinal)
);

CREATE TABLE task_table (
    task          TEXT NOT NULL,
    ordinal       INTEGER NOT NULL,         -- of the database
    schema        TEXT NOT NULL,
    name          TEXT NOT NULL,
    state         TEXT NOT NULL,            -- TableState
    rows          INTEGER NOT NULL DEFAULT 0,
    bytes         INTEGER NOT NULL DEFAULT 0,
    fraction      REAL NOT NULL DEFAULT 0,  -- of the full load, 0..1
    format        TEXT NOT NULL DEFAULT '', -- binary or text
    weight        INTEGER NOT NULL DEFAULT 0, -- bytes on the source when the load began
    started_on    TEXT,
    ended_on      TEXT,
    estimated_end TEXT,
    inserts       INTEGER NOT NULL DEFAULT 0,
    updates       INTEGER NOT NULL DEFAULT 0,
    deletes       INTEGER NOT NULL DEFAULT 0,
    errors        INTEGER NOT NULL DEFAULT 0,
    modified_on   TEXT,
    PRIMARY KEY (task, ordinal, schema, name),
    FOREIGN KEY (task, ordinal) REFERENCES task_database ON DELETE CASCADE
);

-- What the CLI asks of a running worker: the only way in.
CREATE TABLE command (
    id          INTEGER PRIMARY KEY,
    task        TEXT NOT NULL REFERENCES task ON DELETE CASCADE,
    ordinal     INTEGER NOT NULL,           -- of the database
    type        TEXT NOT NULL,              -- Migrate.Sync.Complete.Database
    state       TEXT NOT NULL,              -- CommandState
    options     TEXT NOT NULL DEFAULT '{}',
    created_on  TEXT NOT NULL,
    error       TEXT NOT NULL DEFAULT ''
);

-- What happened, for the output and the report; the newest of one database come first in show.
CREATE TABLE event (
    id        INTEGER PRIMARY KEY,
    task      TEXT NOT NULL REFERENCES task ON DELETE CASCADE,
    ordinal   INTEGER,                      -- of the database, or NULL for the whole task
    at        TEXT NOT NULL,
    severity  TEXT NOT NULL,                -- blocker, warning, info or error
    code      TEXT NOT NULL,
    subject   TEXT NOT NULL DEFAULT '',
    message   TEXT NOT NULL,
    action    TEXT NOT NULL DEFAULT ''
);

CREATE INDEX event_task ON event (task, ordinal, id);

-- Lag and throughput over time, one row every few seconds, for watch and report.
CREATE TABLE sample (
    task     TEXT NOT NULL REFERENCES task ON DELETE CASCADE,
    ordinal  INTEGER NOT NULL,
    at       TEXT NOT NULL,
    latency  REAL NOT NULL,
    applied  INTEGER NOT NULL,              -- changes applied since the beginning
    rows     INTEGER NOT NULL,              -- rows loaded since the beginning
    incoming INTEGER NOT NULL
);

CREATE INDEX sample_task ON sample (task, ordinal, at);

-- Every state a database came to and when, for the timeline of the report.
CREATE TABLE passage (
    task      TEXT NOT NULL REFERENCES task ON DELETE CASCADE,
    ordinal   INTEGER NOT NULL,
    at        TEXT NOT NULL,
    state     TEXT NOT NULL,                -- MigrationState
    activity  TEXT NOT NULL
);

CREATE INDEX passage_task ON passage (task, ordinal, at);

-- What the newest comparison of both sides found, table by table.
CREATE TABLE comparison (
    task         TEXT NOT NULL REFERENCES task ON DELETE CASCADE,
    ordinal      INTEGER NOT NULL,
    schema       TEXT NOT NULL,
    name         TEXT NOT NULL,
    at           TEXT NOT NULL,
    source_rows  INTEGER NOT NULL,
    target_rows  INTEGER NOT NULL,
    source_sum   TEXT NOT NULL DEFAULT '',  -- empty when rows were only counted
    target_sum   TEXT NOT NULL DEFAULT '',
    equal        INTEGER NOT NULL,
    keys         TEXT NOT NULL DEFAULT '[]', -- JSON list: keys of rows that differ, some of them
    PRIMARY KEY (task, ordinal, schema, name)
);
