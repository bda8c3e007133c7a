-- Slots and what holds them up, on 9.5 to 18. "xlog" became "wal" with 10.

-- name: slot_status
SELECT s.plugin::text, s.database::text, s.active_pid,
       coalesce(s.wal_status, ''),                                              -- since 13
       '',                                                                      -- until 12
       coalesce(s.invalidation_reason, ''),                                     -- since 17
       CASE WHEN s.wal_status = 'lost' THEN 'lost' ELSE '' END,                 -- since 13 -- until 16
       '',                                                                      -- until 12
       s.restart_lsn::text, s.confirmed_flush_lsn::text,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn)             -- since 10
       pg_catalog.pg_xlog_location_diff(pg_catalog.pg_current_xlog_location(), s.restart_lsn) -- until 9
  FROM pg_catalog.pg_replication_slots s
 WHERE s.slot_name::text = %(name)s::text

-- A role without rights of monitoring sees of others' sessions in pg_stat_activity who they are and
-- their transaction ids, and NULL for all else: xact_start, state, wait_event, backend_type. No
-- condition below may drop a row for such a NULL. pg_locks shows everybody everything.

-- Everything with a transaction id that was there when we looked may hold the slot up; ourselves
-- and what is done in a moment are left out. Where its beginning is not to be seen, it counts if it
-- is what the slot waits for, or older. Prepared transactions have no process.
-- name: blockers
SELECT pg_catalog.format('process %%s (%%s)', a.pid,
                         pg_catalog.concat_ws(', ',
                             coalesce(nullif(a.application_name, ''), 'no application name'),
                             a.state,
                             'since ' || pg_catalog.date_trunc('second', a.xact_start)))
  FROM pg_catalog.pg_stat_activity a
 WHERE a.backend_xid IS NOT NULL
   AND a.pid <> %(pid)s
   AND CASE WHEN a.xact_start IS NULL
            THEN pg_catalog.age(a.backend_xid) >= (
                 SELECT pg_catalog.min(pg_catalog.age(w.transactionid)) FROM pg_catalog.pg_locks w
                  WHERE w.pid = %(pid)s AND w.locktype = 'transactionid' AND NOT w.granted)
            ELSE a.xact_start < pg_catalog.clock_timestamp() - interval '2 seconds' END
 UNION ALL
SELECT pg_catalog.format('prepared transaction %%L (since %%s)', p.gid,
                         pg_catalog.date_trunc('second', p.prepared))
  FROM pg_catalog.pg_prepared_xacts p

-- Who has written something in this database that is not committed; autovacuum's are no rows, and
-- its workers are nobody's sessions.
-- name: open_transactions
SELECT pg_catalog.format('process %%s (%%s)', a.pid,
                         pg_catalog.concat_ws(', ',
                             coalesce(nullif(a.application_name, ''), 'no application name'),
                             'since ' || pg_catalog.date_trunc('second', a.xact_start)))
  FROM pg_catalog.pg_stat_activity a
 WHERE a.backend_xid IS NOT NULL
   AND a.pid <> pg_catalog.pg_backend_pid()
   AND a.datname = pg_catalog.current_database()
   AND a.usesysid IS NOT NULL                                                   -- since 10
   AND coalesce(a.query, '') NOT LIKE 'autovacuum:%%'                           -- until 9
 UNION ALL
SELECT pg_catalog.format('prepared transaction %%L (since %%s)', p.gid,
                         pg_catalog.date_trunc('second', p.prepared))
  FROM pg_catalog.pg_prepared_xacts p
 WHERE p.database = pg_catalog.current_database()

-- name: system_identifier
SELECT system_identifier::text FROM pg_catalog.pg_control_system()

-- Where the source's WAL ends on disk: what there is to be read.
-- name: wal_end
SELECT (pg_catalog.pg_current_wal_flush_lsn() - '0/0')::text                    -- since 10
SELECT (pg_catalog.pg_current_xlog_location() - '0/0')::text                    -- until 9

