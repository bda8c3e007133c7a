"""The types that travel between stages, in the order data flows: plan, load, change, progress.

Everything is frozen. Stages know these types and nothing of each other; only ``migration.py``
knows which stage follows which.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from azext_dms_pg.postgres.relations import Name, Relation, RelKind


@dataclass(frozen=True)
class Route:
    """From one source table that holds rows (a plain table or a leaf partition) to its target.

    :param source: the source relation; ``source.oid`` is what the change stream calls it.
    :param target: the target relation: same name, or the nearest ancestor that exists there.
    :param columns: names of the columns that travel, in source order; none is generated.
    :param binary: the load may use COPY BINARY (column types are interchangeable).
    :param key: columns that identify one row on the target, in key order; all are among those
        the replica identity writes. Empty: rows are matched whole (REPLICA IDENTITY FULL).
    :param label: the table the user is told about: the partition root's name, else its own.
    """

    source: Relation
    target: Relation
    columns: tuple[str, ...]
    binary: bool
    key: tuple[str, ...]
    label: Name

    @property
    def only(self) -> bool:
        """Statements on the target need ONLY (a partitioned target must be without it)."""
        return self.target.kind is RelKind.TABLE


@dataclass(frozen=True)
class Plan:
    """Everything the stages after preflight need to know about one database.

    :param plugin: logical decoding plugin, ``pgoutput`` or ``test_decoding``.
    :param binary_stream: pgoutput may send binary values (source ≥ 14 and every column portable).
    :param sequences: sequences present on both sides, to be set at cutover.
    :param replica_role: the target user may SET session_replication_role = replica.
    """

    routes: tuple[Route, ...]
    sequences: tuple[Name, ...]
    plugin: str
    binary_stream: bool
    replica_role: bool
    source_version: int
    target_version: int

    @property
    def labels(self) -> tuple[Name, ...]:
        """The tables the user is told about, each once, in plan order."""
        return tuple(dict.fromkeys(route.label for route in self.routes))


@dataclass(frozen=True)
class SnapshotHandle:
    """A slot and the snapshot exported with it.

    :param consistent_lsn: ``consistent_point``; every commit after it comes through the stream.
    """

    slot: str
    snapshot: str
    consistent_lsn: int


@dataclass(frozen=True)
class LoadProgress:
    """Rows and bytes copied so far of one table, reported while the load runs.

    ``fraction`` is 0..1 of the work (by blocks), for the estimated finish.
    """

    label: Name
    rows: int
    bytes: int
    fraction: float
    done: bool


@dataclass(frozen=True)
class TableChanges:
    """Changes applied to one table in one committed target transaction."""

    label: Name
    inserts: int = 0
    updates: int = 0
    deletes: int = 0
    truncates: int = 0


@dataclass(frozen=True)
class Applied:
    """What one committed target transaction brought.

    :param lsn: end LSN of the last source commit in it; durable on the target now.
    :param commit_time: that commit's time on the source, microseconds since 1970 UTC.
    """

    lsn: int
    commit_time: int
    transactions: int
    tables: tuple[TableChanges, ...] = field(default=())
