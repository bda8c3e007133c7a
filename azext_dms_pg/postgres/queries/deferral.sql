-- What stands in the way of a load on the target, with the definitions that bring it back.
-- Run with search_path = pg_catalog, which makes every definition name its schemas.

-- name: family
-- The tables given, their partitions down to the leaves, and their partitioned ancestors.
with recursive down (oid) as (
    select unnest(%(tables)s::oid[])
    union
    select i.inhrelid                                               -- since 10
      from down d                                                   -- since 10
      join pg_inherits i on i.inhparent = d.oid                     -- since 10
      join pg_class c on c.oid = i.inhrelid and c.relispartition    -- since 10
    select null::oid where false                                    -- until 9
), up (oid) as (
    select oid from down
    union
    select i.inhparent                                              -- since 10
      from up u                                                     -- since 10
      join pg_class c on c.oid = u.oid and c.relispartition         -- since 10
      join pg_inherits i on i.inhrelid = u.oid                      -- since 10
    select null::oid where false                                    -- until 9
)
select array_agg(oid) from up;

-- name: foreign_keys
-- From or to one of the tables. Those inherited from a partitioned parent come and go with it.
select n.nspname::text as schema,
       c.relname::text as relation,
       f.conname::text as name,
       f.conrelid::int8 as oid,
       c.relkind = 'p' as partitioned,
       f.convalidated as validated,
       f.conenforced as enforced,                                   -- since 18
       true as enforced,                                            -- until 17
       pg_get_constraintdef(f.oid) as definition,
       obj_description(f.oid, 'pg_constraint') as comment,
       -- The columns it lists, of either table, by their numbers: a name may be given to another.
       array(select jsonb_build_array('own', a.attrelid::int8, a.attnum, a.attname::text)
               from pg_attribute a
              where a.attrelid = f.conrelid and a.attnum = any(f.conkey)
             union all
             select jsonb_build_array('referred', a.attrelid::int8, a.attnum, a.attname::text)
               from pg_attribute a
              where a.attrelid = f.confrelid and a.attnum = any(f.confkey)) as columns,
       -- The key's own triggers, where somebody disabled them; only superusers can do that again.
       array(select g.tgfoid::regproc::text || ' ' || g.tgenabled::text
               from pg_trigger g
              where g.tgconstraint = f.oid
                and g.tgenabled <> 'O'
                and current_setting('is_superuser') = 'on'
              order by 1) as triggers
  from pg_constraint f
  join pg_class c on c.oid = f.conrelid
  join pg_namespace n on n.oid = c.relnamespace
 where f.contype = 'f'
   and f.conparentid = 0                                            -- since 11
   and (f.conrelid = any(%(family)s) or f.confrelid = any(%(family)s))
 order by 1, 2, 3;

-- name: triggers
-- The user's, each partition's copy by itself. In 11 and 12 such copies count as internal.
select n.nspname::text as schema,
       c.relname::text as relation,
       t.tgname::text as name,
       t.tgenabled::text as enabled
  from pg_trigger t
  join pg_class c on c.oid = t.tgrelid
  join pg_namespace n on n.oid = c.relnamespace
 where t.tgrelid = any(%(family)s)
   and t.tgenabled = any(%(states)s)
   and (not t.tgisinternal
        or t.tgconstraint = 0                                       -- since 11 -- until 12
       )
 order by 1, 2, 3;

-- name: rules
select n.nspname::text as schema,
       c.relname::text as relation,
       r.rulename::text as name,
       r.ev_enabled::text as enabled
  from pg_rewrite r
  join pg_class c on c.oid = r.ev_class
  join pg_namespace n on n.oid = c.relnamespace
 where r.ev_class = any(%(family)s)
   and r.ev_enabled = any(%(states)s)
   and r.ev_type <> '1'
 order by 1, 2, 3;

