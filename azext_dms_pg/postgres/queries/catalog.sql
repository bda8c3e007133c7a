-- The survey of one database: one statement a topic, each a single pass over the catalogue.
-- Lines marked "since"/"until" are for those major versions only (statements.py); 9 is 9.5 and 9.6.
-- All of it runs with search_path = pg_catalog, so that no user object can shadow a name, and
-- needs no privilege beyond connecting. "User schemas" are those not named pg_*.

-- name: server
-- One row about the server, the database and the role.
select current_setting('server_version_num')::int as version,
       version() as version_text,
       pg_is_in_recovery() as in_recovery,
       d.datname::text as database,
       d.oid as database_oid,
       pg_database_size(d.oid) as database_bytes,
       current_setting('block_size')::int as block_size,
       pg_encoding_to_char(d.encoding)::text as encoding,
       coalesce(d.datlocale, d.datcollate)::text as collate,        -- since 17
       coalesce(d.daticulocale, d.datcollate)::text as collate,     -- until 16 -- since 15
       d.datcollate::text as collate,                               -- until 14
       d.datctype::text as ctype,
       d.datlocprovider::text as locale_provider,                   -- since 15
       'c'::text as locale_provider,                                -- until 14
       current_user::text as user,
       r.rolsuper as superuser,
       r.rolreplication as replication,
       r.rolbypassrls as bypass_row_security,
       array(select m.rolname::text from pg_roles m where pg_has_role(m.oid, 'USAGE')) as roles,
       has_database_privilege(d.oid, 'CREATE') as create,
       has_database_privilege(d.oid, 'TEMPORARY') as temporary_tables,
       (select count(*) from pg_stat_replication) as senders,
       (select count(*) from pg_stat_activity
         -- Of others' sessions most roles see no type.              -- since 10
         where coalesce(backend_type = 'client backend',            -- since 10
                        datid is not null and usesysid is not null) -- since 10
       ) as backends,
       -- A rough figure is all that is needed, and some databases hold a hundred million.
       (select count(*) from (select 1 from pg_largeobject_metadata limit 100000) l) as large_objects,
       (select count(*) from pg_class where relpersistence = 't' and relkind in ('r', 'p')) as temporary
  from pg_database d, pg_roles r
 where d.datname = current_database()
   and r.rolname = current_user;

-- name: system_identifier
-- Some managed servers withhold it; asked for inside a savepoint.
select system_identifier::text from pg_control_system();

-- name: settings
select name, setting
  from pg_settings
 where name in ('wal_level', 'max_replication_slots', 'max_wal_senders', 'max_slot_wal_keep_size',
                'wal_keep_size', 'wal_keep_segments', 'wal_segment_size', 'wal_sender_timeout',
                'max_connections', 'superuser_reserved_connections', 'reserved_connections',
                'integer_datetimes', 'max_prepared_transactions', 'logical_decoding_work_mem',
                'idle_replication_slot_timeout', 'shared_preload_libraries', 'azure.extensions',
                'azure.accepted_password_auth_method', 'rds.logical_replication',
                'cloudsql.logical_decoding', 'synchronous_standby_names',
                'max_locks_per_transaction', 'autovacuum', 'max_wal_size', 'fsync',
                'wal_receiver_status_interval', 'hot_standby_feedback',
                'maintenance_work_mem', 'max_parallel_maintenance_workers',
                'temp_file_limit', 'track_counts');

-- name: slots
select slot_name::text, database::text, active from pg_replication_slots;

-- name: open_transactions
-- Whoever holds the lock on an xid of its own runs a transaction that has written. pg_locks shows
-- that to everybody, unlike pg_stat_activity.
select l.pid,
       coalesce(a.usename::text, ''),
       coalesce(a.datname::text, ''),
       coalesce(a.application_name, ''),
       coalesce(a.state, ''),
       extract(epoch from clock_timestamp() - a.xact_start)::float8 as seconds,
       max(age(l.transactionid))
  from pg_locks l
  left join pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'transactionid'
   and l.mode = 'ExclusiveLock'
   and l.granted
   and l.pid is not null
   and l.pid <> pg_backend_pid()
 group by 1, 2, 3, 4, 5, 6
 order by 7 desc;

-- name: prepared_transactions
select gid, database::text, owner::text,
       extract(epoch from clock_timestamp() - prepared)::float8
  from pg_prepared_xacts;

-- name: schemas
select nspname::text from pg_namespace;

