"""The types that travel between stages, in the order data flows: plan, load, change, progress.

Everything is frozen. Stages know these types and nothing of each other; only ``migration.py``
knows which stage follows which.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from azext_dms_pg.postgres.publication import Published
from azext_dms_pg.postgres.relations import Name, Relation, RelKind
from azext_dms_pg.postgres.snapshot import SnapshotHandle as SnapshotHandle  # noqa: PLC0414 - one of them


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
class SequenceRoute:
    """A source sequence and the one to set at cutover (identity sequences may differ in name).

    :param oid: of the source's, :param goal: of the target's: names may have changed since.
    """

    source: Name
    target: Name
    oid: int
    goal: int


@dataclass(frozen=True)
class Begun:
    """What a source table looked like when the migration began; kept with the bookkeeping.

    :param columns: ``attnum`` → name and type, to tell a renamed column from a new one.
    :param goal: OID of the target's table at that time; 0 when it is not known.
    :param goal_columns: name → ``attnum`` of its columns, to tell what has been done there since.
    :param common: what refused rows on both sides alike, as the target calls it.
    :param identity: ``attnum`` of the columns the replica identity wrote, in ascending order; empty
        for whole rows, for none, and where it is not known.
    :param formulas: ``attnum`` → ``Column.formula`` of its generated columns; none: not known.
    :param goal_formulas: the same of the target's table.
    """

    oid: int
    name: Name
    label: Name
    columns: dict[int, tuple[str, str]]
    goal: int = 0
    goal_columns: dict[str, int] = field(default_factory=dict)
    common: frozenset[str] = frozenset()
    identity: tuple[int, ...] = ()
    formulas: dict[int, str] = field(default_factory=dict)
    goal_formulas: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Loaded:
    """What a source table looked like in the snapshot that was loaded.

    What changes old rows without a word in the stream (a rewrite by ALTER TABLE, a column made
    anew) shows against this; see ``proof.py``.

    :param file: ``pg_class.relfilenode``.
    :param types: ``attnum`` → type of every column.
    :param generated: ``attnum`` of the generated columns.
    :param sparse_until: position up to which changed rows may be missing on the target: the
        table's file was written anew while the load ran, most likely by a TRUNCATE, which is
        visible to older snapshots at once. 0: none may.
    """

    file: int
    types: dict[int, str]
    generated: frozenset[int]
    sparse_until: int = 0


@dataclass(frozen=True)
class Place:
    """Where a partition that holds rows stood on the source, and where its rows are kept.

    :param above: its partitioned tables, parent first, up to that of its label: OID and ``xmin``
        of the row in ``pg_inherits``, which tells a partition that was away from one that stayed.
    :param condition: which rows belong into it, as SQL on its columns; empty when unknown.
    :param goal: OID of the target's table; 0 when that is no part of the label's table there.
    :param alone: no other table's rows are in it.
    """

    name: Name
    label: Name
    above: tuple[tuple[int, str], ...]
    condition: str
    goal: int
    alone: bool


@dataclass(frozen=True)
class Numbering:
    """Which of the target's sequences stands for one of the source's; no name tells that later.

    :param goal: OID of the target's; 0 when it had none, or the sequence was not to be migrated.
    :param namesake: both were called the same, so that a new name here is one there, too.
    """

    goal: int = 0
    namesake: bool = False


@dataclass(frozen=True)
class Membership:
    """What belonged to what on the source when the tables were loaded: no stream tells of that.

    :param places: by OID, for every partition that came since too.
    :param published: None where there is no publication.
    :param sequences: by OID, all there were when the migration began, and those that have found a
        counterpart since; None when that is not known.
    :param definitions: OIDs of constraints, indexes, defaults and triggers, and numbers below them
        for columns that are NOT NULL; None: not known.
    """

    places: dict[int, Place] = field(default_factory=dict)
    published: Published | None = None
    sequences: dict[int, Numbering] | None = None
    definitions: frozenset[int] | None = None


@dataclass(frozen=True)
class Plan:
    """Everything the stages after preflight need to know about one database.

    :param plugin: logical decoding plugin, ``pgoutput`` or ``test_decoding``.
    :param binary_stream: pgoutput may send binary values (source ≥ 14 and every column portable).
    :param sequences: sequences present on both sides, to be set at cutover.
    :param replica_role: the target user may SET session_replication_role = replica.
    :param published: relations to list in the publication: a partitioned table that is migrated
        whole stands for its leaves, so that partitions made later are published from the start.
    :param begun: the tables of ``routes`` as they were when the migration began.
    :param unrouted: selected source tables for which the target has no table.
    :param source_encoding: of the source database, by PostgreSQL's name.
    :param empty_roots: partitioned tables that are migrated whole and had no partition then.
    :param loaded: the tables as they were in the snapshot, by OID; empty before the load.
    :param accepted: statements ``drift`` named at the beginning, which the user went on without.
    :param membership: partitions, publication and sequences as of the snapshot, and since.
    """

    routes: tuple[Route, ...]
    sequences: tuple[SequenceRoute, ...]
    plugin: str
    binary_stream: bool
    replica_role: bool
    source_version: int
    target_version: int
    published: tuple[Relation, ...] = ()
    begun: tuple[Begun, ...] = ()
    unrouted: tuple[Name, ...] = ()
    source_encoding: str = "UTF8"
    empty_roots: tuple[Name, ...] = ()
    loaded: dict[int, Loaded] = field(default_factory=dict)
    accepted: tuple[str, ...] = ()
    membership: Membership = field(default_factory=Membership)

    @property
    def labels(self) -> tuple[Name, ...]:
        """The tables the user is told about, each once, in plan order."""
        return tuple(dict.fromkeys(route.label for route in self.routes))


@dataclass(frozen=True)
class LoadProgress:
    """Rows and bytes copied so far of one table, reported while the load runs.

    ``fraction`` is 0..1 of the work (by blocks), for the estimated finish. ``rows`` is an
    estimate for what is under way and exact for what is committed. ``note`` says what the load
    waits for, such as space on the target's disk, and is empty while it runs.
    """

    label: Name
    rows: int
    bytes: int
    fraction: float
    done: bool
    note: str = ""


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


@dataclass(frozen=True)
class Fence:
    """A mark written to the source's WAL; whatever committed before it arrives before it.

    :param nonce: text the mark carries (seen by pgoutput with messages, source ≥ 14).
    :param xid: 32-bit id of the transaction that wrote it (seen in BEGIN on older sources).
    :param lsn: WAL position after its commit.
    """

    nonce: str
    xid: int
    lsn: int


@dataclass(frozen=True)
class FencePassed:
    """The fence came out of the stream and everything before it is durable on the target.

    :param changes_after_previous: row changes seen since the previous fence passed (or the
        follower started), to tell whether somebody still writes.
    """

    fence: Fence
    changes_after_previous: int


@dataclass(frozen=True)
class Position:
    """Where the stream stands; yielded about twice a second, also when nothing happens.

    :param received_lsn: last WAL position the source has sent us.
    :param applied_lsn: end of the last source commit durable on the target.
    :param server_lsn: the source's end of WAL as of its last message.
    :param pending_changes: row changes received but not yet committed on the target.
    :param received_changes: row changes received since the follower started.
    :param caught_up: nothing received is unapplied and the source had nothing more to send.
    :param lag: seconds between the commit on the source of the oldest unapplied change and now;
        0.0 when caught up.
    """

    received_lsn: int
    applied_lsn: int
    server_lsn: int
    pending_changes: int
    received_changes: int
    caught_up: bool
    lag: float
