"""A decoder made for one table: from a tuple in a pgoutput message to a row of COPY BINARY. Pure.

Nearly every change of a backlog is an INSERT, or an UPDATE that leaves the key alone, with all
its values. Going through their columns in a loop costs twice as much as code in which the number
and the widths of the columns are written out, so that code is generated, compiled, and kept for
as long as the table looks like this. It is made of numbers alone; no name of anything gets in.

Whatever is not as plain as that (a TOASTed value that was not sent, a value in text form, a
length that cannot be) it leaves alone: ``tuples.py`` reads it, or says what is wrong with it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from azext_dms_pg.postgres.changes import NULL

RowReader = Callable[[bytes, int, int], "tuple[Any, bytes, bytes] | None"]
"""From bytes and where in them a message begins and ends to what it was made for, then the key and
the row of its tuple, each ready for COPY; or None: not plain."""

_BINARY, _NULL = b"bn"
_ANY = """\
    if kind == {binary}:
      stop = at + 5 + size
      f{column} = data[at + 1:stop]
      at = stop
    elif kind == {null}:
      f{column} = null
      at += 1
    else:
      return None
"""
_HEAD = "    kind, size = head_of(data, at)\n"
_HEAD_OF = struct.Struct(">BI")


def row_reader(
    widths: Sequence[int],
    picks: Sequence[int],
    key: Sequence[int],
    offset: int,
    first: object,
) -> RowReader:
    """A reader of tuples that begin ``offset`` bytes into a message and end with it.

    :param widths: by column of the tuple: bytes of the binary value where that is always the
        same, else -1. The leading columns of fixed width are cut by one ``struct`` call, after
        one comparison of all that must be as expected: the count, the kinds and the lengths.
    :param picks: the columns the row is to have, by their places in the tuple.
    :param key: the columns of the key, by their places in the row.
    :param first: what every result begins with; saves making another tuple for each.
    """
    count = len(widths)
    leading = next((place for place, width in enumerate(widths) if width < 1), count)
    # From the first byte of the message on; what is in front of the tuple is not looked at.
    layout, mask, expected = f">{offset}x2x", b"\xff\xff", struct.pack(">H", count)
    for width in widths[:leading]:
        layout += f"x{4 + width}s"
        mask += b"\xff" * 5 + bytes(width)
        expected += struct.pack(">BI", _BINARY, width) + bytes(width)
    # In hexadecimal: of decimal digits Python takes no more than 4300, and tables get wider.
    known = (
        f"number(data[at + {offset}:at + {offset + len(mask)}], 'big')"
        f" & {int.from_bytes(mask, 'big'):#x}"
    )
    # The first column of any width has its kind and length cut along with those before it.
    any_width = range(leading, count)
    cut = "".join(f"f{column}, " for column in range(leading)) + "kind, size, " * bool(any_width)
    rest = _HEAD.join(
        _ANY.format(column=column, binary=_BINARY, null=_NULL) for column in any_width
    )
    row = "".join(f", f{place}" for place in picks)
    keys = [f"f{picks[place]}" for place in key]
    found = keys[0] if len(keys) == 1 else f"join(({''.join(f'{each}, ' for each in keys)}))"
    source = f"""\
def read(data, at, end):
  try:
    if {known} != {int.from_bytes(expected, "big"):#x}:
      return None
    {f"{cut} = cut(data, at)" if cut else ""}
    at += {offset + len(mask)}
{rest}
    if at != end:
      return None
    return first, {found}, join((head{row},))
  except malformed:
    return None
"""
    names: dict[str, Any] = {
        "number": int.from_bytes,
        "cut": struct.Struct(layout + "BI" * bool(any_width)).unpack_from,
        "head_of": _HEAD_OF.unpack_from,
        "null": NULL,
        "head": len(picks).to_bytes(2, "big"),
        "join": b"".join,
        "malformed": struct.error,
        "first": first,
    }
    exec(source, names)  # noqa: S102 - see above: numbers alone
    read: RowReader = names["read"]
    return read
