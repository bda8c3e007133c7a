"""Reader of the row tuples in pgoutput messages. Pure: bytes in, fields out, nothing converted.

Source: PostgreSQL documentation, "Logical Replication Message Formats", TupleData.

    tuple          int16 n  n x ('n' | 'u' | 't' int32 length bytes | 'b' int32 length bytes)

'n' is NULL, 'u' a TOASTed value that was not changed and not sent, 't' text, 'b' binary. Every
change ``rowcode.py`` does not want comes through here.
"""

from __future__ import annotations

from azext_dms_pg.errors import ProtocolError
from azext_dms_pg.postgres.changes import NULL, UNCHANGED, Fields

_NULL, _UNCHANGED, _TEXT, _BINARY = b"nutb"


class TupleReader:
    """Cuts tuples of one relation into fields.

    :param columns: how many it has.
    :param binary: values are expected in binary form, else as text.
    """

    def __init__(self, columns: int, *, binary: bool) -> None:
        self._count = columns
        self._kind = _BINARY if binary else _TEXT

    def read(self, data: bytes, at: int) -> tuple[Fields, int]:
        """The fields of the tuple at ``at``, and where it ends.

        :raises ProtocolError: malformed, another number of columns, or another format.
        """
        self._check_count(data, at)
        at += 2
        fields: Fields = []
        kind, end = self._kind, len(data)
        for _ in range(self._count):
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
