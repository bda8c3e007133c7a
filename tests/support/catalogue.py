"""What a database looks like apart from its rows: a snapshot to compare before and after.

Owns: the catalogue queries of the oracle, good for PostgreSQL 10 to 18. Every entry is a line
of text a person can read in a diff. Knows nothing of migrations.
"""

from __future__ import annotations

import psycopg
from psycopg.rows import TupleRow

_USER_SCHEMAS = "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'dms_pg')"

# kind → query giving one text column. {user} limits to schemas of the user.
_QUERIES: dict[str, str] = {
    "table": """
        SELECT pg_catalog.format('%s %I.%I persistence=%s identity=%s rls=%s/%s options=%s',
            c.relkind, n.nspname, c.relname, c.relpersistence, c.relreplident,
            c.relrowsecurity, c.relforcerowsecurity, c.reloptions)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {user}""",
    "column": """
        SELECT pg_catalog.format('%I.%I.%I %s notnull=%s identity=%s default=%s storage=%s',
            n.nspname, c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
            a.attnotnull, a.attidentity, pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attstorage)
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'f')
        JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attnum > 0 AND NOT a.attisdropped AND {user}""",
    "constraint": """
        SELECT pg_catalog.format('%I.%I %I %s validated=%s deferrable=%s/%s local=%s/%s',
            n.nspname, c.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid),
            k.convalidated, k.condeferrable, k.condeferred, k.conislocal, k.coninhcount)
        FROM pg_constraint k
        JOIN pg_class c ON c.oid = k.conrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {user}""",
    "index": """
        SELECT pg_catalog.format('%s valid=%s ready=%s identity=%s clustered=%s options=%s',
            pg_catalog.pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready,
            i.indisreplident, i.indisclustered, x.reloptions)
        FROM pg_index i
        JOIN pg_class x ON x.oid = i.indexrelid
        JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {user}""",
    "trigger": """
        SELECT pg_catalog.format('%s enabled=%s',
            pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled)
        FROM pg_trigger t
        JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT t.tgisinternal AND {user}""",
    # The triggers behind foreign keys can be disabled too.
    "internal trigger": """
        SELECT pg_catalog.format('%I.%I %s enabled=%s count=%s',
            n.nspname, c.relname, p.proname, t.tgenabled, count(*))
        FROM pg_trigger t
        JOIN pg_proc p ON p.oid = t.tgfoid
        JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE t.tgisinternal AND {user}
        GROUP BY n.nspname, c.relname, p.proname, t.tgenabled""",
    "event trigger": """
        SELECT pg_catalog.format('%I enabled=%s', evtname, evtenabled) FROM pg_event_trigger""",
    "rule": """
        SELECT pg_catalog.format('%s enabled=%s',
            pg_catalog.pg_get_ruledef(r.oid), r.ev_enabled)
        FROM pg_rewrite r
        JOIN pg_class c ON c.oid = r.ev_class
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {user}""",
    "policy": """
        SELECT pg_catalog.format('%I.%I %I', n.nspname, c.relname, p.polname)
        FROM pg_policy p
        JOIN pg_class c ON c.oid = p.polrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {user}""",
    "sequence": """
        SELECT pg_catalog.format('%I.%I %s start=%s min=%s max=%s by=%s cycle=%s cache=%s',
            n.nspname, c.relname, pg_catalog.format_type(s.seqtypid, NULL), s.seqstart,
            s.seqmin, s.seqmax, s.seqincrement, s.seqcycle, s.seqcache)
        FROM pg_sequence s
        JOIN pg_class c ON c.oid = s.seqrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {user}""",
    "inheritance": """
        SELECT pg_catalog.format('%s of %s %s', i.inhrelid::pg_catalog.regclass,
            i.inhparent::pg_catalog.regclass,
            pg_catalog.pg_get_expr(c.relpartbound, c.oid))
        FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {user}""",
    "comment": """
        SELECT pg_catalog.format('%s %s: %s', o.type, o.identity, d.description)
        FROM pg_description d
        JOIN pg_class k ON k.oid = d.classoid AND k.relname IN
            ('pg_class', 'pg_constraint', 'pg_trigger', 'pg_rewrite', 'pg_policy', 'pg_namespace'),
        LATERAL pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) o
        WHERE d.objoid >= 16384 AND o.identity !~ '^dms_pg'""",
    "schema": """
        SELECT n.nspname::text FROM pg_namespace n WHERE {user}""",
    # Extensions belong to the server; functions and types do not change under a migration.
    "function": """
        SELECT pg_catalog.format('%I.%I(%s)', n.nspname, p.proname,
            pg_catalog.pg_get_function_identity_arguments(p.oid))
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE {user} AND NOT EXISTS (SELECT FROM pg_depend d
            WHERE d.classid = 'pg_proc'::pg_catalog.regclass AND d.objid = p.oid
            AND d.deptype = 'e')""",
    "privilege": """
        SELECT pg_catalog.format('%I.%I %s', n.nspname, c.relname, c.relacl)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relacl IS NOT NULL AND {user}""",
    "database setting": """
        SELECT pg_catalog.format('%s', s.setconfig) FROM pg_db_role_setting s
        JOIN pg_database b ON b.oid = s.setdatabase
        WHERE b.datname = pg_catalog.current_database()""",
}


def snapshot(connection: psycopg.Connection[TupleRow]) -> frozenset[str]:
    """The catalogue as a set of lines ``kind: description``."""
    connection.execute("SET search_path = pg_catalog")
    lines: set[str] = set()
    for kind, query in _QUERIES.items():
        rows = connection.execute(query.format(user=_USER_SCHEMAS).encode())
        lines |= {f"{kind}: {row[0]}" for row in rows}
    return frozenset(lines)


def difference(before: frozenset[str], after: frozenset[str]) -> list[str]:
    """``-`` lines that went and ``+`` lines that came; empty when nothing changed."""
    return sorted(
        [f"- {line}" for line in before - after] + [f"+ {line}" for line in after - before],
        key=lambda line: (line[2:], line[0]),
    )
