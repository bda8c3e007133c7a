"""Everything a migration must leave as it was, read from the catalogue in one comparable value."""

from __future__ import annotations

from tests.support.databases import Database

_QUERIES = {
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid), convalidated,
               condeferrable, condeferred, connoinherit, conislocal, coninhcount,
               obj_description(oid, 'pg_constraint')
          FROM pg_constraint c WHERE conrelid <> 0
           -- The server names the copies partitions inherit, each time anew.
           AND coalesce(to_jsonb(c) ->> 'conparentid', '0') = '0'
           AND connamespace::regnamespace::text !~ '^pg_|^inf|^dms'
         ORDER BY 1, 2""",
    "indexes": """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisprimary, indisunique,
               indimmediate, indisvalid, indisclustered, indisreplident, reloptions::text,
               obj_description(indexrelid, 'pg_class'), reltablespace
          FROM pg_index JOIN pg_class c ON c.oid = indexrelid
         WHERE relnamespace::regnamespace::text !~ '^pg_|^inf|^dms' ORDER BY 1""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger
         WHERE NOT tgisinternal ORDER BY 1, 2""",
    "foreign key triggers": """
        SELECT tgrelid::regclass::text, conname, tgfoid::regproc::text, tgenabled, tgdeferrable,
               tginitdeferred
          FROM pg_trigger JOIN pg_constraint c ON c.oid = tgconstraint
         WHERE tgisinternal AND contype = 'f'
           AND coalesce(to_jsonb(c) ->> 'conparentid', '0') = '0' ORDER BY 1, 2, 3""",
    "rules": """
        SELECT ev_class::regclass::text, rulename, ev_enabled, pg_get_ruledef(oid) FROM pg_rewrite
         WHERE ev_class::regclass::text !~ '^pg_|^inf' ORDER BY 1, 2""",
    "columns": """
        SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull,
               attidentity, atthasdef, pg_get_expr(adbin, adrelid)
          FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
          JOIN pg_class c ON c.oid = attrelid
         WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text !~ '^pg_|^inf|^dms'
           AND attnum > 0 AND NOT attisdropped ORDER BY 1, 2""",
}


def catalogue(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Definitions of constraints, indexes, triggers, rules and columns of the user's tables."""
    with database.connect(options="-c search_path=pg_catalog") as connection:
        return {
            what: connection.execute(query.encode()).fetchall() for what, query in _QUERIES.items()
        }


def differences(before: dict[str, list[tuple[object, ...]]], database: Database) -> list[str]:
    """What was there and is not, and what is there and was not; empty when all is as it was."""
    after = catalogue(database)
    return [
        f"{sign} {what}: {row}"
        for what, rows in before.items()
        for sign, these, those in (("-", rows, after[what]), ("+", after[what], rows))
        for row in these
        if row not in those
    ]
