"""Where the local engine keeps its files, and that nobody else can read them.

Owns directory and file modes: 0700 and 0600 whatever the umask is.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from azext_dms_pg.errors import StateError

DIRECTORY = "dms-pg"


@dataclass(frozen=True)
class StateDir:
    """The directory of one user's local services."""

    root: Path

    @classmethod
    def of_environment(cls) -> StateDir:
        """Below ``AZURE_CONFIG_DIR``, or ``~/.azure`` when that is not set."""
        config = os.environ.get("AZURE_CONFIG_DIR") or "~/.azure"
        return cls(Path(config).expanduser().absolute() / DIRECTORY)

    @property
    def database(self) -> Path:
        return self.root / "state.db"

    @property
    def vault(self) -> Path:
        return self.root / "vault"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "log"

    def exists(self) -> bool:
        return self.database.exists()

    def create(self) -> None:
        """Make the directories, private to this user.

        :raises StateError: they cannot be made, or belong to somebody else.
        """
        for directory in (self.root, self.vault, self.run, self.log):
            make_private(directory)


def make_private(directory: Path) -> None:
    """Create a directory with mode 0700, or bring an existing one of ours to it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.stat()
        if hasattr(os, "getuid") and found.st_uid != os.getuid():
            raise StateError(
                f"The state directory {directory} belongs to user id {found.st_uid}, "
                f"expected it to be ours ({os.getuid()}).",
                "Point AZURE_CONFIG_DIR at a directory of your own, or correct the owner.",
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            directory.chmod(0o700)
    except OSError as error:
        raise StateError(
            f"The state directory {directory} cannot be used: {error.strerror}.",
            "Make it writable and see that the disk has space, or point AZURE_CONFIG_DIR at "
            "another place.",
        ) from error


def open_private(path: Path, flags: int) -> int:
    """``os.open`` with mode 0600 also under a hostile umask; tightens an existing file."""
    descriptor = os.open(path, flags | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)
    return descriptor


def write_private(path: Path, content: bytes) -> None:
    """Replace a file's content durably and in one step: readers see the old or the new one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = open_private(draft, os.O_WRONLY | os.O_TRUNC)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
