"""The account PostgreSQL runs as, because ``initdb`` and ``postgres`` refuse to be root.

Owns: which account that is, and putting programs where it can reach them. As an ordinary user
there is no other account and nothing is copied. Knows nothing of versions or packages.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """An unprivileged account of this machine."""

    uid: int
    gid: int


def server_account() -> Account | None:
    """The account to run a server as; None means "ourselves"."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def private_directory(prefix: str = "dms-pg-") -> Path:
    """A new 0700 directory under the temp dir that belongs to the server's account."""
    # /tmp rather than TMPDIR: unix socket paths end at 107 bytes, and pytest's or macOS's
    # temp dirs are long and private to us.
    path = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    hand_over(path)
    return path


def hand_over(path: Path) -> None:
    """Make ``path`` the property of the server's account."""
    account = server_account()
    if account is not None:
        os.chown(path, account.uid, account.gid)


def reachable(path: Path) -> bool:
    """Whether the server's account can execute or enter ``path``."""
    if server_account() is None:
        return True
    path = path.resolve()
    if not path.stat().st_mode & stat.S_IROTH:
        return False
    return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents))


def readable_copy(tree: Path, probe: Path, name: str) -> Path:
    """``tree`` itself when ``probe`` (a program in it) can be reached, else a copy that can.

    The copy is made once a machine, under a name that says what it is, and is world-readable.
    """
    if reachable(probe):
        return tree
    home = _public_cache()
    copy = home / name
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".", dir=home))
        shutil.copytree(tree, scratch / "tree", symlinks=True)
        _open_up(scratch / "tree")
        try:
            (scratch / "tree").rename(copy)
        except OSError:  # another process was first; its copy is as good
            if not copy.exists():
                raise
        shutil.rmtree(scratch)
    return copy


def _public_cache() -> Path:
    # The name can be guessed, so a directory that another user put there is not trusted.
    path = Path(f"/tmp/dms-pg-servers-{os.getuid()}")  # noqa: S108
    path.mkdir(mode=0o755, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise RuntimeError(f"{path} is not ours: remove it and try again")
    path.chmod(0o755)
    return path


def _open_up(tree: Path) -> None:
    """``chmod -R a+rX``: a strict umask at install time must not follow into the copy."""
    for path in (tree, *tree.rglob("*")):
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        execute = 0o111 if path.is_dir() or mode & stat.S_IXUSR else 0
        path.chmod(stat.S_IMODE(mode) | 0o444 | execute)
