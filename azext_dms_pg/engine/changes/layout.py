"""How rows of one table of the stream become rows of a target table: columns, key, form.

A layout holds from one announcement of a table in the stream to the next. Pure values; the target
is asked by ``layouts.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from azext_dms_pg.engine.changes.codec import BINARY, TEXT, Codec
from azext_dms_pg.engine.changes.collapse import KeyedDelta, Values, WholeDelta
from azext_dms_pg.engine.values import Route
from azext_dms_pg.postgres.changes import Fields, StreamRelation
from azext_dms_pg.postgres.relations import Name


class Matching(Enum):
    """How the row of an UPDATE or DELETE is found on the target."""

    KEY = "by key"
    WHOLE = "by all its values"
    NEVER = "not at all: only INSERT can be carried"


class Operation(Enum):
    """What a row change does, and by which of its values the row is found."""

    INSERT = "a new row"
    UPDATE = "all values of a row, by its key or by its old values"
    UPDATE_PARTLY = "some values of a row, by its key"
    CHANGE_KEY = "the key of a row and some of its values"
    DELETE = "a row that goes"


@dataclass(frozen=True)
class Equality:
    """When a value of the target is one of the stream's.

    :param operator: of an index, ``OPERATOR(public.=)``; plain ``=`` in pg_catalog would not use
        the index of an extension's type.
    :param collation: ``COLLATE "s"."name"`` of that index, empty where it is the column's.
    :param printed: they must also be printed alike: the operator takes for equal what a key of
        the source may keep apart.
    """

    operator: str
    collation: str = ""
    printed: bool = False


@dataclass(frozen=True)
class TargetColumn:
    """One live column of the target.

    :param base_type: SQL of the type below a domain, None when the type is no domain. Staging
        tables use it, because a domain's constraints must not see half a row.
    :param equals: how it is compared where no unique index of the target says it.
    """

    name: str
    type_oid: int
    type_name: str
    identity: str
    generated: str
    base_type: str | None
    equals: Equality


@dataclass(frozen=True, eq=False)
class Layout:
    """One table of the stream and where its rows go. Compared by identity.

    :param columns: of the target, in the order of the stream's values.
    :param stream_names: what the stream calls them.
    :param picks: positions in the stream's row of those columns; None when it is all of them.
    :param key: positions in ``columns``.
    :param equals: how each column of the key is compared; all of it must hold.
    :param rest: insertable columns of the target that the stream does not have.
    :param recent: positions in ``columns`` of those that may be younger than the rows. Only the
        plugin test_decoding leaves that open, until it has printed a new row of the table.
    :param indexed: the target finds the key through a unique index.
    :param sparse_until: as of ``Loaded``.
    """

    route: Route
    relation: StreamRelation
    columns: tuple[TargetColumn, ...]
    stream_names: tuple[str, ...]
    picks: tuple[int, ...] | None
    key: tuple[int, ...]
    equals: tuple[tuple[Equality, ...], ...]
    rest: tuple[TargetColumn, ...]
    recent: tuple[int, ...]
    matching: Matching
    binary: bool
    indexed: bool
    sparse_until: int

    @property
    def label(self) -> Name:
        return self.route.label

    @property
    def relation_key(self) -> int:
        """The source table, whatever it looked like when."""
        return self.route.source.oid

    @property
    def target(self) -> Name:
        return self.route.target.name

    @property
    def codec(self) -> Codec:
        return BINARY if self.binary else TEXT

    @property
    def rewrites(self) -> bool:
        """An UPDATE cannot set every column: GENERATED ALWAYS AS IDENTITY, outside the key."""
        return any(
            column.identity == "a" for at, column in enumerate(self.columns) if at not in self.key
        )

    @cached_property
    def effects(self) -> dict[Operation, Effect]:
        """Those that need no values of their own."""
        return {operation: Effect(self, operation) for operation in Operation}

    def picked(self, fields: Fields) -> Fields:
        return fields if self.picks is None else [fields[at] for at in self.picks]

    def delta(self) -> KeyedDelta | WholeDelta:
        if self.matching is Matching.KEY:
            return KeyedDelta(self.codec, keep_rest=bool(self.rest))
        return WholeDelta()


@dataclass(frozen=True, eq=False)
class Effect:
    """What a row change does to which table. Compared by identity.

    :param values: what is set, where no complete row says it; then it is of this one change.
        Those without values are made once, in ``Layout.effects``.
    """

    layout: Layout
    operation: Operation
    values: Values | None = None