-- name: unchecked
-- Constraints old rows need not satisfy: NOT VALID. Only those declared at the table itself; copies
-- its children and partitions inherit come and go with them. What could not come back exactly stays
-- in place: where such a copy was checked, declared there too, inherited twice or commented on;
-- what a key or an identity column stands on; and what is not ours to make again.
select n.nspname::text as schema,
       c.relname::text as relation,
       k.conname::text as name,
       pg_get_constraintdef(k.oid) as definition,
       obj_description(k.oid, 'pg_constraint') as comment
  from pg_constraint k
  join pg_class c on c.oid = k.conrelid
  join pg_namespace n on n.oid = c.relnamespace
 where k.conrelid = any(%(family)s)
   and k.contype in ('c', 'n')
   and not k.convalidated
   and k.conenforced                                                -- since 18
   and k.conislocal
   and k.coninhcount = 0
   and pg_has_role(c.relowner, 'USAGE')
   and not (k.contype = 'n' and exists (
           select 1
             from pg_attribute a
             left join pg_index i on i.indrelid = a.attrelid and a.attnum = any(i.indkey)
            where a.attrelid = k.conrelid
              and a.attnum = k.conkey[1]
              and (i.indisprimary or i.indisreplident
                   or a.attidentity <> ''                           -- since 10
                  )))
   and not exists (
           with recursive below (oid) as (
               select i.inhrelid from pg_inherits i where i.inhparent = k.conrelid
               union
               select i.inhrelid from below b join pg_inherits i on i.inhparent = b.oid
           )
           select 1
             from below b
             join pg_constraint o on o.conrelid = b.oid and o.contype = k.contype
            where not k.connoinherit
              and case k.contype
                  when 'n' then (select a.attname from pg_attribute a
                                  where a.attrelid = o.conrelid and a.attnum = o.conkey[1])
                              = (select a.attname from pg_attribute a
                                  where a.attrelid = k.conrelid and a.attnum = k.conkey[1])
                  else o.conname = k.conname
                  end
              and (o.conname <> k.conname or o.convalidated or o.conislocal or o.coninhcount <> 1
                   or obj_description(o.oid, 'pg_constraint') is not null))
 order by 1, 2, 3;

-- name: indexes
-- Only those that can be made again exactly as they are; whatever is unusual stays in place:
-- partitions, indexes that cluster a table or are its replica identity, that have a tablespace
-- or statistics targets of their own, that are not ours to make again, or that something else
-- depends on (a view that groups by the primary key, an extension), exclusion and temporal
-- constraints, and indexes over functions of users, which may need a search path of their own.
select n.nspname::text as schema,
       c.relname::text as relation,
       x.relname::text as name,
       pg_get_indexdef(i.indexrelid) as definition,
       obj_description(i.indexrelid, 'pg_class') as comment,
       k.conname::text as constraint_name,
       k.contype::text as constraint_type,
       coalesce(k.condeferrable, false) as deferrable,
       coalesce(k.condeferred, false) as deferred,
       obj_description(k.oid, 'pg_constraint') as constraint_comment
  from pg_index i
  join pg_class x on x.oid = i.indexrelid
  join pg_class c on c.oid = i.indrelid
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
 where i.indrelid = any(%(large)s)
   and c.relkind = 'r'
   and not c.relispartition                                         -- since 10
   and i.indisvalid
   and i.indisready
   and not i.indisclustered
   and not i.indisreplident
   and not i.indisexclusion
   and not coalesce(k.conperiod, false)                             -- since 18
   and x.reltablespace = 0
   and pg_has_role(c.relowner, 'USAGE')
   and has_schema_privilege(n.oid, 'CREATE')
   and not exists (select 1 from pg_attribute a
                    where a.attrelid = i.indexrelid
                      and a.attstattarget >= 0)
   and not exists (select 1 from pg_depend d
                    where d.refclassid = 'pg_class'::regclass
                      and d.refobjid = i.indexrelid)
   and not exists (select 1 from pg_depend d
                    where d.refclassid = 'pg_constraint'::regclass
                      and d.refobjid = k.oid
                      and not (d.classid = 'pg_class'::regclass and d.objid = i.indexrelid)
                      and not exists (select 1 from pg_trigger t
                                       where d.classid = 'pg_trigger'::regclass
                                         and t.oid = d.objid and t.tgisinternal))
   and not exists (select 1 from pg_depend d
                    where d.classid = 'pg_class'::regclass
                      and d.objid = i.indexrelid
                      and (d.deptype in ('e', 'x') or d.refclassid = 'pg_proc'::regclass))
 order by 1, 2, 3;