-- The same, and what a walsender of ours waits for: empty while it works, NULL when it is no more.
-- name: walsender
SELECT (pg_catalog.pg_current_wal_flush_lsn() - '0/0')::text,                   -- since 10
SELECT (pg_catalog.pg_current_xlog_location() - '0/0')::text,                   -- until 9
       (SELECT coalesce(a.wait_event_type || ' ' || a.wait_event, '')           -- since 10
       (SELECT ''                                                               -- until 9
          FROM pg_catalog.pg_stat_activity a WHERE a.pid = {pid})

-- A page of WAL that means nothing; answers like wal_end.
-- name: push
SELECT (pg_catalog.pg_logical_emit_message(true, 'dms_pg_push', pg_catalog.repeat(' ', 8192))
        - '0/0')::text                                                          -- since 9

-- How many rows were changed by transactions that the slot has not given out yet and that ended
-- after a position; none is taken from it. Enough to know: counting stops behind ten thousand.
-- name: late_pgoutput
SELECT coalesce(sum(t.rows), 0)::bigint
  FROM (SELECT count(*) FILTER (WHERE pg_catalog.get_byte(data, 0) IN (68, 73, 84, 85)) AS rows,
               pg_catalog.max(lsn - '0/0'::pg_lsn) AS ended
          FROM pg_catalog.pg_logical_slot_peek_binary_changes(%(slot)s, NULL, 10000,
               'proto_version', '1',
               'publication_names', pg_catalog.quote_ident(%(publication)s)) AS p (lsn, xid, data)
         GROUP BY xid::text) t
 WHERE t.ended > %(after)s::pg_lsn - '0/0'::pg_lsn

-- name: late_test_decoding
WITH ours AS (
    SELECT pg_catalog.quote_ident(s) || '.' || pg_catalog.quote_ident(n) AS name
      FROM unnest(%(schemas)s::text[], %(names)s::text[]) AS given (s, n)
)
SELECT coalesce(sum(t.rows), 0)::bigint
  FROM (SELECT count(*) FILTER (WHERE EXISTS (
                   SELECT FROM ours WHERE pg_catalog.strpos(data, 'table ' || ours.name || ':') = 1
                       OR data LIKE 'table %%: TRUNCATE%%' AND pg_catalog.strpos(data, ours.name) > 0
               )) AS rows,
               pg_catalog.max(lsn - '0/0'::pg_lsn) AS ended
          FROM pg_catalog.pg_logical_slot_peek_changes(%(slot)s, NULL, 10000) AS p (lsn, xid, data)
         GROUP BY xid::text) t
 WHERE t.ended > %(after)s::pg_lsn - '0/0'::pg_lsn

-- name: fence
SELECT pg_catalog.pg_logical_emit_message(true, 'dms_pg', %(nonce)s::text),
       pg_catalog.txid_current() & 4294967295

-- 9.5 has no messages; any commit with an id will do, and a temporary table gives it one.
-- name: fence_without_messages
CREATE TEMPORARY TABLE dms_pg_fence () ON COMMIT DROP

-- name: xid
SELECT pg_catalog.txid_current() & 4294967295

-- name: insert_position
SELECT (pg_catalog.pg_current_wal_insert_lsn() - '0/0')::text                   -- since 10
SELECT (pg_catalog.pg_current_xlog_insert_location() - '0/0')::text             -- until 9

-- name: publication
SELECT p.oid::int8, p.xmin::text,
       pg_catalog.concat_ws(' ', p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete
                            , p.pubtruncate                          -- since 11
                            , p.pubviaroot                           -- since 13
                            , p.pubgencols                           -- since 18
       )
  FROM pg_catalog.pg_publication p
 WHERE p.pubname OPERATOR(pg_catalog.=) %(name)s;

-- name: publication_tables
SELECT r.prrelid::int8, r.xmin::text
  FROM pg_catalog.pg_publication_rel r
 WHERE r.prpubid OPERATOR(pg_catalog.=) %(oid)s;
