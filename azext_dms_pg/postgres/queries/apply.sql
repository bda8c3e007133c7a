-- What the applier has to know of a target table: asked at the first change, and again whenever
-- the stream announces the table anew. JSON reads columns that older servers do not have.

-- name: columns
WITH RECURSIVE base (number, type, modifier) AS (
    SELECT a.attnum, a.atttypid, a.atttypmod
      FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
     UNION ALL
    SELECT b.number, t.typbasetype, t.typtypmod
      FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type
     WHERE t.typtype = 'd'
)
SELECT a.attname::text,
       a.atttypid::int8,
       pg_catalog.format_type(a.atttypid, a.atttypmod),
       coalesce(pg_catalog.to_jsonb(a) ->> 'attidentity', ''),
       coalesce(pg_catalog.to_jsonb(a) ->> 'attgenerated', ''),
       CASE WHEN b.type <> a.atttypid
            THEN pg_catalog.format_type(b.type, b.modifier) END,
       (SELECT pg_catalog.format('OPERATOR(%%I.%%s)', n.nspname, o.oprname)
          FROM pg_catalog.pg_index i
         CROSS JOIN LATERAL pg_catalog.generate_series(0, i.indnatts - 1) k
          JOIN pg_catalog.pg_opclass c ON c.oid = i.indclass[k]
          JOIN pg_catalog.pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree'
          JOIN pg_catalog.pg_amop p ON p.amopfamily = c.opcfamily AND p.amopstrategy = 3
               AND p.amoplefttype = c.opcintype AND p.amoprighttype = c.opcintype
          JOIN pg_catalog.pg_operator o ON o.oid = p.amopopr
          JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
         WHERE i.indrelid = a.attrelid AND i.indkey[k] = a.attnum AND i.indisvalid
         ORDER BY i.indisprimary DESC, i.indisunique DESC, i.indexrelid
         LIMIT 1)
  FROM pg_catalog.pg_attribute a
  JOIN base b ON b.number = a.attnum
  JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype <> 'd'
 WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum

-- Column names of every complete unique btree index: rows are found through one of them.
-- name: unique_keys
SELECT (SELECT pg_catalog.array_agg(a.attname::text)
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = i.indrelid
           AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])                        -- since 11
           AND a.attnum = ANY (i.indkey)                                                      -- until 10
       )
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname = 'btree'
 WHERE i.indrelid = %(oid)s AND i.indisunique AND i.indisvalid
   AND i.indpred IS NULL AND i.indexprs IS NULL

-- name: oid
SELECT c.oid::int8, c.relkind::text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(name)s

-- Built-in types have the same OIDs everywhere, so the target can name those of the stream.
-- name: type_names
SELECT CASE WHEN o < 16384 THEN pg_catalog.format_type(o::oid, m) END
  FROM unnest(%(types)s::int8[], %(modifiers)s::int4[]) WITH ORDINALITY AS u (o, m, n)
 ORDER BY n

-- name: source_attributes
SELECT a.attnum::int4,
       CASE WHEN NOT a.attisdropped THEN a.attname::text END,
       CASE WHEN NOT a.attisdropped THEN pg_catalog.format_type(a.atttypid, a.atttypmod) END,
       coalesce(pg_catalog.to_jsonb(a) ->> 'attgenerated', '')
  FROM pg_catalog.pg_attribute a
 WHERE a.attrelid = %(oid)s AND a.attnum > 0

-- Which rows of a partitioned table a leaf held, as a condition on its columns (10+).
-- name: partition_condition
SELECT pg_catalog.pg_get_partition_constraintdef(c.oid)
  FROM pg_catalog.pg_class c
 WHERE c.oid = %(oid)s
