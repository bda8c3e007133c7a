"""What a change stream says, whichever plugin wrote it: pure values between decoder and engine.

A **field** is one column's value as the stream carried it: a 4-byte big-endian length and the
value's bytes, which is a valid field of COPY BINARY as it stands. NULL has length -1; a TOASTed
value that an UPDATE did not touch and the source did not send is ``UNCHANGED``, which no field
can equal.
"""

from __future__ import annotations

from typing import NamedTuple

from azext_dms_pg.postgres.relations import Name, ReplicaIdentity

NULL = b"\xff\xff\xff\xff"
UNCHANGED = b""

Fields = list[bytes]


class StreamColumn(NamedTuple):
    """One column as the stream announces it.

    :param type_oid: OID on the source; 0 where only the name is known (test_decoding).
    :param modifier: ``atttypmod``, -1 for none.
    :param type_name: as printed by the source, where the stream says it, else empty.
    :param identifies: part of what the replica identity writes.
    """

    name: str
    type_oid: int
    modifier: int
    type_name: str
    identifies: bool


class StreamRelation(NamedTuple):
    """A table as of this point of the stream. ``identity`` is None where the stream is silent."""

    oid: int
    name: Name
    identity: ReplicaIdentity | None
    columns: tuple[StreamColumn, ...]


class Begin(NamedTuple):
    """Start of a transaction, sent when it has committed.

    :param final_lsn: start of the commit record; 0 where the stream is silent.
    :param commit_time: microseconds since 1970 UTC, 0 where the stream is silent.
    """

    final_lsn: int
    commit_time: int
    xid: int


class Commit(NamedTuple):
    """End of a transaction.

    :param end_lsn: first byte after the commit record: what is acknowledged.
    :param commit_time: microseconds since 1970 UTC.
    """

    end_lsn: int
    commit_time: int


class TypeNote(NamedTuple):
    """Name of a type that is not built in, before the first relation that uses it."""

    oid: int
    name: Name


class Truncate(NamedTuple):
    """One TRUNCATE statement; the relations are named by OID or, by test_decoding, by name."""

    relations: tuple[int | Name, ...]
    cascade: bool
    restart_identity: bool


class LogicalMessage(NamedTuple):
    """What ``pg_logical_emit_message`` wrote: by anybody, so its bytes may be anything."""

    transactional: bool
    prefix: bytes
    content: bytes
