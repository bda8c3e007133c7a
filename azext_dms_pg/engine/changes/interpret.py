"""What a decoded row change means for the table it belongs to. Pure.

Knows replica identities: which row a change speaks of, and what of the new row is known.
"""

from __future__ import annotations

from azext_dms_pg.engine.changes.batch import Change
from azext_dms_pg.engine.changes.layout import Effect, Layout, Matching, Operation
from azext_dms_pg.engine.faults import BeyondMendingError
from azext_dms_pg.postgres.changes import UNCHANGED, Fields


def make_change(
    layout: Layout, old: Fields | None, new: Fields | None, *, insert: bool, old_is_key: bool
) -> Change:
    """One row change in the terms of its layout.

    :param old: fields of the layout's columns before the change, as far as the source wrote them.
    :param new: fields after the change; None for a DELETE.
    :param old_is_key: ``old`` has values in key columns only.
    :raises BeyondMendingError: the source did not write what identifies the row.
    """
    codec = layout.codec
    if new is not None and old is not None:
        new = _completed(layout, old, new, old_is_key=old_is_key)
    if layout.matching is not Matching.KEY:
        return _whole(layout, old, new, insert=insert)
    at_key = layout.key
    if new is None:
        if old is None:
            raise _unidentified(layout)
        key = codec.key(codec.values([old[at] for at in at_key]))
        return layout.effects[Operation.DELETE], key, b""
    values = codec.values(new)
    key = codec.key([values[at] for at in at_key])
    if insert:
        return layout.effects[Operation.INSERT], key, codec.row(values)
    unchanged = codec.unchanged in values
    if unchanged and any(new[at] == UNCHANGED for at in at_key):
        raise _unidentified(layout)
    if old is not None:
        before = codec.key(codec.values([old[at] for at in at_key]))
        if before != key:
            return Effect(layout, Operation.CHANGE_KEY, values), before, key
    if unchanged:
        return Effect(layout, Operation.UPDATE_PARTLY, values), key, b""
    return layout.effects[Operation.UPDATE], key, codec.row(values)


def _completed(layout: Layout, old: Fields, new: Fields, *, old_is_key: bool) -> Fields:
    """``new`` with TOASTed values that were not sent taken from ``old`` where it has them.

    REPLICA IDENTITY FULL writes old values out in full, and a key that is TOASTed itself is
    written with the old key (hazard 1).
    """
    if UNCHANGED not in new:
        return new
    known = layout.key if old_is_key else range(len(new))
    return [
        old[at] if field == UNCHANGED and at in known else field for at, field in enumerate(new)
    ]


def _whole(layout: Layout, old: Fields | None, new: Fields | None, *, insert: bool) -> Change:
    codec = layout.codec
    if insert:
        return layout.effects[Operation.INSERT], b"", codec.row(codec.values(new or []))
    if layout.matching is Matching.NEVER or old is None:
        raise _unidentified(layout)
    before = codec.row(codec.values(old))
    if new is None:
        return layout.effects[Operation.DELETE], before, b""
    return layout.effects[Operation.UPDATE], before, codec.row(codec.values(new))


def _unidentified(layout: Layout) -> BeyondMendingError:
    return BeyondMendingError(
        f"The source changed a row of {layout.label} without writing what identifies it: the "
        "table has no primary key and no full replica identity.",
        f"On the source run ALTER TABLE {layout.relation.name} REPLICA IDENTITY FULL, then cancel "
        "and begin anew: this change cannot be carried.",
        code="ApplyFailed",
    )
