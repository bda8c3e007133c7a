"""Writing a file for the user: whole or not at all, with its mode from the first byte on.

Knows nothing of what is in it, nor of the files of the state.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

#: What only its owner is to read, and what programs of other users are meant to read.
PRIVATE, PUBLIC = 0o600, 0o644


def replace(path: Path, text: str, mode: int) -> None:
    """Put ``text`` in the place of the file; a link there is replaced, never followed.

    :raises OSError: it cannot be written; what was there before is there still.
    """
    # A name nobody can foresee, made for us alone: in a directory where others write, too, a link
    # may wait under any other.
    descriptor, name = tempfile.mkstemp(prefix=".dms-pg-", dir=path.parent)
    draft = Path(name)
    try:
        # Half of a character, which a name may hold, is no UTF-8, but an escape of JSON.
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