-- name: own_schema
-- Everything in the schema where migrations keep their progress, ours or not: it is left out below.
-- One row with NULLs when it is empty, none when it is not there.
select has_schema_privilege(n.oid, 'USAGE') and has_schema_privilege(n.oid, 'CREATE') as may_create,
       pg_describe_object(d.classid, d.objid, 0) as object,
       c.relname::text as relation,
       coalesce(c.relkind in ('r', 'p', 'm', 'f'), false) as holds_rows,
       ours.name is not null as named_like_ours,
       coalesce(c.relkind = 'r' and exists (
           select 1 from pg_attribute a
            where a.attrelid = c.oid and a.attname = ours.key and not a.attisdropped), false)
           as is_ours,
       coalesce(has_table_privilege(c.oid, 'SELECT') and has_table_privilege(c.oid, 'INSERT')
           and has_table_privilege(c.oid, 'UPDATE') and has_table_privilege(c.oid, 'DELETE'), false)
           as may_write
  from pg_namespace n
  left join pg_depend d
    on d.refclassid = 'pg_namespace'::regclass and d.refobjid = n.oid and d.deptype = 'n'
  left join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
  left join (values ('migration', 'progress_lsn'), ('loaded_part', 'part'),
                    ('filled_table', 'relation_oid'), ('deferred', 'create_sql')) ours (name, key)
    on ours.name = c.relname
 where n.nspname = 'dms_pg'
 order by 3, 2;

-- name: doubts
-- Who else has a hand in what migrations keep in the schema dms_pg: the statements there are run
-- with our rights. Others are all who could not act as us anyway, as superusers and members of our
-- role can.
with ours (object, relation, owner) as (
    select 'schema dms_pg', 0::oid, n.nspowner
      from pg_namespace n
     where n.nspname = 'dms_pg'
    union all
    select 'dms_pg.' || c.relname::text, c.oid, c.relowner
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'dms_pg'
       and c.relname in ('migration', 'loaded_part', 'filled_table', 'deferred')
), rights (relation, acl) as (
    select o.relation, c.relacl from ours o join pg_class c on c.oid = o.relation
    union all
    select o.relation, a.attacl from ours o join pg_attribute a on a.attrelid = o.relation
), writers (relation, role) as (
    select r.relation, g.grantee
      from rights r, aclexplode(r.acl) g
     where g.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
)
select 'owner' as kind, o.object, pg_get_userbyid(o.owner)::text as name
  from ours o
 where not pg_has_role(o.owner, current_user, 'MEMBER')
union
-- NULL is everybody.
select 'writer', o.object, case when w.role <> 0 then pg_get_userbyid(w.role)::text end
  from ours o
  join writers w on w.relation = o.relation
 where case when w.role = 0 then true
            else w.role <> o.owner and not pg_has_role(w.role, current_user, 'MEMBER') end
union
select 'trigger', o.object, t.tgname::text
  from ours o
  join pg_trigger t on t.tgrelid = o.relation
 where not t.tgisinternal
union
select 'rule', o.object, r.rulename::text
  from ours o
  join pg_rewrite r on r.ev_class = o.relation
union
select 'policy', o.object, p.polname::text
  from ours o
  join pg_policy p on p.polrelid = o.relation
union
select 'row security', o.object, ''
  from ours o
  join pg_class c on c.oid = o.relation
 where c.relrowsecurity
union
select 'child', o.object, i.inhrelid::regclass::text
  from ours o
  join pg_inherits i on i.inhparent = o.relation
 order by 1, 2, 3;

-- name: grants
select o.name, case g.grantee when 0 then '' else pg_get_userbyid(g.grantee)::text end
  from (select n.nspname::text, n.nspowner, n.nspacl
          from pg_namespace n
         where n.nspname = 'dms_pg'
        union all
        select c.relname::text, c.relowner, c.relacl
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'dms_pg'
           and c.relname in ('migration', 'loaded_part', 'filled_table', 'deferred')
       ) o (name, owner, acl)
  left join lateral (select distinct a.grantee from aclexplode(o.acl) a) g
    on g.grantee <> o.owner;

-- name: claims
-- The tables that migrations into this database fill, and the partitioned ancestors of those.
with recursive filled (migration, oid, itself) as (
    select f.migration, c.oid, true
      from dms_pg.filled_table f
      join pg_namespace n on n.nspname = f.relation
      join pg_class c
        on c.oid = f.relation_oid
        or (c.relnamespace = n.oid and c.relname = f.relation_name
            and not exists (select 1 from pg_class o where o.oid = f.relation_oid))
    union
    select f.migration, i.inhparent, false                          -- since 10
      from filled f                                                 -- since 10
      join pg_class c on c.oid = f.oid and c.relispartition         -- since 10
      join pg_inherits i on i.inhrelid = f.oid                      -- since 10
    select null::text, null::oid, false where false                 -- until 9
)
select m.id, m.slot, n.nspname::text, c.relname::text, f.itself
  from filled f
  join dms_pg.migration m on m.id = f.migration
  join pg_class c on c.oid = f.oid
  join pg_namespace n on n.oid = c.relnamespace
 order by 3, 4;

