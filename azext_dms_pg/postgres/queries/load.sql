-- What the full load asks the source about its tables. Cut by statements.py.

-- name: sizes
-- Size and identity of every table. Run inside the snapshot: pg_class and pg_attribute are then
-- read as of the snapshot, while the functions speak of now; so the file is pg_class's.
SELECT c.oid::int8,
       pg_catalog.pg_table_size(c.oid),
       pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8,
       c.relfilenode::int8,
       (SELECT pg_catalog.string_agg(a.attnum || ' ' || a.xmin, ',' ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)
  FROM pg_catalog.pg_class c
 WHERE c.oid = ANY (%s)
