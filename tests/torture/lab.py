"""Servers, disks and databases for the seeds of one job; servers are reused, databases are not.

Owns: which server runs where, the small disks that can be filled (root only), cleaning up.
Knows nothing of migrations.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psycopg

from tests.support import account, databases, ledger
from tests.support.cluster import Setting
from tests.support.databases import Database
from tests.support.servers import Server
from tests.torture.ddl import sequences, tables
from tests.torture.shapes import SHAPES

_SETTINGS: Mapping[str, Setting] = {
    "shared_buffers": "32MB",
    "max_connections": 100,
    "wal_sender_timeout": "10s",
    "deadlock_timeout": "200ms",
    "checkpoint_timeout": "30min",
    "autovacuum_naptime": "10min",
    # A lost connection is noticed by a backend that waits for a lock or builds an index, too.
    "tcp_keepalives_idle": 5,
}
_TABLESPACE_MEGABYTES = 48
_STATE_MEGABYTES = 6


def can_mount() -> bool:
    """Whether small disks can be made here: root on Linux, with the right to mount."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return False
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory],
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            subprocess.run(["umount", directory], check=False)
        return done.returncode == 0


class Disk:
    """A small disk of its own, to be filled and freed."""

    def __init__(self, path: Path, megabytes: int) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(path)],
            check=True,
        )

    def fill(self) -> None:
        """Write until not one byte more fits."""
        with contextlib.suppress(OSError), (self.path / "filler").open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"x" * size):
                        pass

    def free(self) -> None:
        (self.path / "filler").unlink(missing_ok=True)

    def unmount(self) -> None:
        # A process that died a moment ago may still hold a file.
        subprocess.run(["umount", "--lazy", str(self.path)], check=False, capture_output=True)


class Pair:
    """A source and a target server."""

    def __init__(self, versions: tuple[int, int], scratch: Path, *, disks: bool) -> None:
        self.source = Server.start(versions[0], settings=_SETTINGS)
        self.target = Server.start(versions[1], settings=_SETTINGS)
        self._disks = disks
        self._scratch = scratch
        self._tablespace: Disk | None = None

    def tablespace(self) -> Disk:
        """The disk of the tablespace ``small`` on the target."""
        if self._tablespace is None:
            disk = Disk(self._scratch / f"tablespace-{self.target.port}", _TABLESPACE_MEGABYTES)
            inner = disk.path / "data"
            inner.mkdir(mode=0o700)
            account.hand_over(disk.path)
            account.hand_over(inner)
            self.target.run(f"CREATE TABLESPACE small LOCATION '{inner}'")
            self._tablespace = disk
        self._tablespace.free()
        return self._tablespace

    def close(self) -> None:
        for server in (self.source, self.target):
            server.destroy()
        if self._tablespace is not None:
            self._tablespace.unmount()


class Lab:
    """Everything one job needs; made lazily."""

    def __init__(self, *, disks: bool) -> None:
        self.disks = disks
        # Short, and enterable by the server's account for the tablespace.
        self.scratch = Path(tempfile.mkdtemp(prefix="dms-pg-torture-", dir="/tmp"))
        self.scratch.chmod(0o711)
        self._pairs: dict[tuple[int, int], Pair] = {}

    def pair(self, versions: tuple[int, int]) -> Pair:
        if versions not in self._pairs:
            self._pairs[versions] = Pair(versions, self.scratch, disks=self.disks)
        pair = self._pairs[versions]
        for server in (pair.source, pair.target):
            server.run_again()
        return pair

    def databases(
        self, pair: Pair, mix: tuple[str, ...], *, evolving: bool, small_disk: bool
    ) -> tuple[Database, Database]:
        """Source with rows, target with the schema alone.

        :param evolving: with tables whose schema can be changed.
        """
        schema = ledger.SCHEMA + "".join(SHAPES[name].schema for name in mix)
        rows = "".join(SHAPES[name].rows.strip().rstrip(";") + ";\n" for name in mix)
        if evolving:
            schema += tables.SCHEMA + sequences.SCHEMA
            rows += tables.ROWS + sequences.ROWS
        source = databases.create(pair.source, schema + rows)
        target = databases.create(pair.target, schema)
        if small_disk:
            pair.tablespace()
            pair.target.run(f"ALTER DATABASE {target.name} SET TABLESPACE small")
        return source, target

    def drop(self, *dropped: Database) -> None:
        for database in dropped:
            database.server.run_again()
            with contextlib.suppress(psycopg.Error, TimeoutError):
                database.run(
                    "SELECT count(*) FROM (SELECT pg_terminate_backend(pid)"
                    " FROM pg_stat_activity WHERE application_name ~ '^(dms|torture|writer)') x"
                )
            with contextlib.suppress(psycopg.Error, TimeoutError):
                database.drop()

    def state_disk(self, path: Path) -> Disk:
        return Disk(path, _STATE_MEGABYTES)

    def close(self) -> None:
        for pair in self._pairs.values():
            pair.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
