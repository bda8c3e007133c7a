"""Net effect of many changes to one table: what is left to do, once a row. Pure.

A keyed table keeps the last state per key; a table without a key keeps a multiset of whole-row
images. Keys are compared as the bytes the source stores: a row is always spoken of by exactly
those, and two keys that are equal for the server but differ in bytes (1.0 and 1.00) never exist
at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from azext_dms_pg.engine.changes.codec import Codec
from azext_dms_pg.errors import MigrationError

Values = list[bytes]


class InconsistentStreamError(MigrationError):
    """The stream changes a row in a way the rows before it forbid."""

    code = "StreamInconsistent"


class _Entry(NamedTuple):
    """State of a key that is neither simply inserted nor simply updated.

    :param existed: the target has a row of this key from before the batch.
    :param values: the row as it shall be, perhaps with values that were not sent; None: absent.
    :param origin: key of the target row that holds what was not sent; None: this key's.
    """

    existed: bool
    values: Values | None
    origin: bytes | None


_ABSENT = _Entry(existed=True, values=None, origin=None)


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
        # Nearly every key is in one of these two, so they hold no more than the row.
        self._new: dict[bytes, bytes] = {}
        self._changed: dict[bytes, bytes] = {}
        self._others: dict[bytes, _Entry] = {}
        self.inserts = self.updates = self.deletes = 0

    def insert(self, key: bytes, row: bytes) -> None:
        self.inserts += 1
        if key in self._others:
            if self._others[key] is not _ABSENT:
                raise _inconsistent("an INSERT of a key that was there")
            del self._others[key]
            self._changed[key] = row
        elif key in self._new or key in self._changed:
            raise _inconsistent("an INSERT of a key that was there")
        else:
            self._new[key] = row

    def update(self, key: bytes, row: bytes) -> None:
        """All values are known and the key stays."""
        self.updates += 1
        if key in self._new:
            self._new[key] = row
        elif key in self._others:
            before = self._take(key)
            self._put(key, before.existed, self._codec.split(row), before.origin)
        else:
            self._changed[key] = row

    def update_partly(self, key: bytes, row: bytes, values: Values) -> None:
        """Some values were not sent, so there is no row; the key stays."""
        del row
        self.updates += 1
        before = self._take(key)
        self._put(key, before.existed, self._merged(before, values), before.origin)

    def change_key(self, old: bytes, new: bytes, values: Values) -> None:
        """The key changes; some values may not have been sent."""
        self.updates += 1
        before = self._take(old)
        values = self._merged(before, values)
        origin = before.origin
        if before.existed:
            self._others[old] = _ABSENT
            if origin is None:
                origin = old
        found = self._others.pop(new, None)
        if found not in (None, _ABSENT) or new in self._new or new in self._changed:
            raise _inconsistent("an UPDATE to a key that was there")
        self._put(new, found is not None, values, origin)

    def delete(self, key: bytes, row: bytes = b"") -> None:
        del row
        self.deletes += 1
        if self._take(key).existed:
            self._others[key] = _ABSENT

    def net(self, *, careful: bool = False) -> NetEffect:
        """Sort what is left to do.

        Existing rows come in the order of their keys, as bytes: then the target walks its index
        and its table mostly forward, which costs it a third less than hopping about.

        :param careful: no UPDATE: every changed row is taken away and written anew, so that no
            order of statements can collide with a unique or exclusion constraint.
        """
        net = NetEffect()
        net.inserts.extend(self._new.values())
        if not careful:
            net.updates.extend(map(self._changed.__getitem__, sorted(self._changed)))
        else:
            for key, row in self._changed.items():
                net.deletes.append(key)
                if self._keep_rest:
                    self._move(net, key, self._codec.split(row))
                else:
                    net.inserts.append(row)
        for key, (existed, values, origin) in self._others.items():
            if values is None:
                net.deletes.append(key)
            elif origin is None and not careful:
                known, picked = self._known(values)
                net.partial.setdefault(known, []).append(picked)
            else:
                if existed:
                    net.deletes.append(key)
                self._move(net, key if origin is None else origin, values)
        net.deletes.sort()
        return net

    def _move(self, net: NetEffect, origin: bytes, values: Values) -> None:
        known, values = self._known(values)
        net.moves.setdefault(known, []).append((origin, values))

    def _known(self, values: Values) -> tuple[tuple[int, ...], Values]:
        unchanged = self._codec.unchanged
        known = tuple(at for at, value in enumerate(values) if value != unchanged)
        return known, [values[at] for at in known]

    def _take(self, key: bytes) -> _Entry:
        """The state of a row that is there, taken out of the delta."""
        row = self._new.pop(key, None)
        if row is not None:
            return _Entry(existed=False, values=self._codec.split(row), origin=None)
        row = self._changed.pop(key, None)
        if row is not None:
            return _Entry(existed=True, values=self._codec.split(row), origin=None)
        if self._others.get(key) is _ABSENT:
            raise _inconsistent("a change of a row that was deleted")
        return self._others.pop(key, None) or _Entry(existed=True, values=None, origin=None)

    def _put(self, key: bytes, existed: bool, values: Values, origin: bytes | None) -> None:  # noqa: FBT001
        if origin == key:
            # Moved away and back: what was not sent is where it was.
            origin = None
        complete = self._codec.unchanged not in values
        if complete and (origin is None or not self._keep_rest):
            rows = self._changed if existed else self._new
            rows[key] = self._codec.row(values)
        else:
            self._others[key] = _Entry(existed, values, origin)

    def _merged(self, before: _Entry, values: Values) -> Values:
        """``values`` with what was not sent taken from the state before."""
        unchanged = self._codec.unchanged
        if before.values is None or unchanged not in values:
            return values
        return [
            was if value == unchanged else value
            for value, was in zip(values, before.values, strict=True)
        ]


class WholeDelta:
    """Net effect on a table without a key: how many rows of each image come or go."""

    def __init__(self) -> None:
        self.rows: dict[bytes, int] = {}
        self.inserts = self.updates = self.deletes = 0

    def insert(self, key: bytes, row: bytes) -> None:
        del key
        self.inserts += 1
        if row in self.rows:
            self._add(row, 1)
        else:
            self.rows[row] = 1

    def update(self, old: bytes, new: bytes) -> None:
        self.updates += 1
        self._add(old, -1)
        self._add(new, 1)

    def delete(self, old: bytes, new: bytes = b"") -> None:
        del new
        self.deletes += 1
        self._add(old, -1)

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