-- name: relations
-- Tables, partitioned tables, foreign tables and materialised views.
-- Sizes come from the files: relpages is only as fresh as the last ANALYZE.
select c.oid,
       n.nspname::text as schema,
       c.relname::text as name,
       c.relkind::text as kind,
       c.relpersistence::text as persistence,
       c.relreplident::text as replica_identity,
       i.inhparent as parent,                                       -- since 10
       null::oid as parent,                                         -- until 9
       pg_get_expr(c.relpartbound, c.oid) as bound,                 -- since 10
       null::text as bound,                                         -- until 9
       pg_has_role(c.relowner, 'USAGE') as owner_is_me,
       pg_get_userbyid(c.relowner)::text as owner,
       c.reltuples::int8 as rows,                                   -- since 14
       case when c.relpages = 0 then -1 else c.reltuples::int8 end as rows, -- until 13
       coalesce(pg_relation_size(c.oid), 0) as main_bytes,
       case when c.reltoastrelid = 0 then 0
            else coalesce(pg_relation_size(c.reltoastrelid), 0) end as toast_bytes,
       coalesce(e.extname::text, '') as extension,
       has_schema_privilege(n.oid, 'USAGE') as schema_usage,
       has_table_privilege(c.oid, 'SELECT') as may_select,
       has_table_privilege(c.oid, 'INSERT') as may_insert,
       has_table_privilege(c.oid, 'UPDATE') as may_update,
       has_table_privilege(c.oid, 'DELETE') as may_delete,
       has_table_privilege(c.oid, 'TRUNCATE') as may_truncate,
       has_table_privilege(c.oid, 'REFERENCES') as may_reference,
       c.relrowsecurity as row_security,
       c.relforcerowsecurity as forced_row_security,
       not c.relispartition and                                     -- since 10
       c.relkind = 'r' and (
           exists (select 1 from pg_inherits h where h.inhrelid = c.oid)
           or exists (select 1 from pg_inherits h where h.inhparent = c.oid)) as inherits,
       -- How rows find their partition, and whether they would find the same one elsewhere.
       p.partstrat::text as strategy,                               -- since 10
       pg_get_partkeydef(c.oid) as partition_key,                   -- since 10
       not exists (select 1 from unnest(p.partattrs::int2[]) k(number) -- since 10
                     left join pg_attribute a                       -- since 10
                       on a.attrelid = c.oid and a.attnum = k.number and k.number <> 0 -- since 10
                    where coalesce(a.atttypid, 16384) >= 16384) as stable_key, -- since 10
       exists (select 1 from unnest(p.partcollation::oid[]) k(locale) where k.locale <> 0) as collated_key -- since 10
       null::text as strategy, null::text as partition_key, true as stable_key, false as collated_key -- until 9
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_depend d
    on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0 and d.deptype = 'e'
  left join pg_extension e on e.oid = d.refobjid
  left join pg_inherits i on i.inhrelid = c.oid and c.relispartition -- since 10
   and not i.inhdetachpending                                       -- since 14
  left join pg_partitioned_table p on p.partrelid = c.oid           -- since 10
 where c.relkind in ('r', 'p', 'f', 'm')
   and n.nspname !~ '^pg_'
   and n.nspname not in ('information_schema', 'dms_pg')
 order by n.nspname, c.relname;

