"""What the comparison of both catalogues needs beyond a survey: types, sequences, constraints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from psycopg.rows import namedtuple_row

from azext_dms_pg.postgres.relations import Name
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg


@dataclass(frozen=True)
class UserType:
    """A type somebody has made.

    :param kind: ``typtype``: b(ase), c(omposite), d(omain), e(num), r(ange), m(ultirange).
    :param parts: OIDs of the types it is made of.
    :param fields: of a composite: name, type and collation (None is the type's own).
    :param base: of a domain: the type it restricts.
    :param checks: of a domain: name → definition.
    :param subtype: of a range: the options it was made with.
    """

    oid: int
    name: Name
    kind: str
    parts: tuple[int, ...] = ()
    fields: tuple[tuple[str, str, str | None], ...] = ()
    base: str = ""
    collation: str | None = None
    not_null: bool = False
    default: str | None = None
    checks: tuple[tuple[str, str], ...] = ()
    subtype: str | None = None
    extension: str = ""


@dataclass(frozen=True)
class MadeSequence:
    """How a sequence was made."""

    type_name: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool


@dataclass(frozen=True)
class Constraint:
    """What refuses rows of a table.

    :param oid: of the constraint, or of the index that makes rows unique.
    :param kind: c(heck), x (exclusion), p(rimary key), u(nique); i is a unique index alone.
    :param meaning: the same on both sides when they refuse the same rows.
    :param definition: what follows its name when it is made.
    :param table: where it was declared: at the table itself or above it.
    :param top_name: what it is called there.
    """

    oid: int
    relation: int
    name: str
    kind: str
    meaning: str
    definition: str
    table: Name
    top_name: str

    @property
    def is_unique(self) -> bool:
        return self.kind in {"p", "u", "i"}


@dataclass(frozen=True)
class Facts:
    """One side.

    :param columns: (relation, column) → default or generation expression, and the value rows hold
        that are older than the column.
    :param constraints: by the table's OID.
    """

    columns: dict[tuple[int, str], tuple[str | None, str | None]]
    types: tuple[UserType, ...]
    sequences: dict[Name, MadeSequence]
    constraints: dict[int, tuple[Constraint, ...]]

    @cached_property
    def type_by_oid(self) -> dict[int, UserType]:
        return {each.oid: each for each in self.types}

    @cached_property
    def type_by_name(self) -> dict[Name, UserType]:
        return {each.name: each for each in self.types}


def read_facts(session: psycopg.Connection[Any], relations: Iterable[int]) -> Facts:
    """:param relations: the tables concerned, by OID."""
    cursor = session.cursor(row_factory=namedtuple_row)
    parameters = {"relations": list(relations)}

    def rows(name: str) -> list[Any]:
        query = statement("drift", name, session.info.server_version)
        return list(cursor.execute(query, parameters))

    constraints: dict[int, tuple[Constraint, ...]] = {}
    for row in rows("constraints"):
        found = Constraint(
            row.oid, row.relation, row.name, row.kind, _stripped(row.meaning), row.definition,
            Name(row.schema, row.top), row.top_name,
        )  # fmt: skip
        constraints[row.relation] = (*constraints.get(row.relation, ()), found)
    return Facts(
        columns={
            (row.relation, row.name): (row.expression, row.missing) for row in rows("columns")
        },
        types=tuple(_type(row) for row in rows("types")),
        sequences={Name(row[0], row[1]): MadeSequence(*row[2:]) for row in rows("sequences")},
        constraints=constraints,
    )


def _type(row: Any) -> UserType:
    return UserType(
        oid=row.oid,
        name=Name(row.schema, row.name),
        kind=row.kind,
        parts=tuple(row.parts),
        fields=tuple((name, type_, collation) for name, type_, collation in row.fields),
        base=row.base or "",
        collation=row.collation,
        not_null=row.not_null,
        default=row.default_value,
        checks=tuple((name, _stripped(text)) for name, text in row.checks),
        subtype=row.subtype,
        extension=row.extension,
    )


def _stripped(definition: str) -> str:
    """Whether rows that were there before have been looked at is not part of the meaning."""
    return definition.removesuffix(" NOT VALID")
