"""Reader of the row tuples in pgoutput messages. Pure: bytes in, fields out, nothing converted.

Source: PostgreSQL documentation, "Logical Replication Message Formats", TupleData.

    tuple          int16 n  n x ('n' | 'u' | 't' int32 length bytes | 'b' int32 length bytes)

'n' is NULL, 'u' a TOASTed value that was not changed and not sent, 't' text, 'b' binary. Every
row of every change comes through here, so this is written for speed.
"""

from __future__ import annotations

import struct

from azext_dms_pg.errors import ProtocolError
from azext_dms_pg.postgres.changes import NULL, UNCHANGED, Fields

_NULL, _UNCHANGED, _TEXT, _BINARY = b"nutb"


class TupleReader:
    """Cuts tuples of one relation into fields.

    :param widths: by column: bytes of the binary value where that is always the same, else -1.
        The leading columns of fixed width are cut by one ``struct`` call, after one comparison
        of everything that must be as expected: the count, the kinds and the lengths.
    :param binary: values are expected in binary form, else as text.
    """

    def __init__(self, widths: tuple[int, ...], *, binary: bool) -> None:
        self._count = len(widths)
        self._kind = _BINARY if binary else _TEXT
        leading = 0
        while binary and leading < len(widths) and widths[leading] > 0:
            leading += 1
        self._left = len(widths) - leading
        layout, mask, expected = ">2x", b"\xff\xff", struct.pack(">H", len(widths))
        for width in widths[:leading]:
            layout += f"x{4 + width}s"
            mask += b"\xff" * 5 + bytes(width)
            expected += struct.pack(">BI", _BINARY, width) + bytes(width)
        self._fixed = struct.Struct(layout)
        self._size = self._fixed.size
        self._mask = int.from_bytes(mask, "big")
        self._expected = int.from_bytes(expected, "big")

    def read(self, data: bytes, at: int) -> tuple[Fields, int]:
        """The fields of the tuple at ``at``, and where it ends.

        :raises ProtocolError: malformed, another number of columns, or another format.
        """
        stop = at + self._size
        head = data[at:stop]
        if int.from_bytes(head, "big") & self._mask == self._expected and len(head) == self._size:
            fields = list(self._fixed.unpack(head))
            left, at = self._left, stop
        else:
            self._check_count(data, at)
            fields = []
            left, at = self._count, at + 2
        kind, end = self._kind, len(data)
        for _ in range(left):
            if at >= end:
                raise broken(data)
            found = data[at]
            if found == kind:
                stop = at + 5 + int.from_bytes(data[at + 1 : at + 5], "big")
                if stop > end:
                    raise broken(data)
                fields.append(data[at + 1 : stop])
                at = stop
            elif found == _NULL:
                fields.append(NULL)
                at += 1
            elif found == _UNCHANGED:
                fields.append(UNCHANGED)
                at += 1
            else:
                raise _unexpected(data, found)
        return fields, at

    def _check_count(self, data: bytes, at: int) -> None:
        if len(data) < at + 2:
            raise broken(data)
        count = data[at] << 8 | data[at + 1]
        if count != self._count:
            raise ProtocolError(
                f"The source sent a row of {count} columns for a table of {self._count}.",
                "Restart the task; report this with the server's version if it comes again.",
            )


def _unexpected(data: bytes, kind: int) -> ProtocolError:
    if kind not in (_TEXT, _BINARY):
        return broken(data)
    return ProtocolError(
        f"The source sent a value in {'binary' if kind == _BINARY else 'text'} form where the "
        "other was expected.",
        'Set "binary": "false" in migrationSetting and restart the task.',
        code="MixedFormats",
    )


def broken(data: bytes) -> ProtocolError:
    """For a message that cannot be what it says it is."""
    return ProtocolError(
        f"The source sent a malformed pgoutput message ({len(data)} bytes).",
        "See whether something between here and the source alters the connection; report this "
        "with the server's version if it comes again.",
    )
