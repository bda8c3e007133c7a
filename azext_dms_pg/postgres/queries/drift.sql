-- A partition whose DETACH CONCURRENTLY was interrupted (inhdetachpending) is none any more: neither
-- its root's reader nor the publication counts it. Its constraints are inherited until the end.

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

-- name: types
-- Types users can make; what those are made of; table rows are left out, they follow their table.
select t.oid::int8 as oid,
       n.nspname::text as schema,
       t.typname::text as name,
       t.typtype::text as kind,
       array(select f.oid::int8
               from (select t.typelem where t.typelem <> 0
                     union all
                     select t.typbasetype where t.typbasetype <> 0
                     union all
                     select r.rngsubtype from pg_range r
                      where r.rngtypid = t.oid
                         or r.rngmultitypid = t.oid                 -- since 14
                     union all
                     select r.rngtypid from pg_range r where r.rngmultitypid = t.oid -- since 14
                     union all                                      -- since 14
                     select a.atttypid from pg_attribute a
                      where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
                    ) f (oid)) as parts,
       array(select array[a.attname::text, format_type(a.atttypid, a.atttypmod),
                          case when a.attcollation <> y.typcollation
                               then quote_ident(s.nspname) || '.' || quote_ident(l.collname) end]
               from pg_attribute a
               join pg_type y on y.oid = a.atttypid
               left join pg_collation l on l.oid = a.attcollation
               left join pg_namespace s on s.oid = l.collnamespace
              where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
              order by a.attnum) as fields,
       format_type(t.typbasetype, t.typtypmod) as base,
       case when t.typcollation <> b.typcollation
            then quote_ident(s.nspname) || '.' || quote_ident(l.collname) end as collation,
       t.typnotnull as not_null,
       pg_get_expr(t.typdefaultbin, 0) as default_value,
       array(select array[k.conname::text, pg_get_constraintdef(k.oid)]
               from pg_constraint k
              where k.contypid = t.oid and k.contype = 'c'
              order by k.conname) as checks,
       (select format_type(r.rngsubtype, null)
                  || case when not o.opcdefault then ', subtype_opclass = '
                          || quote_ident(m.nspname) || '.' || quote_ident(o.opcname) else '' end
                  || case when r.rngcollation <> u.typcollation
                          then ', collation = ' || quote_ident(h.nspname) || '.'
                               || quote_ident(g.collname) else '' end
                  || case when r.rngsubdiff <> 0
                          then ', subtype_diff = ' || r.rngsubdiff::regproc::text else '' end
          from pg_range r
          join pg_opclass o on o.oid = r.rngsubopc
          join pg_namespace m on m.oid = o.opcnamespace
          join pg_type u on u.oid = r.rngsubtype
          left join pg_collation g on g.oid = r.rngcollation
          left join pg_namespace h on h.oid = g.collnamespace
         where r.rngtypid = t.oid) as subtype,
       coalesce(e.extname::text, '') as extension
  from pg_type t
  join pg_namespace n on n.oid = t.typnamespace
  left join pg_class c on c.oid = t.typrelid
  left join pg_type b on b.oid = t.typbasetype
  left join pg_collation l on l.oid = t.typcollation
  left join pg_namespace s on s.oid = l.collnamespace
  left join pg_depend d
    on d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e'
  left join pg_extension e on e.oid = d.refobjid
 where n.nspname !~ '^pg_'
   and n.nspname not in ('information_schema', 'dms_pg')
   and (t.typrelid = 0 or c.relkind = 'c')
   and t.typtype <> 'p';

-- name: sequences
-- How each was made, for those that are to be made again.
select n.nspname::text, c.relname::text, format_type(q.seqtypid, null), -- since 10
       q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle -- since 10
  from pg_sequence q                                                -- since 10
  join pg_class c on c.oid = q.seqrelid                             -- since 10
  join pg_namespace n on n.oid = c.relnamespace                     -- since 10
 where n.nspname !~ '^pg_';                                         -- since 10
select null where false;                                            -- until 9

-- name: constraints
-- What refuses rows by itself: checks, exclusions and all that is unique, whole or partial; with
-- the table it is inherited from, at which alone it can be dropped. Foreign keys are away while
-- changes are followed.
select k.oid::int8 as oid,
       k.conrelid::int8 as relation,
       k.conname::text as name,
       k.contype::text as kind,
       pg_get_constraintdef(k.oid) as meaning,
       pg_get_constraintdef(k.oid) as definition,
       n.nspname::text as schema,
       c.relname::text as top,
       k.conname::text as top_name
  from pg_constraint k
  join pg_class c on c.oid = (
       with recursive up (relation, step) as (
           select k.conrelid, 0
           union all
           select h.inhparent, u.step + 1
             from up u
             join pg_inherits h on h.inhrelid = u.relation
             join pg_constraint p on p.conrelid = h.inhparent
              and p.conname = k.conname and p.contype = k.contype and not p.connoinherit
            where k.coninhcount > 0
       )
       select u.relation from up u order by u.step desc limit 1)
  join pg_namespace n on n.oid = c.relnamespace
 where k.conrelid = any(%(relations)s)
   and k.contype in ('c', 'x')
   and k.conenforced                                                -- since 18
 union all
