"""What a survey of one database holds, besides the relations themselves: pure values.

``catalog.py`` fills them; planning and preflight read them. Knows no task and no connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from azext_dms_pg.postgres.relations import Name, Relation


@dataclass(frozen=True)
class Server:
    """The server, the database and what the connected role may do there.

    :param version: ``server_version_num``.
    :param system_identifier: of the cluster; None when the role may not read it.
    :param roles: names of the roles the user has the rights of, its own included.
    :param create: the user has CREATE on the database; ``temporary_tables``: TEMPORARY.
    :param replica_role: the user may ``SET session_replication_role = replica`` (it was tried).
    :param settings: the server parameters that matter here, in their base units.
    :param backends: client connections in use, over all databases.
    :param temporary: tables of this database that end with somebody's session.
    """

    version: int
    version_text: str
    in_recovery: bool
    system_identifier: str | None
    database: str
    database_oid: int
    database_bytes: int
    block_size: int
    encoding: str
    collate: str
    ctype: str
    locale_provider: str
    user: str
    superuser: bool
    replication: bool
    bypass_row_security: bool
    roles: frozenset[str]
    create: bool
    temporary_tables: bool
    replica_role: bool
    settings: dict[str, str]
    slots: tuple[Slot, ...]
    senders: int
    backends: int
    large_objects: int
    temporary: int

    @property
    def major(self) -> int:
        return self.version // 10000

    @property
    def locale(self) -> tuple[str, str, str]:
        return (self.locale_provider, self.collate, self.ctype)


@dataclass(frozen=True)
class Slot:
    """A replication slot of the server, of any database."""

    name: str
    database: str | None
    active: bool


@dataclass(frozen=True)
class Detail:
    """What preflight asks about a relation beyond what the load and the stream need.

    :param schema_usage: the user has USAGE on its schema.
    :param has_rows: None when that could not be asked (or was not asked for).
    :param bound: partition bound as SQL, empty when it is no partition.
    :param strategy: of a partitioned table: ``r``, ``l`` or ``h``; else empty.
    :param partition_key: ``pg_get_partkeydef``; empty unless partitioned.
    :param stable_key: rows fall into partitions of the same bounds on every server: its key
        columns are plain ones of built-in types (an enum's hash is that of its OID).
    :param collated_key: … provided that locale and encoding are the same.
    :param inherits: it has (non-partition) parents or children.
    """

    owner: str
    extension: str
    schema_usage: bool
    select: bool
    insert: bool
    update: bool
    delete: bool
    truncate: bool
    references: bool
    row_security: bool
    forced_row_security: bool
    inherits: bool
    has_rows: bool | None = None
    bound: str = ""
    strategy: str = ""
    partition_key: str = ""
    stable_key: bool = True
    collated_key: bool = False


@dataclass(frozen=True)
class OtherRelation:
    """A relation that holds data but cannot be migrated as a table.

    :param kind: ``foreign table`` or ``materialized view``.
    :param parent: the partitioned table it is a partition of.
    """

    name: Name
    kind: str
    extension: str = ""
    parent: Name | None = None


@dataclass(frozen=True)
class Sequence:
    """A generator of numbers.

    :param owner: table and column it belongs to (serial, identity); None when free.
    :param used_by: tables with a column default that draws from it.
    """

    oid: int
    name: Name
    owner: tuple[Name, str] | None
    identity: bool
    used_by: tuple[Name, ...]
    type_name: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cycle: bool
    select: bool
    update: bool


@dataclass(frozen=True)
class EnumType:
    """An enum and its labels in sort order."""

    name: Name
    labels: tuple[str, ...]


@dataclass(frozen=True)
class ForeignKey:
    """A constraint of its own, not one a partition inherited."""

    name: str
    table: Name
    references: Name
    validated: bool


@dataclass(frozen=True)
class UncheckedDomain:
    """A domain's constraint that is NOT VALID. :param tables: with values of the domain."""

    name: Name
    constraint: str
    definition: str
    tables: frozenset[Name]


@dataclass(frozen=True)
class Trigger:
    """A user trigger.

    :param enabled: ``O`` origin, ``A`` always, ``R`` replica only, ``D`` disabled.
    """

    name: str
    table: Name
    enabled: str


@dataclass(frozen=True)
class Rule:
    """A rewrite rule for INSERT, UPDATE or DELETE. :param enabled: as for triggers."""

    name: str
    table: Name
    enabled: str


@dataclass(frozen=True)
class EventTrigger:
    """One that is enabled. :param on_publications: it fires when one is created or dropped."""

    name: str
    on_publications: bool


@dataclass(frozen=True)
class OpenTransaction:
    """A transaction with an xid: creating a slot waits until it ends.

    :param xid_age: transactions begun since.
    :param seconds: since it began; None when the role may not see that.
    """

    pid: int
    user: str
    database: str
    application: str
    state: str
    seconds: float | None
    xid_age: int


@dataclass(frozen=True)
class PreparedTransaction:
    """A transaction left by PREPARE TRANSACTION; creating a slot waits for it too."""

    gid: str
    database: str
    owner: str
    seconds: float


@dataclass(frozen=True)
class OwnObject:
    """Something in the schema of our bookkeeping.

    :param described: what the server calls it.
    :param relation: its name if it is a relation, else empty.
    :param named_like_ours: it has the name of one of our tables; ``is_ours``: and its columns.
    :param may_write: the user may read and write it.
    """

    described: str
    relation: str
    holds_rows: bool
    named_like_ours: bool
    is_ours: bool
    may_write: bool


@dataclass(frozen=True)
class Doubt:
    """Somebody else has a hand in what migrations keep in their schema.

    :param kind: ``owner``, ``writer``, ``trigger``, ``rule``, ``policy``, ``row security`` or
        ``child``.
    :param object: of the schema, or the schema itself.
    :param name: of the role, trigger and so on; None is everybody.
    """

    kind: str
    object: str
    name: str | None


@dataclass(frozen=True)
class Claim:
    """A table some migration under way fills.

    :param migration: its id on the target; ``slot``: the name of its slot on its source.
    :param itself: filled; if not, one of its partitions is.
    """

    migration: str
    slot: str
    table: Name
    itself: bool


@dataclass(frozen=True)
class OwnSchema:
    """The schema where migrations keep their progress. :param create: the user may, in it."""

    create: bool
    objects: tuple[OwnObject, ...]
    claims: tuple[Claim, ...] = ()
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True)
class Survey:
    """Everything known about one database at one moment.

    :param relations: plain tables, partitioned tables and partitions of the user.
    :param details: by the relation's OID.
    :param others: data that cannot be migrated as tables.
    :param extensions: name → version installed.
    :param available: extensions that could be created, name → version.
    :param collations: of columns that do not use their type's own: (table, column) → name.
    """

    server: Server
    relations: tuple[Relation, ...]
    details: dict[int, Detail]
    others: tuple[OtherRelation, ...]
    sequences: tuple[Sequence, ...]
    extensions: dict[str, str]
    available: dict[str, str]
    enums: dict[Name, EnumType]
    collations: dict[tuple[Name, str], Name]
    foreign_keys: tuple[ForeignKey, ...]
    triggers: tuple[Trigger, ...]
    rules: tuple[Rule, ...]
    event_triggers: tuple[EventTrigger, ...]
    schemas: frozenset[str]
    own_schema: OwnSchema | None
    open_transactions: tuple[OpenTransaction, ...]
    prepared_transactions: tuple[PreparedTransaction, ...]
    unchecked_domains: tuple[UncheckedDomain, ...] = ()

    @cached_property
    def by_name(self) -> dict[Name, Relation]:
        return {relation.name: relation for relation in self.relations}

    @cached_property
    def sequence_by_name(self) -> dict[Name, Sequence]:
        return {sequence.name: sequence for sequence in self.sequences}

    @cached_property
    def sequence_by_oid(self) -> dict[int, Sequence]:
        return {sequence.oid: sequence for sequence in self.sequences}

    @cached_property
    def sequence_by_owner(self) -> dict[tuple[Name, str], Sequence]:
        return {
            sequence.owner: sequence for sequence in self.sequences if sequence.owner is not None
        }

    def detail(self, relation: Relation) -> Detail:
        return self.details[relation.oid]
