"""Names as a person would write them in SQL, for statements the user is asked to run.

Nothing here is ever executed by us: our own statements go through ``psycopg.sql``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azext_dms_pg.postgres.relations import Name
    from azext_dms_pg.postgres.survey import Sequence

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
# Words PostgreSQL 18 does not take as the name of a table, column or type without quotes:
# the reserved ones and those reserved but for functions and types (SQL key words, appendix C).
_RESERVED_TEXT = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
    boolean both case cast char character check coalesce collate collation column concurrently
    constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user dec decimal default deferrable desc distinct do else end except
    exists extract false fetch float for foreign freeze from full grant greatest group grouping
    having ilike in initially inner inout int integer intersect interval into is isnull join
    json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
    json_serialize json_table json_value lateral leading least left like limit localtime
    localtimestamp merge_action national natural nchar none normalize not notnull null nullif
    numeric offset on only or order out outer overlaps overlay placing position precision primary
    real references returning right row select session_user setof similar smallint some substring
    symmetric system_user table tablesample then time timestamp to trailing treat trim true union
    unique user using values varchar variadic verbose when where window with xmlattributes
    xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
    xmltable
    """
_RESERVED = frozenset(_RESERVED_TEXT.split())


def identifier(name: str) -> str:
    """The name, in double quotes where it needs them."""
    if _PLAIN.fullmatch(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(name: Name) -> str:
    return f"{identifier(name.schema)}.{identifier(name.name)}"


def literal(text: str) -> str:
    """The text as a string constant (standard_conforming_strings on)."""
    return "'" + text.replace("'", "''") + "'"


def rename_table(old: Name, new: Name) -> str:
    """The statements that give a table another name, another schema, or both."""
    return _rename("TABLE", old, new)


def rename_sequence(old: Name, new: Name) -> str:
    """The same for a sequence."""
    return _rename("SEQUENCE", old, new)


def _rename(kind: str, old: Name, new: Name) -> str:
    steps = []
    if old.schema != new.schema:
        steps.append(f"ALTER {kind} {qualified(old)} SET SCHEMA {identifier(new.schema)};")
    if old.name != new.name:
        moved = f"{identifier(new.schema)}.{identifier(old.name)}"
        steps.append(f"ALTER {kind} {moved} RENAME TO {identifier(new.name)};")
    return " ".join(steps)


def alter_sequence(here: Sequence, there: Sequence) -> str:
    """The statement that makes ``there`` count as ``here`` does; empty when it does so already.

    Where it stands is not meant: it is set at the cutover.
    """
    options = []
    if here.type_name != there.type_name:
        options.append(f"AS {here.type_name}")
    if here.increment != there.increment:
        options.append(f"INCREMENT BY {here.increment}")
    bounds, former = (here.minimum, here.maximum), (there.minimum, there.maximum)
    if options or bounds != former:
        # Said in full: what is not said may follow the type and the direction, or may not.
        options.append(f"MINVALUE {here.minimum} MAXVALUE {here.maximum}")
    if here.minimum > there.minimum or here.maximum < there.maximum:
        # The server refuses bounds that leave out where it starts or stands.
        options.append(f"START WITH {here.start} RESTART")
    if here.cycle != there.cycle:
        options.append("CYCLE" if here.cycle else "NO CYCLE")
    return f"ALTER SEQUENCE {qualified(there.name)} {' '.join(options)};" if options else ""
