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
