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
         LIMIT 1),
       (b.type >= 16384 AND t.typtype <> 'e')
         OR NOT coalesce((pg_catalog.to_jsonb(l) ->> 'collisdeterministic')::bool, true)
  FROM pg_catalog.pg_attribute a
  JOIN base b ON b.number = a.attnum
  JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype <> 'd'
  LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
 WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum

-- Every complete unique btree index, column by column: rows are found through one of them. What it
-- takes for equal is its operator's and its collation's business, which need not be the column's.
-- name: unique_keys
SELECT i.indexrelid::int8,
       a.attname::text,
       CASE WHEN o.oid > 0 THEN pg_catalog.format('OPERATOR(%%I.%%s)', n.nspname, o.oprname) END,
       CASE WHEN i.indcollation[k] <> a.attcollation THEN
            (SELECT pg_catalog.format('COLLATE %%I.%%I', s.nspname, l.collname)
               FROM pg_catalog.pg_collation l
               JOIN pg_catalog.pg_namespace s ON s.oid = l.collnamespace
              WHERE l.oid = i.indcollation[k]) END
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
  JOIN pg_catalog.pg_am m ON m.oid = x.relam AND m.amname = 'btree'
 CROSS JOIN LATERAL pg_catalog.generate_series(0,
       i.indnkeyatts                                                                          -- since 11
       i.indnatts                                                                             -- until 10
       - 1) k
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k]
  LEFT JOIN pg_catalog.pg_opclass c ON c.oid = i.indclass[k]
  LEFT JOIN pg_catalog.pg_amop p ON p.amopfamily = c.opcfamily AND p.amopstrategy = 3
       AND p.amoplefttype = c.opcintype AND p.amoprighttype = c.opcintype
  LEFT JOIN pg_catalog.pg_operator o ON o.oid = p.amopopr
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
 WHERE i.indrelid = %(oid)s AND i.indisunique AND i.indisvalid
   AND i.indpred IS NULL AND i.indexprs IS NULL
 ORDER BY i.indisprimary DESC, i.indexrelid, k

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

-- How rows find a leaf, level by level from it to its root (10+). Words of the source, which are
-- read for their values and never run. A key may have another collation than its column: one that
-- compares bytes every server has, of others it is only told that it is not plain.
-- name: partition_levels
WITH RECURSIVE up (oid, parent, step) AS (
    SELECT i.inhrelid, i.inhparent, 1 FROM pg_catalog.pg_inherits i WHERE i.inhrelid = %(oid)s
     UNION ALL
    SELECT i.inhrelid, i.inhparent, u.step + 1
      FROM up u
      JOIN pg_catalog.pg_class c ON c.oid = u.parent AND c.relispartition
      JOIN pg_catalog.pg_inherits i ON i.inhrelid = u.parent
)
SELECT p.partstrat::text,
       k.names,
       k.bytewise,
       NOT k.collated AND NOT EXISTS (SELECT 1 FROM pg_catalog.unnest(p.partclass::oid[]) AS k (class)
                     JOIN pg_catalog.pg_opclass o ON o.oid = k.class
                    WHERE NOT o.opcdefault OR o.oid >= 16384),
       pg_catalog.pg_get_expr(c.relpartbound, c.oid),
       ARRAY(SELECT pg_catalog.pg_get_expr(s.relpartbound, s.oid)
               FROM pg_catalog.pg_inherits i
               JOIN pg_catalog.pg_class s ON s.oid = i.inhrelid
              WHERE i.inhparent = u.parent AND s.oid <> c.oid)
  FROM up u
  JOIN pg_catalog.pg_class c ON c.oid = u.oid
  JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = u.parent
 CROSS JOIN LATERAL (
       SELECT pg_catalog.array_agg(a.attname::text ORDER BY key.place) AS names,
              pg_catalog.array_agg(own.found AND own.bytewise ORDER BY key.place) AS bytewise,
              pg_catalog.bool_or(own.found AND NOT own.bytewise) AS collated
         FROM ROWS FROM (pg_catalog.unnest(p.partattrs::int2[]),
                         pg_catalog.unnest(p.partcollation::oid[]))
              WITH ORDINALITY AS key (number, locale, place)
         LEFT JOIN pg_catalog.pg_attribute a
           ON a.attrelid = u.parent AND a.attnum = key.number AND key.number <> 0
         LEFT JOIN pg_catalog.pg_collation l ON l.oid = key.locale
        CROSS JOIN LATERAL (
              SELECT coalesce(key.locale <> a.attcollation, false),
                     coalesce(l.collnamespace = 'pg_catalog'::pg_catalog.regnamespace
                              AND l.collname IN ('C', 'POSIX', 'ucs_basic')
                              -- A list asks for equality alone.
                              OR p.partstrat = 'l'
                              AND l.collisdeterministic                                       -- since 12
                              , false)
              ) AS own (found, bytewise)
       ) AS k
 ORDER BY u.step

-- By whose rules the columns of a table are ordered: the collation's name, for the database's own
-- its provider and locale; empty where all servers agree. And whether only equal bytes are equal.
-- name: orders
SELECT a.attname::text,
       CASE WHEN a.attcollation = 0 OR n.nspname = 'pg_catalog'
                 AND l.collname IN ('C', 'POSIX', 'ucs_basic') THEN ''
            WHEN l.collname <> 'default' THEN pg_catalog.concat(n.nspname, '.', l.collname)
            ELSE pg_catalog.concat_ws(' ',
                   d.datlocprovider,                                                          -- since 15
                   'c',                                                                       -- until 14
                   CASE WHEN d.datlocprovider <> 'c' THEN coalesce(                           -- since 15
                        pg_catalog.to_jsonb(d) ->> 'datlocale',                               -- since 15
                        pg_catalog.to_jsonb(d) ->> 'daticulocale') ELSE                       -- since 15
                   d.datcollate
                   END                                                                        -- since 15
                   )
        END,
       coalesce((pg_catalog.to_jsonb(l) ->> 'collisdeterministic')::bool, true)
  FROM pg_catalog.pg_attribute a
 CROSS JOIN pg_catalog.pg_database d
  LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
 WHERE a.attrelid = %(oid)s
   AND d.datname = pg_catalog.current_database()
   AND a.attnum > 0 AND NOT a.attisdropped
