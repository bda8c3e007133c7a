"""Text of a source in another encoding than UTF-8, where the server does not convert it for us.

COPY and pgoutput answer in the client's encoding. test_decoding writes what stands in the table:
the walsender passes an output plugin's text on as it is. Pure.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable

from azext_dms_pg.errors import MigrationError

# SQL_ASCII is no encoding: its bytes go on unread, and the target judges them.
_AS_THEY_ARE = frozenset({"UTF8", "UNICODE", "SQL_ASCII"})
# PostgreSQL's name → Python's, where the two agree on what each byte means. In EUC_JP and
# EUC_JIS_2004 they do not: A1C1 is a wave dash to one and a tilde to the other.
_CODECS = {
    **{
        f"LATIN{n}": f"iso8859-{part}"
        for n, part in enumerate((1, 2, 3, 4, 9, 10, 13, 14, 15, 16), 1)
    },
    **{f"ISO_8859_{part}": f"iso8859-{part}" for part in (5, 6, 7, 8)},
    **{f"WIN{page}": f"cp{page}" for page in (866, 874, *range(1250, 1259))},
    "EUC_CN": "gb2312",
    "EUC_KR": "euc_kr",
    "KOI8R": "koi8_r",
    "KOI8U": "koi8_u",
}


def is_readable(encoding: str) -> bool:
    """Whether text of a database in that encoding can be read where nobody converts it."""
    return encoding in _AS_THEY_ARE or encoding in _CODECS


def to_utf8(encoding: str) -> Callable[[bytes], bytes] | None:
    """What turns text of a database in that encoding into UTF-8; None when nothing is to do.

    :raises MigrationError: nothing here can read that encoding.
    """
    if encoding in _AS_THEY_ARE:
        return None
    if not is_readable(encoding):
        raise MigrationError(
            f"The source database has encoding {encoding}, which the plugin test_decoding passes "
            "on unconverted and nothing here can read.",
            "Let the migration's user create a publication on the source, so that pgoutput can "
            "be used.",
            code="EncodingUnsupported",
        )
    decode = codecs.lookup(_CODECS[encoding]).decode

    def convert(text: bytes) -> bytes:
        try:
            return decode(text)[0].encode()
        except UnicodeDecodeError as error:
            raise MigrationError(
                f"A value of the source is no valid {encoding} text: {error.reason}.",
                "Correct the value on the source, or let the migration's user create a "
                "publication there.",
                code="EncodingBroken",
            ) from None

    return convert
