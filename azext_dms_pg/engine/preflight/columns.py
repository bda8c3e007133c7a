"""Column by column: will every value of the source find its place, and only there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.engine.preflight.case import Case, blocker, info, warning
from azext_dms_pg.postgres.expressions import alike
from azext_dms_pg.postgres.quoting import identifier, qualified
from azext_dms_pg.postgres.relations import SET_EXPRESSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azext_dms_pg.engine.preflight.case import Check
    from azext_dms_pg.engine.values import Route
    from azext_dms_pg.model.finding import Finding
    from azext_dms_pg.postgres.relations import Column

    Pair = tuple[Route, Column, Column]


def _pairs(case: Case) -> Iterator[Pair]:
    for route in case.routes:
        there = {column.name: column for column in route.target.columns}
        for column in route.source.columns:
            if column.name in there:
                yield route, column, there[column.name]


def missing_columns(case: Case) -> Iterator[Finding]:
    for route in case.routes:
        there = {column.name for column in route.target.columns}
        for column in route.source.stored_columns:
            if column.name not in there:
                yield blocker(
                    "ColumnMissingOnTarget",
                    f"{route.label}.{column.name}",
                    f"The target's {route.target.name} has no column {column.name}: its values "
                    "would be lost.",
                    f"ALTER TABLE {qualified(route.target.root)} ADD COLUMN "
                    f"{identifier(column.name)} {column.type_name};",
                )


def further_columns(case: Case) -> Iterator[Finding]:
    for route in case.routes:
        here = {column.name for column in route.source.columns}
        for column in route.target.stored_columns:
            if column.name in here:
                continue
            subject = f"{route.label}.{column.name}"
            filled = column.has_default or column.identity
            if column.not_null and not filled:
                yield blocker(
                    "ColumnOnlyOnTarget",
                    subject,
                    f"Column {column.name} of the target's {route.target.name} is NOT NULL without "
                    "a default, and the source has no values for it.",
                    f"ALTER TABLE {qualified(route.target.root)} ALTER COLUMN "
                    f"{identifier(column.name)} DROP NOT NULL;",
                )
            else:
                yield info(
                    "ColumnOnlyOnTarget",
                    subject,
                    f"Column {column.name} exists only in the target's {route.target.name}; rows "
                    f"get {'its default' if filled else 'NULL'} there.",
                )


def types(case: Case) -> Iterator[Finding]:
    for route, here, there in _pairs(case):
        if here.type_name == there.type_name:
            continue
        yield warning(
            "ColumnTypesDiffer",
            f"{route.label}.{here.name}",
            f"Column {here.name} is {here.type_name} on the source and {there.type_name} on the "
            "target: a value that does not fit stops the migration, and one that is rounded or "
            "padded is not the same.",
            f"ALTER TABLE {qualified(route.target.root)} ALTER COLUMN {identifier(here.name)} "
            f"TYPE {here.type_name};",
        )


def types_made_otherwise(case: Case) -> Iterator[Finding]:
    for route, here, there in _pairs(case):
        if here.type_name != there.type_name or here.made_of == there.made_of:
            continue
        yield blocker(
            "TypeMadeOtherwise",
            f"{route.label}.{here.name}",
            f"The type of column {here.name}, {here.type_name}, was made otherwise on the target: "
            f"{here.made_of} on the source, {there.made_of} on the target. Values would be rounded "
            "or come into the wrong attributes without an error.",
            f"Make {here.type_name} on the target as it is on the source (pg_dump --schema-only "
            "shows it), with the same attributes in the same order, and the tables that use it.",
        )


def not_null(case: Case) -> Iterator[Finding]:
    for route, here, there in _pairs(case):
        if there.not_null and not here.not_null and not there.generated:
            yield warning(
                "NullsNotAllowed",
                f"{route.label}.{here.name}",
                f"Column {here.name} may be NULL on the source but not on the target: a NULL stops "
                "the migration.",
                f"ALTER TABLE {qualified(route.target.root)} ALTER COLUMN "
                f"{identifier(here.name)} DROP NOT NULL;",
            )


def generated(case: Case) -> Iterator[Finding]:
    for route, here, there in _pairs(case):
        subject = f"{route.label}.{here.name}"
        if here.generated and not there.generated:
            yield blocker(
                "GeneratedOnlyOnSource",
                subject,
                f"Column {here.name} is generated on the source, so its values are not sent, but "
                "an ordinary column on the target, where it would stay empty.",
                f"ALTER TABLE {qualified(route.target.root)} DROP COLUMN {identifier(here.name)}; "
                "-- and add it with its GENERATED clause, as it is on the source.",
            )
        elif there.generated and not here.generated:
            yield warning(
                "GeneratedOnlyOnTarget",
                subject,
                f"Column {here.name} is generated on the target: the source's own values are not "
                "carried over.",
                f"ALTER TABLE {qualified(route.target.root)} ALTER COLUMN "
                f"{identifier(here.name)} DROP EXPRESSION;",
            )


def computed_otherwise(case: Case) -> Iterator[Finding]:
    for route, here, there in _pairs(case):
        if not (here.generated and there.generated) or alike(here.expression, there.expression):
            continue
        table, name = qualified(route.target.root), identifier(here.name)
        yield warning(
            "GeneratedDiffers",
            f"{route.label}.{here.name}",
            f"Column {here.name} is generated as {here.expression} on the source and as "
            f"{there.expression} on the target, as each server prints it (two versions may put "
            "the same in other words). The target computes its own values, and generated columns "
            "are not compared.",
            f"ALTER TABLE {table} ALTER COLUMN {name} SET EXPRESSION AS ({here.expression});"
            if case.target.server.version >= SET_EXPRESSION
            else f"ALTER TABLE {table} DROP COLUMN {name}; ALTER TABLE {table} ADD COLUMN {name} "
            f"{here.type_name} GENERATED ALWAYS AS ({here.expression}) STORED;",
        )


def identity(case: Case) -> Iterator[Finding]:
    for route, here, there in _pairs(case):
        if bool(here.identity) != bool(there.identity):
            where = "source" if here.identity else "target"
            yield info(
                "IdentityDiffers",
                f"{route.label}.{here.name}",
                f"Column {here.name} is an identity column on the {where} only; its values are "
                "carried over, but new rows get theirs in another way after the cutover.",
                f"ALTER TABLE {qualified(route.target.root)} ALTER COLUMN "
                f"{identifier(here.name)} ADD GENERATED BY DEFAULT AS IDENTITY;"
                if here.identity
                else "",
            )


def defaults(case: Case) -> Iterator[Finding]:
    for route, here, there in _pairs(case):
        if here.has_default and not here.generated and not there.has_default and not there.identity:
            yield info(
                "DefaultMissing",
                f"{route.label}.{here.name}",
                f"Column {here.name} has a default on the source and none on the target.",
                f"Give {route.target.root}.{here.name} the source's default on the target "
                "(pg_dump --schema-only shows it), if new rows shall get it after the cutover.",
            )


def collations(case: Case) -> Iterator[Finding]:
    for route, here, _ in _pairs(case):
        wanted = case.source.collations.get((route.source.name, here.name))
        found = case.target.collations.get((route.target.name, here.name))
        if wanted != found:
            yield warning(
                "CollationsDiffer",
                f"{route.label}.{here.name}",
                f"Column {here.name} has collation {wanted or 'default'} on the source and "
                f"{found or 'default'} on the target: order and, for some collations, equality "
                "differ.",
                f"ALTER TABLE {qualified(route.target.root)} ALTER COLUMN "
                f"{identifier(here.name)} TYPE {here.type_name} COLLATE "
                + ('"default";' if wanted is None else f"{qualified(wanted)};"),
            )


CHECKS: tuple[Check, ...] = (
    missing_columns,
    further_columns,
    generated,
    computed_otherwise,
    types,
    types_made_otherwise,
    not_null,
    collations,
    identity,
    defaults,
)