-- name: columns
-- format_type with -1 names the type so that a cast to it cuts nothing: bpchar, not character(1).
select a.attrelid as relation,
       a.attnum as number,
       a.attname::text as name,
       a.atttypid as type,
       format_type(a.atttypid, a.atttypmod) as type_name,
       format_type(a.atttypid, -1) as cast_type,
       a.attnotnull
           and not exists (select 1 from pg_constraint v            -- since 18
                            where v.conrelid = a.attrelid           -- since 18
                              and v.contype = 'n'                   -- since 18
                              and not v.convalidated                -- since 18
                              and v.conkey = array[a.attnum])       -- since 18
       as not_null,
       a.atthasdef as has_default,
       a.attgenerated::text as generated,                           -- since 12
       ''::text as generated,                                       -- until 11
       case when a.attgenerated <> ''                               -- since 12
            then pg_get_expr(d.adbin, d.adrelid) end as expression, -- since 12
       ''::text as expression,                                      -- until 11
       -- It knows columns by number: names may change, what it means does not.
       case when a.attgenerated <> ''                               -- since 12
            then md5(regexp_replace(d.adbin::text, ':location -?[0-9]+', '', 'g')) -- since 12
            end as formula,                                         -- since 12
       ''::text as formula,                                         -- until 11
       a.attidentity::text as identity,                             -- since 10
       ''::text as identity,                                        -- until 9
       k.nspname::text as collation_schema,
       k.collname::text as collation_name
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_type t on t.oid = a.atttypid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  left join (select o.oid, s.nspname, o.collname
               from pg_collation o join pg_namespace s on s.oid = o.collnamespace) k
    on k.oid = a.attcollation and a.attcollation <> t.typcollation
 where c.relkind in ('r', 'p')
   and n.nspname !~ '^pg_'
   and n.nspname not in ('information_schema', 'dms_pg')
   and a.attnum > 0
   and not a.attisdropped
 order by a.attrelid, a.attnum;

-- name: indexes
-- Unique indexes that bind every row: not partial, not over expressions, whole and valid.
select i.indrelid as relation,
       i.indisprimary as is_primary,
       i.indisreplident as is_identity,
       i.indimmediate as immediate,
       i.indkey::text as columns,
       i.indnkeyatts as key_columns                                 -- since 11
       i.indnatts as key_columns                                    -- until 10
  from pg_index i
  join pg_class c on c.oid = i.indrelid
  join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p')
   and n.nspname !~ '^pg_'
   and n.nspname not in ('information_schema', 'dms_pg')
   and i.indisunique
   and i.indisvalid
   and i.indisready
   and i.indpred is null
   and i.indexprs is null
 order by i.indrelid, i.indexrelid;

-- name: types
-- The types of all columns, and what those are made of.
with recursive used (oid) as (
    select a.atttypid
      from pg_attribute a
      join pg_class c on c.oid = a.attrelid
      join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p')
       and n.nspname !~ '^pg_'
       and n.nspname not in ('information_schema', 'dms_pg')
       and a.attnum > 0
       and not a.attisdropped
    union
    select part.oid
      from used u
      join pg_type t on t.oid = u.oid
     cross join lateral (
           select t.typelem where t.typelem <> 0
           union all
           select t.typbasetype where t.typbasetype <> 0
           union all
           select r.rngsubtype from pg_range r
            where r.rngtypid = t.oid
               or r.rngmultitypid = t.oid                           -- since 14
           union all
           select f.atttypid from pg_attribute f
            where t.typtype = 'c' and f.attrelid = t.typrelid
              and f.attnum > 0 and not f.attisdropped
         ) part (oid)
)
select t.oid,
       n.nspname::text as schema,
       t.typname::text as name,
       t.typtype::text as kind,
       t.typlen as length,
       t.typsend <> 0 and t.typreceive <> 0 as wire,
       case when s.typarray = t.oid then t.typelem else 0 end as element,
       t.typbasetype as base,
       coalesce((select r.rngsubtype from pg_range r
                  where r.rngtypid = t.oid
                     or r.rngmultitypid = t.oid                     -- since 14
                ), 0) as subtype,
       array(select f.atttypid from pg_attribute f
              where t.typtype = 'c' and f.attrelid = t.typrelid
                and f.attnum > 0 and not f.attisdropped
              order by f.attnum) as fields,
       case when t.typtype = 'c' then
              array(select quote_ident(f.attname) || ' ' || format_type(f.atttypid, f.atttypmod)
                      from pg_attribute f
                     where f.attrelid = t.typrelid and f.attnum > 0 and not f.attisdropped
                     order by f.attnum)
            when t.typtype = 'd' then array[format_type(t.typbasetype, t.typtypmod)]
            else array(select format_type(r.rngsubtype, null) from pg_range r
                        where r.rngtypid = t.oid
                           or r.rngmultitypid = t.oid               -- since 14
                      )
        end as made_of,
       coalesce(e.extname::text, '') as extension,
       coalesce(e.extversion, '') as extension_version
  from used u
  join pg_type t on t.oid = u.oid
  join pg_namespace n on n.oid = t.typnamespace
  left join pg_type s on s.oid = t.typelem
  left join pg_depend d
    on d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e'
  left join pg_extension e on e.oid = d.refobjid;

