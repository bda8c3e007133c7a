"""Tables made from the families of values, and changes that touch each in every way.

Knows nothing of migrations.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import psycopg

from tests.support.databases import Database
from tests.support.values import FAMILIES, TYPES, Family


def families(major: int, extensions: Iterable[str] = (), *, xml: bool = True) -> list[Family]:
    """Those a server of that version has, with those extensions at hand."""
    there = {"", *extensions}
    return [
        family
        for family in FAMILIES
        if family.since <= major and family.extension in there and (xml or family.name != "xml")
    ]


def schema(chosen: list[Family]) -> str:
    """For every family a keyed table, a heap without a key, and one it is the key of."""
    lines = [
        f"CREATE EXTENSION {extension} SCHEMA public;"
        for extension in sorted({family.extension for family in chosen} - {""})
    ]
    lines.append(TYPES)
    if "composite_domain" in {family.name for family in chosen}:
        lines.append("CREATE DOMAIN kinds.row_domain AS kinds.inner_row;")
    for family in chosen:
        lines.append(
            f"CREATE TABLE kinds.{family.name}_key (id int PRIMARY KEY, v {family.type}, n int);"
            f"CREATE TABLE kinds.{family.name}_heap (v {family.type});"
            f"ALTER TABLE kinds.{family.name}_heap REPLICA IDENTITY FULL;"
        )
        if family.key:
            lines.append(
                f"CREATE TABLE kinds.{family.name}_pk (v {family.type} PRIMARY KEY, n int);"
            )
    return "\n".join(lines)


def rows(chosen: list[Family]) -> str:
    """The values, three times each in the heap."""
    lines = []
    for family in chosen:
        listed = ", ".join(f"({i}, {item}, 0)" for i, item in enumerate(family.literals, 1))
        lines.append(
            f"INSERT INTO kinds.{family.name}_key VALUES {listed};"
            f"INSERT INTO kinds.{family.name}_heap"
            f" SELECT v FROM kinds.{family.name}_key, generate_series(1, 3);"
        )
        if family.key:
            lines.append(
                f"INSERT INTO kinds.{family.name}_pk SELECT DISTINCT ON (v) v, id"
                f" FROM kinds.{family.name}_key WHERE v IS NOT NULL ORDER BY v, id;"
            )
    return "\n".join(lines)


def changes(chosen: list[Family]) -> list[str]:
    """Each step over all tables in one transaction."""
    names = [family.name for family in chosen]
    keys = [family.name for family in chosen if family.key]
    steps = [
        (
            "INSERT INTO kinds.{0}_key SELECT id + 1000, v, n FROM kinds.{0}_key;"
            "INSERT INTO kinds.{0}_heap SELECT v FROM kinds.{0}_heap;"
        ),
        # Every row takes the value of its neighbour; none keeps its own.
        (
            "UPDATE kinds.{0}_key k SET v = o.v FROM kinds.{0}_key o WHERE k.id <= 1000"
            " AND o.id = 1 + k.id % (SELECT max(id) FROM kinds.{0}_key WHERE id <= 1000);"
            "UPDATE kinds.{0}_heap SET v = (SELECT v FROM kinds.{0}_key WHERE id = 1)"
            " WHERE ctid = (SELECT max(ctid) FROM kinds.{0}_heap);"
        ),
        "UPDATE kinds.{0}_key SET n = n + 1;",
        (
            "UPDATE kinds.{0}_key SET id = id + 5000 WHERE id % 2 = 0;"
            "DELETE FROM kinds.{0}_heap WHERE ctid IN"
            " (SELECT ctid FROM kinds.{0}_heap ORDER BY ctid LIMIT 2);"
        ),
        "DELETE FROM kinds.{0}_key WHERE id = 1;",
    ]
    scripts = ["".join(step.format(name) for name in names) for step in steps]
    scripts += [
        "".join(step.format(name) for name in keys)
        for step in (
            "UPDATE kinds.{0}_pk SET n = n + 100;",
            "DELETE FROM kinds.{0}_pk WHERE n = (SELECT max(n) FROM kinds.{0}_pk);",
            # The key moves to a value another row has just given up, and back.
            (
                "UPDATE kinds.{0}_pk SET v = k.v FROM kinds.{0}_key k WHERE k.id = 5000 + 2"
                " AND kinds.{0}_pk.n = (SELECT min(n) FROM kinds.{0}_pk)"
                " AND NOT EXISTS (SELECT FROM kinds.{0}_pk p WHERE p.v = k.v) AND k.v IS NOT NULL;"
            ),
        )
    ]
    return scripts


def shared(source: Database, target: Database) -> list[Family]:
    """The families both servers have."""
    available = set.intersection(*(_extensions(database) for database in (source, target)))
    older = min(source.server.version, target.server.version)
    xml = all(_has_xml(database) for database in (source, target))
    return families(older, available, xml=xml)


def _extensions(database: Database) -> set[str]:
    """Those that can be created; a package may list ones that cannot."""
    found = set()
    for name in {family.extension for family in FAMILIES} - {""}:
        with database.connect(autocommit=False) as connection, contextlib.suppress(psycopg.Error):
            connection.execute(f"CREATE EXTENSION {name}".encode())
            found.add(name)
            connection.rollback()
    return found


def _has_xml(database: Database) -> bool:
    """Whether the server was built with libxml."""
    try:
        database.run("SELECT '<a/>'::xml")
    except psycopg.errors.FeatureNotSupported:
        return False
    return True
