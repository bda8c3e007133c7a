"""Whether a worker lives: it holds a lock file for as long as it does.

The kernel lets go of a flock when its process ends, however it ends, so the answer is true at
the moment it is given; a pid could belong to somebody else by now. Linux and macOS only.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from azext_dms_pg.errors import ConflictError
from azext_dms_pg.state.paths import open_ours, open_private, read_private

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

try:
    import fcntl
except ImportError:  # Windows: backends.local says so before anything gets here.
    fcntl = None  # type: ignore[assignment]

# A curious `show` holds the lock, shared, for microseconds.
_PATIENCE_SECONDS = 2.0


class Lock:
    """An exclusive lock for the life of this process (or until ``release``)."""

    def __init__(self, path: Path) -> None:
        """:raises ConflictError: another process holds it."""
        self._descriptor = open_private(path, os.O_RDWR)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > deadline:
                    os.close(self._descriptor)
                    raise ConflictError(
                        f"Another worker already holds {path.name}.",
                        "Nothing to do: the task is being worked on. See it with "
                        "az dms project task show --expand output.",
                        code="WorkerAlreadyRunning",
                    ) from None
                time.sleep(0.02)
            else:
                os.ftruncate(self._descriptor, 0)
                os.write(self._descriptor, str(os.getpid()).encode())
                return

    def release(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Lock:  # noqa: PYI034 - typing.Self is 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def is_held(path: Path) -> bool:
    """Whether some process holds the lock right now."""
    try:
        descriptor = open_ours(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def holder(path: Path) -> int | None:
    """Process id of the holder, or None when nobody holds it."""
    if not is_held(path):
        return None
    text = (read_private(path) or b"").decode("ascii", errors="ignore").strip()
    return int(text) if text.isdecimal() else None
