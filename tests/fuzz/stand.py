"""One table of two columns without any server behind it, for a feed to send rows to."""

from __future__ import annotations

from collections.abc import Collection

from azext_dms_pg.engine.changes.batch import Batch
from azext_dms_pg.engine.changes.layout import Equality, Layout, Matching, TargetColumn
from azext_dms_pg.engine.changes.layouts import Layouts
from azext_dms_pg.engine.stream.assembler import Assembler, Limits
from azext_dms_pg.engine.values import Plan, Route
from azext_dms_pg.postgres.changes import StreamRelation
from azext_dms_pg.postgres.relations import Column, Name, Relation, RelKind, ReplicaIdentity

OID = 70000
_EQUAL = Equality("OPERATOR(pg_catalog.=)")
INT, TEXT = 23, 25
NAME = Name("public", "t")


def _column(number: int, name: str, oid: int, kind: str, width: int) -> Column:
    return Column(number, name, oid, kind, kind, kind, number == 1, False, "", "", width)


COLUMNS = (_column(1, "id", INT, "integer", 4), _column(2, "v", TEXT, "text", -1))
RELATION = Relation(
    oid=OID,
    name=NAME,
    kind=RelKind.TABLE,
    columns=COLUMNS,
    root=NAME,
    ancestors=(),
    replica_identity=ReplicaIdentity.DEFAULT,
    key=("id",),
    identity_key=("id",),
    unique_keys=(),
    persistence="p",
    owner_is_me=True,
    rows=0,
    pages=0,
    bytes=0,
)
ROUTE = Route(RELATION, RELATION, ("id", "v"), True, ("id",), NAME)


def plan(plugin: str, *, binary: bool) -> Plan:
    return Plan((ROUTE,), (), plugin, binary, True, 170000, 180000)


def assembler() -> Assembler:
    """One that hands slices to nobody."""

    def nobody(_: Batch) -> None:
        pass

    return Assembler(0, Limits(100, 1 << 20), nobody)


class OneTable(Layouts):
    """Fits whatever the stream calls this table, as the target has it."""

    def __init__(self, *, binary: bool) -> None:
        self._binary = binary

    def fit(
        self,
        relation: StreamRelation,
        route: Route,
        key: tuple[str, ...] | None = None,
        recent: Collection[str] = (),
    ) -> Layout:
        del key, recent
        names = [column.name for column in relation.columns]
        picks = tuple(names.index(each.name) for each in COLUMNS if each.name in names)
        targets = {
            each.name: TargetColumn(each.name, each.type_oid, each.type_name, "", "", None, _EQUAL)
            for each in COLUMNS
        }
        columns = tuple(targets[names[at]] for at in picks)
        return Layout(
            route=route,
            relation=relation,
            columns=columns,
            stream_names=tuple(column.name for column in columns),
            picks=None if len(picks) == len(names) else picks,
            key=tuple(at for at, column in enumerate(columns) if column.name == "id"),
            equals=((_EQUAL,),) if "id" in names else (),
            rest=(),
            recent=(),
            matching=Matching.KEY if "id" in names else Matching.NEVER,
            binary=self._binary,
            indexed=True,
            sparse_until=0,
        )

    def numbers_begun(self, route: Route) -> dict[str, int]:
        """Nobody renames a column meanwhile."""
        return {column.name: column.number for column in route.source.columns}

    def identity_throughout(self, route: Route) -> tuple[int, ...]:
        """Nor changes its replica identity."""
        return route.source.identity_numbers

    def source_oid(self, name: Name) -> int | None:
        """Nobody renames a table meanwhile."""
        del name
        return None

    def refuse_newcomer(self, oid: int, name: Name) -> None:
        """Nobody looks for partitions made meanwhile."""
