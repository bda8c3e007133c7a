"""What the stream's names of columns mean by now, where it speaks of the past. Pure.

A backlog may be older than a DROP or RENAME COLUMN that was run on both sides meanwhile. Columns
keep their number for ever, new ones come last, and the stream names them in that order; that is
what tells a column that was dropped from one that was renamed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.errors import MigrationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from azext_dms_pg.postgres.relations import Name


def remade(
    stream: Sequence[str], planned: Mapping[str, int], attributes: Mapping[int, str | None]
) -> str | None:
    """A name that has become another column's since the plan was made, if there is one."""
    live = {name for name in attributes.values() if name is not None}
    for name in stream:
        if name in live and name in planned and attributes.get(planned[name]) != name:
            return name
    return None


def former_names(
    stream: Sequence[str],
    attributes: Mapping[int, str | None],
    generated: Collection[str],
    begun: Mapping[str, int],
) -> dict[str, str | None] | None:
    """What the stream's names mean today, where other columns have them since.

    The stream names columns in the order of their numbers, which never change, and leaves out
    none that was there but those that are generated. In the answer None is a column that was
    dropped, and what is left out is called as it was; None for an answer: it cannot be told.

    :param generated: names of today.
    """
    live = {name: number for number, name in attributes.items() if name is not None}
    ordinary = {name: number for name, number in live.items() if name not in generated}
    # What the beginning knew by that name, else what has come since.
    numbers = {**live, **begun}
    as_begun = all(name in numbers for name in stream) and _ascend(numbers, stream)
    # A name that is gone shows that the stream speaks of the past; then another name may have
    # been given to another column since.
    past = as_begun and any(name not in live for name in stream)
    if not past and _ascend(live, stream) and not _leaves_out(ordinary, stream):
        return {}
    return {name: attributes.get(numbers[name]) for name in stream} if as_begun else None


def name_now(
    column: str,
    stream: Sequence[str],
    planned: Mapping[str, int],
    attributes: Mapping[int, str | None],
    begun: Mapping[str, int],
    kin: Mapping[str, str | None],
) -> str | None:
    """What a column of the stream is called now; None when it was dropped.

    :param stream: all the columns the stream names, in its order.
    :param planned: numbers of the columns when the plan was made.
    :param attributes: the source's columns by number; None is a dropped one.
    :param begun: numbers of the columns when the migration began.
    :param kin: of a partition that came since: what another one, which was there at the
        beginning, calls its columns of then. What is done to columns is done to all partitions.
    :raises MigrationError: it cannot be told.
    """
    live = {name for name in attributes.values() if name is not None}
    if column in live:
        return column
    if column in planned:
        return attributes.get(planned[column])
    if column in kin and (kin[column] is None or kin[column] in live):
        return kin[column]
    at = stream.index(column)
    before = [name for name in stream[:at] if name in live]
    after = [name for name in stream[at + 1 :] if name in live]
    numbers = {name: number for number, name in attributes.items() if name is not None}
    low = numbers[before[-1]] if before else 0
    high = numbers[after[0]] if after else max(attributes, default=0) + 1
    if low < begun.get(column, 0) < high:
        return attributes.get(begun[column])
    between = [name for number, name in sorted(attributes.items()) if low < number < high]
    unknown = stream[at - _run(stream[:at][::-1], live) : at + 1 + _run(stream[at + 1 :], live)]
    if all(name is None for name in between):
        return None
    # Nothing was dropped there; and what has come since stands behind all that the stream knows.
    if None not in between and (not after or len(between) == len(unknown)):
        return between[unknown.index(column)]
    raise unclear(column)


def unclear(column: str, table: Name | None = None) -> MigrationError:
    """The end of a migration whose stream speaks of a past that nobody remembers."""
    of = f" of {table}" if table is not None else ""
    return MigrationError(
        f"The change stream names a column {column!r}{of} that the source no longer has, and "
        "whether it was dropped or renamed cannot be told.",
        "Cancel the task and begin anew; change the schema before or after a migration.",
        code="SchemaUnclear",
    )


def _ascend(numbers: Mapping[str, int], names: Sequence[str]) -> bool:
    found = [numbers[name] for name in names if name in numbers]
    return found == sorted(found)


def _leaves_out(numbers: Mapping[str, int], names: Sequence[str]) -> bool:
    """Whether columns are missing that were there when the last of these was."""
    last = max((numbers[name] for name in names if name in numbers), default=0)
    missing = sum(number < last for name, number in numbers.items() if name not in names)
    return missing > sum(name not in numbers for name in names)


def _run(names: Sequence[str], live: set[str]) -> int:
    """How many of the first names in a row are unknown."""
    for count, name in enumerate(names):
        if name in live:
            return count
    return len(names)
