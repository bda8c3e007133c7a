"""What a server's catalogue says about the relations a migration touches.

Pure values; ``catalog.py`` fills them from queries. Knows no task and no connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# First version that gives a generated column another expression.
SET_EXPRESSION = 170000


class RelKind(str, Enum):
    """``pg_class.relkind`` of what can hold or route rows."""

    TABLE = "r"
    PARTITIONED = "p"


class ReplicaIdentity(str, Enum):
    """``pg_class.relreplident``: which old columns an UPDATE or DELETE writes to the WAL."""

    DEFAULT = "d"
    NOTHING = "n"
    FULL = "f"
    INDEX = "i"


@dataclass(frozen=True, order=True)
class Name:
    """A schema-qualified name, unquoted, exactly as the catalogue holds it."""

    schema: str
    name: str

    def __str__(self) -> str:
        """``schema.table`` as the task output prints it (not SQL: nothing is quoted)."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Column:
    """One live column.

    :param number: ``attnum``.
    :param type_oid: OID on *this* server; comparable between servers for built-in types only.
    :param type_name: ``format_type(atttypid, atttypmod)`` under an empty search_path.
    :param cast_type: SQL text of the type without modifier, fit for ``CAST(x AS …)`` of text
        without silent truncation (``pg_catalog.bpchar``, ``"bit"``).
    :param portable: stable description of the type down to its base types, equal on both servers
        exactly when the binary formats are interchangeable; None when binary must not be used.
    :param generated: ``''``, ``'s'`` (stored) or ``'v'`` (virtual).
    :param identity: ``''``, ``'a'`` (ALWAYS) or ``'d'`` (BY DEFAULT).
    :param made_of: the user's types it is made of, each as it was defined; empty for none.
    :param width: bytes of a fixed-width type's binary value (``typlen`` > 0), else -1.
    :param expression: of a generated column, as its server prints it.
    :param formula: the same, hashed, for one server alone: no renaming changes it.
    """

    number: int
    name: str
    type_oid: int
    type_name: str
    cast_type: str
    portable: str | None
    not_null: bool
    has_default: bool
    generated: str
    identity: str
    width: int
    made_of: str = ""
    expression: str = ""
    formula: str = ""


@dataclass(frozen=True)
class Relation:
    """One table or partitioned table of one server.

    :param root: name of the topmost partitioned ancestor; its own name when it has none.
    :param ancestors: partitioned ancestors from parent to root, empty when it is no partition.
    :param key: column names of the primary key, in index order; empty when there is none.
    :param key_deferrable: the primary key is DEFERRABLE: it identifies rows between transactions
        only, so it is no replica identity.
    :param identity_key: columns the replica identity writes (the primary key, or the identity
        index's columns); empty for FULL and NOTHING or when there is none.
    :param unique_keys: column-name tuples of further usable unique indexes (not partial, no
        expressions, all columns NOT NULL), best first.
    :param rows: estimate (``reltuples``), -1 when never analysed.
    :param pages: actual main-fork size in blocks of ``block_size`` (from the file, not relpages).
    :param bytes: main fork + TOAST, indexes not counted.
    """

    oid: int
    name: Name
    kind: RelKind
    columns: tuple[Column, ...]
    root: Name
    ancestors: tuple[Name, ...]
    replica_identity: ReplicaIdentity
    key: tuple[str, ...]
    identity_key: tuple[str, ...]
    unique_keys: tuple[tuple[str, ...], ...]
    persistence: str
    owner_is_me: bool
    rows: int
    pages: int
    bytes: int
    key_deferrable: bool = False

    @property
    def stored_columns(self) -> tuple[Column, ...]:
        """Columns whose values travel: everything that is not generated."""
        return tuple(column for column in self.columns if not column.generated)

    @property
    def identity_numbers(self) -> tuple[int, ...]:
        """``attnum`` of the ``identity_key``, in ascending order."""
        return tuple(
            sorted(column.number for column in self.columns if column.name in self.identity_key)
        )

    @property
    def formulas(self) -> dict[int, str]:
        """``attnum`` → formula of the generated columns."""
        return {column.number: column.formula for column in self.columns if column.generated}
