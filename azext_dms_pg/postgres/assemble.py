"""Turns rows of the survey's statements into relations, sequences and types.

Pure: rows in, values out; the attributes of a row are the column names of ``catalog.sql``.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from azext_dms_pg.postgres.portable import TypeFacts, Types
from azext_dms_pg.postgres.relations import Column, Name, Relation, RelKind, ReplicaIdentity
from azext_dms_pg.postgres.survey import (
    Detail,
    EnumType,
    OtherRelation,
    OwnObject,
    OwnSchema,
    Sequence,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KINDS = {kind.value: kind for kind in RelKind}
_OTHER_KINDS = {"f": "foreign table", "m": "materialized view"}


def types(rows: Iterable[Any], settings: Mapping[str, str], version: int) -> Types:
    facts = tuple(
        TypeFacts(
            oid=row.oid,
            schema=row.schema,
            name=row.name,
            kind=row.kind,
            length=row.length,
            wire=row.wire,
            element=row.element,
            base=row.base,
            subtype=row.subtype,
            fields=tuple(row.fields),
            made_of=tuple(row.made_of),
            extension=row.extension,
            extension_version=row.extension_version,
        )
        for row in rows
    )
    integers = settings.get("integer_datetimes") != "off"
    return Types(facts, integer_datetimes=integers, version=version)


def relations(
    rows: Iterable[Any],
    columns: Iterable[Any],
    indexes: Iterable[Any],
    types: Types,
    block_size: int,
) -> tuple[Relation, ...]:
    rows = [row for row in rows if row.kind in _KINDS]
    names = {row.oid: Name(row.schema, row.name) for row in rows}
    parents = {row.oid: row.parent for row in rows if row.parent is not None}
    columns_of = _columns(columns, types)
    indexes_of: dict[int, list[Any]] = defaultdict(list)
    for index in indexes:
        indexes_of[index.relation].append(index)
    return tuple(
        _relation(
            row,
            columns_of.get(row.oid, ()),
            indexes_of.get(row.oid, []),
            tuple(names[oid] for oid in _ancestors(row.oid, parents)),
            block_size,
        )
        for row in rows
    )


def _relation(
    row: Any,
    columns: tuple[Column, ...],
    indexes: list[Any],
    ancestors: tuple[Name, ...],
    block_size: int,
) -> Relation:
    name = Name(row.schema, row.name)
    identity = ReplicaIdentity(row.replica_identity)
    return Relation(
        oid=row.oid,
        name=name,
        kind=_KINDS[row.kind],
        columns=columns,
        root=ancestors[-1] if ancestors else name,
        ancestors=ancestors,
        replica_identity=identity,
        persistence=row.persistence,
        owner_is_me=row.owner_is_me,
        rows=row.rows,
        pages=row.main_bytes // block_size,
        bytes=row.main_bytes + row.toast_bytes,
        **_keys(identity, columns, indexes),
    )


def _columns(rows: Iterable[Any], types: Types) -> dict[int, tuple[Column, ...]]:
    found: dict[int, list[Column]] = defaultdict(list)
    for row in rows:
        found[row.relation].append(
            Column(
                number=row.number,
                name=row.name,
                type_oid=row.type,
                type_name=row.type_name,
                cast_type=row.cast_type,
                portable=types.describe(row.type),
                made_of=types.made_of(row.type),
                not_null=row.not_null,
                has_default=row.has_default,
                generated=row.generated,
                expression=row.expression or "",
                formula=row.formula or "",
                identity=row.identity,
                width=types.width(row.type),
            )
        )
    return {oid: tuple(columns) for oid, columns in found.items()}


def _ancestors(oid: int, parents: Mapping[int, int]) -> Iterable[int]:
    while oid in parents:
        oid = parents[oid]
        yield oid


def _keys(
    identity: ReplicaIdentity, columns: tuple[Column, ...], indexes: list[Any]
) -> dict[str, Any]:
    by_number = {column.number: column for column in columns}
    found: dict[str, Any] = {"key": (), "key_deferrable": False, "identity_key": ()}
    unique: list[tuple[Column, ...]] = []
    for index in indexes:
        numbers = [int(number) for number in index.columns.split()][: index.key_columns]
        numbers = list(dict.fromkeys(numbers))  # a column may be there twice, in two collations
        parts = tuple(by_number[number] for number in numbers if number in by_number)
        if len(parts) != len(numbers):
            continue
        names = tuple(part.name for part in parts)
        if index.is_primary:
            found |= {"key": names, "key_deferrable": not index.immediate}
        # While a transaction runs a deferrable constraint identifies nothing: PostgreSQL takes
        # its index neither for the replica identity nor for ON CONFLICT, and neither do we.
        if not index.immediate:
            continue
        if (index.is_primary and identity is ReplicaIdentity.DEFAULT) or (
            index.is_identity and identity is ReplicaIdentity.INDEX
        ):
            found["identity_key"] = names
        if not index.is_primary and all(part.not_null for part in parts):
            unique.append(parts)
    # Few columns first, and among those the ones of fixed width.
    unique.sort(key=lambda parts: (len(parts), sum(part.width < 0 for part in parts)))
    found["unique_keys"] = tuple(tuple(part.name for part in parts) for parts in unique)
    return found


def detail(row: Any) -> Detail:
    return Detail(
        owner=row.owner,
        extension=row.extension,
        schema_usage=row.schema_usage,
        select=row.may_select,
        insert=row.may_insert,
        update=row.may_update,
        delete=row.may_delete,
        truncate=row.may_truncate,
        references=row.may_reference,
        row_security=row.row_security,
        forced_row_security=row.forced_row_security,
        inherits=row.inherits,
        bound=row.bound or "",
        strategy=row.strategy or "",
        partition_key=row.partition_key or "",
        stable_key=row.stable_key,
        collated_key=row.collated_key,
    )


def others(rows: Iterable[Any], names: Mapping[int, Name]) -> tuple[OtherRelation, ...]:
    return tuple(
        OtherRelation(
            name=names[row.oid],
            kind=_OTHER_KINDS[row.kind],
            extension=row.extension,
            parent=None if row.parent is None else names.get(row.parent),
        )
        for row in rows
        if row.kind in _OTHER_KINDS
    )


def sequences(rows: Iterable[Any], names: Mapping[int, Name]) -> tuple[Sequence, ...]:
    return tuple(
        Sequence(
            oid=row.oid,
            name=Name(row.schema, row.name),
            owner=(names[row.owner], row.owner_column) if row.owner in names else None,
            identity=row.identity,
            used_by=tuple(names[oid] for oid in row.used_by if oid in names),
            type_name=row.type_name,
            start=row.start,
            increment=row.increment,
            minimum=row.minimum,
            maximum=row.maximum,
            cycle=row.cycle,
            select=row.may_select,
            update=row.may_update,
        )
        for row in rows
    )


def own_schema(rows: list[tuple[Any, ...]]) -> OwnSchema | None:
    if not rows:
        return None
    objects = tuple(
        OwnObject(described, relation or "", *facts)
        for _, described, relation, *facts in rows
        if described is not None
    )
    return OwnSchema(create=rows[0][0], objects=objects)


def enums(rows: Iterable[Any]) -> dict[Name, EnumType]:
    found = (EnumType(Name(row.schema, row.name), tuple(row.labels)) for row in rows)
    return {enum.name: enum for enum in found}


def collations(rows: Iterable[Any], names: Mapping[int, Name]) -> dict[tuple[Name, str], Name]:
    return {
        (names[row.relation], row.name): Name(row.collation_schema, row.collation_name)
        for row in rows
        if row.collation_name is not None and row.relation in names
    }