select i.indexrelid::int8,
       i.indrelid::int8,
       x.relname::text,
       coalesce(k.contype::text, 'i'),
       'UNIQUE (' || array_to_string(array(
           select pg_get_indexdef(i.indexrelid, g, true)
             from generate_series(1,
                      i.indnkeyatts                                 -- since 11
                      i.indnatts                                    -- until 10
                  ) g
            order by 1), ', ') || ')'
           || case when i.indnullsnotdistinct then ' NULLS NOT DISTINCT' else '' end -- since 15
           || coalesce(' WHERE ' || pg_get_expr(i.indpred, i.indrelid), ''),
       case when k.oid is not null then pg_get_constraintdef(k.oid)
            else substring(pg_get_indexdef(i.indexrelid) from ' (USING .*)$') end,
       n.nspname::text,
       c.relname::text,
       y.relname::text
  from pg_index i
  join pg_class x on x.oid = i.indexrelid
  left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u')
  join pg_class y on y.oid = (
       with recursive up (index, step) as (
           select i.indexrelid, 0
           union all
           select h.inhparent, u.step + 1 from up u join pg_inherits h on h.inhrelid = u.index
       )
       select u.index from up u order by u.step desc limit 1)
  join pg_index j on j.indexrelid = y.oid
  join pg_class c on c.oid = j.indrelid
  join pg_namespace n on n.oid = c.relnamespace
 where i.indrelid = any(%(relations)s)
   and i.indisunique
   and i.indisready;

-- name: ancestors
-- The partitioned tables a partition belongs to, directly or not.
with recursive up (oid) as (
    select i.inhparent
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid
     where i.inhrelid = %(oid)s
       and c.relispartition                                         -- since 10
       and false                                                    -- until 9
       and not i.inhdetachpending                                   -- since 14
    union
    select i.inhparent
      from up u
      join pg_class c on c.oid = u.oid
      join pg_inherits i on i.inhrelid = u.oid
     where c.relispartition                                         -- since 10
     where false                                                    -- until 9
       and not i.inhdetachpending                                   -- since 14
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
       and not i.inhdetachpending                                   -- since 14
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
           where c.relkind in ('r', 'p', 'S')
             and n.nspname !~ '^pg_|^information_schema$'),
         (select sum(hashtext(concat_ws(' ', a.attrelid, a.attnum, a.attname, a.atttypid,
                                        a.attgenerated,             -- since 12
                                        a.atttypmod, a.attisdropped, a.attnotnull))::int8)
            from pg_attribute a
            join pg_class c on c.oid = a.attrelid
            join pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'p', 'c')
             and a.attnum > 0
             and n.nspname !~ '^pg_|^information_schema$'),
         (select sum(hashtext(concat_ws(' ', k.oid, k.conname, k.conrelid, k.contypid,
                                        k.conenforced,              -- since 18
                                        k.contype))::int8)
            from pg_constraint k
            join pg_namespace n on n.oid = k.connamespace
           where k.contype in ('c', 'f', 'n', 'x', 'u', 'p')
             and n.nspname !~ '^pg_|^information_schema$'),
         (select sum(hashtext(concat_ws(' ', i.indexrelid, i.indrelid))::int8)
            from pg_index i
            join pg_class c on c.oid = i.indexrelid
            join pg_namespace n on n.oid = c.relnamespace
           where n.nspname !~ '^pg_|^information_schema$'),
         (select sum(hashtext(concat_ws(' ', d.oid, d.adrelid))::int8) from pg_attrdef d),
         (select sum(hashtext(concat_ws(' ', t.oid, t.tgrelid))::int8)
            from pg_trigger t where not t.tgisinternal),
         (select sum(hashtext(concat_ws(' ', t.oid, t.typname, t.typnamespace,
                                        t.typnotnull))::int8)
            from pg_type t
            join pg_namespace n on n.oid = t.typnamespace
           where t.typtype in ('c', 'd', 'e', 'r')
             and n.nspname !~ '^pg_|^information_schema$'),
         (select sum(hashtext(concat_ws(' ', e.oid, e.enumlabel, e.enumsortorder))::int8)
            from pg_enum e),
         (select sum(hashtext(concat_ws(' ', i.inhrelid, i.inhparent, i.xmin))::int8)
            from pg_inherits i),
         (select sum(hashtext(concat_ws(' ', q.seqrelid, q.seqtypid, q.seqincrement, q.seqmin, q.seqmax, q.seqcycle))::int8) -- since 10
            from pg_sequence q join pg_class c on c.oid = q.seqrelid where c.relpersistence <> 't'), -- since 10
         (select sum(hashtext(concat_ws(' ', p.oid, p.xmin))::int8) from pg_publication p), -- since 10
         (select sum(hashtext(concat_ws(' ', r.oid, r.xmin))::int8) from pg_publication_rel r), -- since 10
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
     where i.inhrelid = any({chain})
       and (age(t.xmin) > age(i.xmin)
            or (t.xmin = i.xmin and t.cmin::text::int8 < i.cmin::text::int8)));

