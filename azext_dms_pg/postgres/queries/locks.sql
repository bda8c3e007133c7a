-- Who keeps our sessions waiting, on 9.6 to 18 (before, the server cannot tell).

-- What each of our sessions waits for, and whom. A prepared transaction has no process.
-- name: holders
SELECT a.pid, coalesce(wanted.relation::pg_catalog.regclass::text, ''),
       coalesce(b.pid, 0),
       coalesce(b.usename::text, ''), coalesce(b.application_name, ''), coalesce(b.state, ''),
       coalesce(pg_catalog.date_trunc('second', b.xact_start)::text, ''),
       coalesce(nullif(b.query, '<insufficient privilege>'), ''),
       coalesce((SELECT pg_catalog.string_agg(pg_catalog.quote_literal(p.gid), ', ' ORDER BY p.gid)
                   FROM pg_catalog.pg_prepared_xacts p
                  WHERE b.pid IS NULL AND p.database = pg_catalog.current_database()), '')
  FROM pg_catalog.pg_stat_activity a
 CROSS JOIN LATERAL unnest(pg_catalog.pg_blocking_pids(a.pid)) AS holder(pid)
  LEFT JOIN pg_catalog.pg_stat_activity b ON b.pid = holder.pid
  LEFT JOIN LATERAL (SELECT l.relation FROM pg_catalog.pg_locks l
                      WHERE l.pid = a.pid AND NOT l.granted LIMIT 1) AS wanted ON true
 WHERE a.pid = ANY(%(ours)s)
   AND a.wait_event_type = 'Lock'
   AND holder.pid <> ALL(%(ours)s)
 ORDER BY 3, 2
