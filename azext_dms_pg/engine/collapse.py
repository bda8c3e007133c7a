"""Net effect of many changes to one table: what is left to do, once a row. Pure.

A keyed table keeps the last state per key; a table without a key keeps a multiset of whole-row
images. Keys are compared as the bytes the source stores: a row is always spoken of by exactly
those, and two keys that are equal for the server but differ in bytes (1.0 and 1.00) never exist
at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from azext_dms_pg.engine.codec import Codec
from azext_dms_pg.errors import MigrationError

Values = list[bytes]


class InconsistentStreamError(MigrationError):
    """The stream changes a row in a way the rows before it forbid."""

    code = "StreamInconsistent"


class _Entry(NamedTuple):
    """State of one key.

    :param existed: the target has a row of this key from before the batch.
    :param row: the row as it shall be, completely known, or None.
    :param values: the row as it shall be with values that were not sent; None when ``row`` is
        set or the key shall be absent.
    :param origin: key of the target row that holds what was not sent; None: this key's.
    """

    existed: bool
    row: bytes | None
    values: Values | None
    origin: bytes | None


_ABSENT = _Entry(existed=True, row=None, values=None, origin=None)


@dataclass(frozen=True)
class NetEffect:
    """What a batch comes to, in the order it must be carried out.

    :param moves: rows to be made of a target row's values and new ones, by the positions that
        are known: (key of the row to take the rest from, known values).
    :param deletes: keys to delete; those of moved rows are among them.
    :param updates: complete new rows of existing keys.
    :param partial: by the positions that are known: known values of existing rows.
    :param inserts: complete rows.
    """

    moves: dict[tuple[int, ...], list[tuple[bytes, Values]]] = field(default_factory=dict)
    deletes: list[bytes] = field(default_factory=list)
    updates: list[bytes] = field(default_factory=list)
    partial: dict[tuple[int, ...], list[Values]] = field(default_factory=dict)
    inserts: list[bytes] = field(default_factory=list)


class KeyedDelta:
    """Net effect on a table whose rows are known by key.

    :param keep_rest: rows of the target have more than the stream tells (columns of its own), so
        a row whose key changes must be moved, not written anew.
    """

    def __init__(self, codec: Codec, *, keep_rest: bool = False) -> None:
        self._codec = codec
        self._keep_rest = keep_rest
        self._entries: dict[bytes, _Entry] = {}
        self.inserts = self.updates = self.deletes = 0

    def insert(self, key: bytes, row: bytes) -> None:
        self.inserts += 1
        before = self._entries.get(key)
        if before is not None and before is not _ABSENT:
            raise _inconsistent("an INSERT of a key that was there")
        self._entries[key] = _Entry(before is not None, row, None, None)

    def update(self, key: bytes, row: bytes) -> None:
        """All values are known and the key stays."""
        self.updates += 1
        before = self._entries.get(key)
        if before is None:
            self._entries[key] = _Entry(existed=True, row=row, values=None, origin=None)
        elif before is _ABSENT:
            raise _inconsistent("an UPDATE of a row that was deleted")
        elif before.origin is not None and self._keep_rest:
            values = self._codec.split(row)
            self._entries[key] = _Entry(before.existed, None, values, before.origin)
        else:
            self._entries[key] = _Entry(before.existed, row, None, None)

    def update_partly(self, key: bytes, values: Values) -> None:
        """Some values were not sent; the key stays."""
        self.updates += 1
        before = self._entries.get(key)
        if before is _ABSENT:
            raise _inconsistent("an UPDATE of a row that was deleted")
        if before is None:
            self._entries[key] = _Entry(existed=True, row=None, values=values, origin=None)
        else:
            self._put(key, before.existed, self._merged(before, values), before.origin)

    def change_key(self, old: bytes, new: bytes, values: Values) -> None:
        """The key changes; some values may not have been sent."""
        self.updates += 1
        before = self._entries.get(old)
        origin: bytes | None
        if before is None:
            self._entries[old] = _ABSENT
            origin = old
        elif before is _ABSENT:
            raise _inconsistent("an UPDATE of a row that was deleted")
        else:
            values = self._merged(before, values)
            origin = before.origin
            if origin is None and before.existed:
                origin = old
            self._remove(old, before)
        found = self._entries.get(new)
        if found is not None and found is not _ABSENT:
            raise _inconsistent("an UPDATE to a key that was there")
        self._put(new, found is not None, values, origin)

    def delete(self, key: bytes) -> None:
        self.deletes += 1
        before = self._entries.get(key)
        if before is _ABSENT:
            raise _inconsistent("a DELETE of a row that was deleted")
        if before is None:
            self._entries[key] = _ABSENT
        else:
            self._remove(key, before)

    def net(self, *, careful: bool = False) -> NetEffect:
        """Sort what is left to do.

        :param careful: no UPDATE: every changed row is taken away and written anew, so that no
            order of statements can collide with a unique or exclusion constraint.
        """
        net = NetEffect()
        for key, entry in self._entries.items():
            if entry is _ABSENT:
                net.deletes.append(key)
            elif not entry.existed and entry.row is not None:
                net.inserts.append(entry.row)
            elif not careful and entry.origin is None:
                self._update(net, entry)
            else:
                self._move(net, key, entry)
        return net

    def _update(self, net: NetEffect, entry: _Entry) -> None:
        if entry.row is not None:
            net.updates.append(entry.row)
            return
        known, values = self._known(entry.values or [])
        net.partial.setdefault(known, []).append(values)

    def _move(self, net: NetEffect, key: bytes, entry: _Entry) -> None:
        if entry.existed:
            net.deletes.append(key)
        if entry.row is not None and not self._keep_rest:
            net.inserts.append(entry.row)
            return
        values = entry.values if entry.row is None else self._codec.split(entry.row)
        known, values = self._known(values or [])
        origin = key if entry.origin is None else entry.origin
        net.moves.setdefault(known, []).append((origin, values))

    def _known(self, values: Values) -> tuple[tuple[int, ...], Values]:
        unchanged = self._codec.unchanged
        known = tuple(at for at, value in enumerate(values) if value != unchanged)
        return known, [values[at] for at in known]

    def _put(self, key: bytes, existed: bool, values: Values, origin: bytes | None) -> None:  # noqa: FBT001
        complete = self._codec.unchanged not in values
        if origin == key:
            # Moved away and back: what was not sent is where it was.
            origin = None
        if complete and (origin is None or not self._keep_rest):
            self._entries[key] = _Entry(existed, self._codec.row(values), None, None)
        else:
            self._entries[key] = _Entry(existed, None, values, origin)

    def _remove(self, key: bytes, before: _Entry) -> None:
        if before.existed:
            self._entries[key] = _ABSENT
        else:
            del self._entries[key]

    def _merged(self, before: _Entry, values: Values) -> Values:
        """``values`` with what was not sent taken from the state before."""
        unchanged = self._codec.unchanged
        if unchanged not in values:
            return values
        old = before.values if before.row is None else self._codec.split(before.row)
        return [was if value == unchanged else value
                for value, was in zip(values, old or values, strict=True)]  # fmt: skip


class WholeDelta:
    """Net effect on a table without a key: how many rows of each image come or go."""

    def __init__(self) -> None:
        self.rows: dict[bytes, int] = {}
        self.inserts = self.updates = self.deletes = 0

    def insert(self, row: bytes) -> None:
        self.inserts += 1
        self._add(row, 1)

    def update(self, old: bytes, new: bytes) -> None:
        self.updates += 1
        self._add(old, -1)
        self._add(new, 1)

    def delete(self, row: bytes) -> None:
        self.deletes += 1
        self._add(row, -1)

    def _add(self, row: bytes, count: int) -> None:
        left = self.rows.get(row, 0) + count
        if left:
            self.rows[row] = left
        else:
            del self.rows[row]


def _inconsistent(what: str) -> InconsistentStreamError:
    return InconsistentStreamError(
        f"The change stream holds {what}.",
        "Restart the task. If it comes again, compare source and target and report it.",
    )