-- name: places
-- The partitioned tables above each relation that is there, parent first, with the xmin of every
-- step.
with recursive up (leaf, parent, xmin, depth) as (
    select i.inhrelid, i.inhparent, i.xmin::text, 1
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid
     where i.inhrelid = any(%(relations)s)
       and c.relispartition                                         -- since 10
       and false                                                    -- until 9
       and not i.inhdetachpending                                   -- since 14
    union all
    select u.leaf, i.inhparent, i.xmin::text, u.depth + 1
      from up u
      join pg_class c on c.oid = u.parent
      join pg_inherits i on i.inhrelid = u.parent
     where c.relispartition                                         -- since 10
     where false                                                    -- until 9
       and not i.inhdetachpending                                   -- since 14
)
select c.oid::int8,
       array(select u.parent::int8 from up u where u.leaf = c.oid order by u.depth),
       array(select u.xmin from up u where u.leaf = c.oid order by u.depth)
  from pg_class c
 where c.oid = any(%(relations)s);

-- name: there
-- A target table as it is called now, and whether it is still part of a partitioned one.
select n.nspname::text, c.relname::text, c.relispartition
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
 where c.oid = %(oid)s;

-- name: definitions
-- What was declared at tables themselves: constraints, indexes, defaults, triggers; as statements.
select d.oid,
       n.nspname::text as schema,
       c.relname::text || '.' || d.name as name,
       d.text || ';' as statement,
       -- What takes away another one of that name.
       d.away || ';' as away
  from (
    select k.oid::int8 as oid, k.conrelid as relation, k.conname::text as name,
           format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', k.conrelid::regclass, k.conname,
                  pg_get_constraintdef(k.oid)) as text,
           format('ALTER TABLE %%s DROP CONSTRAINT %%I', k.conrelid::regclass, k.conname) as away
      from pg_constraint k
     where k.contype in ('c', 'f', 'p', 'u', 'x')
       and k.coninhcount = 0
    union all
    -- Before 18 it has no object of its own; the number made of its column is below all OIDs.
    select -(a.attrelid::int8 * 2048 + a.attnum), a.attrelid, a.attname::text || ' (NOT NULL)',
           format('ALTER TABLE %%s ALTER COLUMN %%I SET NOT NULL', a.attrelid::regclass, a.attname),
           null
      from pg_attribute a
      join pg_class t on t.oid = a.attrelid and t.relkind in ('r', 'p')
     where a.attnotnull
       and a.attnum > 0
       and not a.attisdropped
       and not exists (select from pg_constraint k where k.conrelid = a.attrelid
                                                     and k.contype = 'p'
                                                     and a.attnum = any(k.conkey))
       and not exists (select from pg_inherits h
                         join pg_attribute p on p.attrelid = h.inhparent
                        where h.inhrelid = a.attrelid and p.attname = a.attname and p.attnotnull)
    union all
    select i.indexrelid::int8, i.indrelid, x.relname::text, pg_get_indexdef(i.indexrelid),
           format('DROP INDEX %%s', i.indexrelid::regclass)
      from pg_index i
      join pg_class x on x.oid = i.indexrelid
     where not exists (select from pg_constraint k where k.conindid = i.indexrelid
                                                     and k.contype in ('p', 'u', 'x'))
       and not exists (select from pg_inherits h where h.inhrelid = i.indexrelid)
    union all
    select e.oid::int8, e.adrelid, a.attname::text,
           format('ALTER TABLE %%s ALTER COLUMN %%I SET DEFAULT %%s', e.adrelid::regclass,
                  a.attname, pg_get_expr(e.adbin, e.adrelid)),
           null
      from pg_attrdef e
      join pg_attribute a on a.attrelid = e.adrelid and a.attnum = e.adnum
     where a.attgenerated = ''                                      -- since 12
    union all
    select t.oid::int8, t.tgrelid, t.tgname::text, pg_get_triggerdef(t.oid),
           format('DROP TRIGGER %%I ON %%s', t.tgname, t.tgrelid::regclass)
      from pg_trigger t
     where not t.tgisinternal
       and t.tgparentid = 0                                         -- since 13
  ) d
  join pg_class c on c.oid = d.relation
  join pg_namespace n on n.oid = c.relnamespace
 where case when %(relations)s::oid[] is null
            then n.nspname !~ '^pg_|^information_schema$|^dms_pg$'
            else d.relation = any(%(relations)s::oid[]) end;
