-- What ADD COLUMN on the target needs to know of columns the source has now.

-- name: columns
select a.attrelid as relation,
       a.attname::text as name,
       pg_get_expr(d.adbin, d.adrelid) as expression,
       -- What rows that were there before the column came hold: nobody sends those values.
       case when a.atthasmissing then (a.attmissingval::text::text[])[1] end as missing -- since 11
       null::text as missing                                        -- until 10
  from pg_attribute a
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where a.attrelid = any(%(relations)s)
   and a.attnum > 0
   and not a.attisdropped;

-- name: ancestors
-- The partitioned tables a partition belongs to, directly or not.
with recursive up (oid) as (
    select i.inhparent
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid
     where i.inhrelid = %(oid)s
       and c.relispartition                                         -- since 10
       and false                                                    -- until 9
    union
    select i.inhparent
      from up u
      join pg_class c on c.oid = u.oid
      join pg_inherits i on i.inhrelid = u.oid
     where c.relispartition                                         -- since 10
     where false                                                    -- until 9
)
select n.nspname::text, c.relname::text
  from up u
  join pg_class c on c.oid = u.oid
  join pg_namespace n on n.oid = c.relnamespace;

-- name: leaves
-- Partitions of a table that hold rows and write WAL, as they are now; itself when it has none.
with recursive down (oid) as (
    select c.oid
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = %(schema)s
       and c.relname = %(name)s
    union
    select i.inhrelid
      from down d
      join pg_inherits i on i.inhparent = d.oid
      join pg_class c on c.oid = i.inhrelid
     where c.relispartition                                         -- since 10
     where false                                                    -- until 9
)
select c.oid, n.nspname::text, c.relname::text
  from down d
  join pg_class c on c.oid = d.oid
  join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r'
   and c.relpersistence = 'p';

-- name: fingerprint
-- One number for everything whose change may matter; cheap enough to ask every few seconds.
select md5(concat_ws(' ',
         (select sum(hashtext(concat_ws(' ', c.oid, c.relname, c.relnamespace, c.relfilenode,
                                        c.relkind, c.relpersistence))::int8)
            from pg_class c
            join pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'p')
             and n.nspname !~ '^pg_|^information_schema$'),
         (select sum(hashtext(concat_ws(' ', a.attrelid, a.attnum, a.attname, a.atttypid,
                                        a.attgenerated,             -- since 12
                                        a.atttypmod, a.attisdropped, a.attnotnull))::int8)
            from pg_attribute a
            join pg_class c on c.oid = a.attrelid
            join pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'p')
             and a.attnum > 0
             and n.nspname !~ '^pg_|^information_schema$'),
         (select sum(hashtext(concat_ws(' ', e.oid, e.enumlabel, e.enumsortorder))::int8)
            from pg_enum e),
         (select sum(hashtext(concat_ws(' ', i.inhrelid, i.inhparent))::int8) from pg_inherits i),
         (select sum(hashtext(concat_ws(' ', n.oid, n.nspname))::int8)
            from pg_namespace n where n.nspname !~ '^pg_')));

-- name: files
-- Read from the catalogue's rows, which a snapshot has as they were; a function would see today's.
select c.oid::int8, c.relfilenode::int8
  from pg_class c
 where c.oid = any(%(relations)s);

-- name: shapes
select a.attrelid::int8,
       a.attnum::int4,
       a.attname::text,
       format_type(a.atttypid, a.atttypmod),
       a.attgenerated::text,                                        -- since 12
       ''::text,                                                    -- until 11
       case when a.atthasmissing then a.attmissingval::text end     -- since 11
       null::text                                                   -- until 10
  from pg_attribute a
 where a.attrelid = any(%(relations)s)
   and a.attnum > 0
   and not a.attisdropped;

-- name: rows_before_attach
-- Whether a partition holds rows that are older than its being one: no stream brought those.
select exists (
    select 1
      from only {table} t, pg_inherits i
     where i.inhrelid = any(%(chain)s)
       and (age(t.xmin) > age(i.xmin)
            or (t.xmin = i.xmin and t.cmin::text::int8 < i.cmin::text::int8)));