-- name: enums
select n.nspname::text as schema,
       t.typname::text as name,
       array_agg(e.enumlabel::text order by e.enumsortorder) as labels
  from pg_enum e
  join pg_type t on t.oid = e.enumtypid
  join pg_namespace n on n.oid = t.typnamespace
 group by 1, 2;

-- name: sequences
-- Owned (serial), internal (identity) and free ones, with the tables whose defaults use them.
select c.oid,
       n.nspname::text as schema,
       c.relname::text as name,
       o.refobjid as owner,
       a.attname::text as owner_column,
       coalesce(o.deptype = 'i', false) as identity,
       array(select distinct f.adrelid
               from pg_depend u
               join pg_attrdef f on f.oid = u.objid
              where u.classid = 'pg_attrdef'::regclass
                and u.refclassid = 'pg_class'::regclass
                and u.refobjid = c.oid) as used_by,
       format_type(s.seqtypid, null) as type_name, s.seqstart as start,   -- since 10
       'bigint' as type_name, 1::int8 as start,                      -- until 9
       s.seqincrement as increment, s.seqmin as minimum, s.seqmax as maximum, s.seqcycle as cycle, -- since 10
       1::int8 as increment, 1::int8 as minimum, 9223372036854775807::int8 as maximum, false as cycle, -- until 9
       has_sequence_privilege(c.oid, 'SELECT') as may_select,
       has_sequence_privilege(c.oid, 'UPDATE') as may_update
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_sequence s on s.seqrelid = c.oid                          -- since 10
  left join pg_depend o
    on o.classid = 'pg_class'::regclass and o.objid = c.oid and o.objsubid = 0
   and o.refclassid = 'pg_class'::regclass and o.refobjsubid > 0 and o.deptype in ('a', 'i')
  left join pg_attribute a on a.attrelid = o.refobjid and a.attnum = o.refobjsubid
  left join pg_depend x
    on x.classid = 'pg_class'::regclass and x.objid = c.oid and x.deptype = 'e'
 where c.relkind = 'S'
   and c.relpersistence <> 't'
   and x.objid is null
   and n.nspname !~ '^pg_'
   and n.nspname not in ('information_schema', 'dms_pg')
 order by n.nspname, c.relname;

-- name: extensions
select extname::text, extversion from pg_extension;

-- name: available_extensions
select name::text, default_version from pg_available_extensions where default_version is not null;

-- name: foreign_keys
-- Those declared by somebody; the copies partitions inherit come and go with them.
select f.conname::text, f.conrelid, f.confrelid, f.convalidated
  from pg_constraint f
 where f.contype = 'f'
   and f.conparentid = 0                                            -- since 11
 order by f.conrelid, f.conname;

-- name: unchecked_domains
-- Constraints of domains that are NOT VALID, with the tables whose columns hold such values.
with recursive made (checked, type) as (
    select k.oid, k.contypid
      from pg_constraint k
     where k.contypid <> 0 and not k.convalidated
    union
    select m.checked, t.oid
      from made m
      join pg_type t on t.typbasetype = m.type
                     or (t.typelem = m.type and t.typlen = -1)
                     or exists (select 1 from pg_attribute a
                                 where a.attrelid = t.typrelid and a.atttypid = m.type
                                   and a.attnum > 0 and not a.attisdropped)
)
select n.nspname::text as schema,
       d.typname::text as name,
       k.conname::text as constraint_name,
       pg_get_constraintdef(k.oid) as definition,
       array(select distinct a.attrelid
               from made m join pg_attribute a on a.atttypid = m.type
              where m.checked = k.oid and a.attnum > 0 and not a.attisdropped) as relations
  from pg_constraint k
  join pg_type d on d.oid = k.contypid
  join pg_namespace n on n.oid = d.typnamespace
 where not k.convalidated
 order by 1, 2, 3;

-- name: triggers
select t.tgname::text, t.tgrelid, t.tgenabled::text
  from pg_trigger t
 where not t.tgisinternal
   and t.tgparentid = 0                                             -- since 13
 order by t.tgrelid, t.tgname;

-- name: rules
select r.rulename::text, r.ev_class, r.ev_enabled::text
  from pg_rewrite r
  join pg_class c on c.oid = r.ev_class
 where c.relkind in ('r', 'p')
   and r.ev_type <> '1'
 order by r.ev_class, r.rulename;

-- name: event_triggers
select evtname::text as name,
       evtevent in ('ddl_command_start', 'ddl_command_end', 'sql_drop')
       and (evttags is null or evttags && '{CREATE PUBLICATION,DROP PUBLICATION}')
       as on_publications
  from pg_event_trigger
 where evtenabled <> 'D'
 order by 1;
