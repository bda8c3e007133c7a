"""Where the local engine keeps its files, and that nobody else can read them.

Owns directory and file modes: 0700 and 0600 whatever the umask is. What is not ours is refused. The
directory above ours is the user's affair: it may be a link, and others may write there.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from azext_dms_pg.errors import StateError
from azext_dms_pg.state import ownership

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

    def identity(self) -> tuple[int, int] | None:
        """Tells the state's file from another of the same name; None when there is none."""
        try:
            found = self.database.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_dev, found.st_ino

    def create(self) -> None:
        """Make the directories, private to this user.

        :raises StateError: they cannot be made, or belong to somebody else.
        """
        for directory in (self.root, self.vault, self.run, self.log):
            make_private(directory)


def make_private(directory: Path) -> None:
    """Create a directory with mode 0700, or bring an existing one of ours to it.

    :raises StateError: it is a link or somebody else's, or cannot be used.
    """
    try:
        _make(directory)
        ownership.require_directory(directory, directory.lstat())
        if not hasattr(os, "fchmod"):
            return
        # Read, kept and changed by descriptor, so that it is one and the same all the while.
        descriptor = os.open(directory, os.O_RDONLY | ownership.NO_LINK)
        try:
            found = os.fstat(descriptor)
            ownership.require_directory(directory, found)
            if stat.S_IMODE(found.st_mode) & 0o077:
                os.fchmod(descriptor, 0o700)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StateError(
            f"The state directory {directory} cannot be used: {error.strerror}.",
            "Make it writable and see that the disk has space, or point AZURE_CONFIG_DIR at "
            "another place.",
        ) from error


def _make(directory: Path) -> None:
    """With those above it that are missing: ``parents=True`` would give them the umask's mode."""
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        _make(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)


def open_private(path: Path, flags: int) -> int:
    """``os.open`` with mode 0600 also under a hostile umask; tightens an existing file.

    :raises StateError: it is a link, or somebody else's.
    """
    descriptor = open_ours(path, flags | os.O_CREAT)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)
    return descriptor


def open_ours(path: Path, flags: int) -> int:
    """``os.open`` of a file of the state that nobody else has put there.

    :raises StateError: it is a link, or somebody else's.
    """
    with suppress(FileNotFoundError):
        # Before it is opened, which a pipe would never come back from.
        ownership.require_file(path, path.lstat())
    descriptor = os.open(path, flags | ownership.NO_LINK, 0o600)
    try:
        ownership.require_file(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_private(path: Path) -> bytes | None:
    """The content of a file of the state, or None where there is none.

    :raises StateError: it is a link, or somebody else's.
    """
    try:
        descriptor = open_ours(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


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
