"""Puts the names tables and columns have now into statements saved when they had others.

Whoever owns a table chooses its name, and the statements run with the migration's rights: a name
goes only where the statement names a table or a key's columns, and never into a constant, a comment
or a quoted name that happens to read like the old one. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from azext_dms_pg.postgres.lexer import NAME, SPACE, Token, tokens
from azext_dms_pg.postgres.relations import Name

if TYPE_CHECKING:
    from collections.abc import Mapping

# What stands before the name of a table in the definition of a key, index or trigger. The last is
# a cast to the table's row type, which is called like the table.
_BEFORE = ("table", "only", "on", "references", "::")


def with_names(statement: str, names: Mapping[Name, Name]) -> str:
    """The statement, saying for every table its new name.

    :param names: from the old ones.
    """
    if not names:
        return statement
    pieces = list(tokens(statement))
    code = [at for at, piece in enumerate(pieces) if piece.kind != SPACE]
    texts = [piece.text for piece in pieces]
    # A keyword, schema, dot and table.
    for before, schema, dot, table in zip(code, code[1:], code[2:], code[3:], strict=False):
        if not _leads_to_a_table(pieces[before]) or pieces[dot].text != ".":
            continue
        if pieces[schema].kind != NAME or pieces[table].kind != NAME:
            continue
        now = names.get(Name(pieces[schema].name, pieces[table].name))
        if now is not None:
            new = sql.Identifier(now.schema, now.name).as_string()
            texts[schema : table + 1] = [new, *[""] * (table - schema)]
    return "".join(texts)


def with_columns(definition: str, own: Mapping[str, str], referred: Mapping[str, str]) -> str:
    """``ADD CONSTRAINT … FOREIGN KEY``, with the new names of columns in its lists.

    :param own: of the table that has the key, from the old ones.
    :param referred: of the table it refers to.
    """
    pieces = list(tokens(definition))
    texts = [piece.text for piece in pieces]
    # FOREIGN KEY (own) REFERENCES table (referred) … ON DELETE SET NULL (own)
    names, inside = own, False
    for at, piece in enumerate(pieces):
        if piece.text in ("(", ")"):
            inside = piece.text == "("
        elif piece.kind != NAME:
            continue
        elif inside:
            # "PERIOD" in capitals is the word; a column of that name is written in small letters.
            if piece.text != "PERIOD" and (now := names.get(piece.name)) is not None:
                texts[at] = sql.Identifier(now).as_string()
        elif piece.text == "REFERENCES":
            names = referred
        elif piece.text in ("NULL", "DEFAULT"):
            names = own
    return "".join(texts)


def _leads_to_a_table(piece: Token) -> bool:
    # In quotes it is no keyword, whatever it says.
    return not piece.text.startswith('"') and piece.text.lower() in _BEFORE
