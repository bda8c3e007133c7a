"""The SQLite file behind local services: opening it, its version, its transactions.

Owns durability and refusal: a file that is corrupt or newer than this code is refused with words,
never guessed at. What the rows mean is told by ``resources``, ``mailbox`` and ``progress``.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from azext_dms_pg.errors import StateError
from azext_dms_pg.model.blotter import Blotter
from azext_dms_pg.state import ownership
from azext_dms_pg.state.paths import StateDir, open_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = 1
# "dmsp": tells our file from any other SQLite database (PRAGMA application_id).
APPLICATION_ID = 0x646D7370
# Twenty workers report once a second; a writer never waits anywhere near this long.
_BUSY_MILLISECONDS = 30_000


def now() -> str:
    """This moment as the service prints moments: ISO 8601, microseconds, UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


class Store:
    """One open connection to the store; threads of one process may share it and take turns.

    ``blot`` is for every sentence on its way in: a server's message may be part of it.
    """

    def __init__(self, directory: StateDir, blot: Blotter | None = None) -> None:
        """Open the store, making it if there is none.

        :param blot: takes out what this process knows and the store must not.
        :raises StateError: corrupt, newer than this version, somebody else's, or not writable.
        """
        self.directory = directory
        self.blot = blot or Blotter()
        self._turn = threading.RLock()
        directory.create()
        try:
            _make_private(directory.database)
            self._connection = sqlite3.connect(
                directory.database,
                isolation_level=None,
                timeout=_BUSY_MILLISECONDS / 1000,
                check_same_thread=False,
            )
            self._connection.row_factory = sqlite3.Row
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.DatabaseError as error:
            raise self._refuse(error) from error
        except OSError as error:
            raise StateError(
                f"The state file {directory.database} cannot be opened: {error.strerror}.",
                "Make it readable and writable for you and see that the disk has space.",
            ) from error

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; takes the write lock at once so that no later statement can fail on it.

        :raises StateError: the disk is full, the file damaged.
        """
        with self._turn:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.DatabaseError as error:
                self._roll_back()
                if isinstance(error, sqlite3.IntegrityError):
                    raise
                raise self._refuse(error) from error
            except BaseException:
                self._roll_back()
                raise

    def query(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        """Rows of one SELECT.

        :raises StateError: the file is damaged.
        """
        with self._turn:
            try:
                return self._connection.execute(statement, parameters).fetchall()
            except sqlite3.DatabaseError as error:
                raise self._refuse(error) from error

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _prepare(self) -> None:
        connection = self._connection
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise StateError(
                f"The state file {self.directory.database} has version {version}; this extension "
                f"reads up to {VERSION}.",
                "Update the extension: az extension update --name dms-pg.",
                code="StateTooNew",
            )
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        connection.execute("PRAGMA foreign_keys = ON")
        if version == 0:
            self._create()
        elif connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise self._not_ours()
        # Every report is worth keeping over a power cut; a commit a second costs nothing.
        connection.execute("PRAGMA synchronous = FULL")

    def _create(self) -> None:
        connection = self._connection
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have made it while we waited for the lock.
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    raise self._not_ours()  # noqa: TRY301 - rolled back like any failure
                script = files("azext_dms_pg.state").joinpath("schema.sql").read_text("utf-8")
                for statement in _statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _not_ours(self) -> StateError:
        return StateError(
            f"The file {self.directory.database} is not a dms-pg state file.",
            "Move it away, or point AZURE_CONFIG_DIR at another directory.",
        )

    def _refuse(self, error: sqlite3.DatabaseError) -> StateError:
        path = self.directory.database
        if "full" in str(error) or "disk I/O" in str(error):
            return StateError(
                f"The state file {path} cannot be written: {error}.",
                "Free space on that disk; nothing is lost, run the command again afterwards.",
                code="StateDiskFull",
            )
        if "locked" in str(error):
            return StateError(
                f"The state file {path} stayed locked for {_BUSY_MILLISECONDS // 1000} seconds.",
                "See which process holds it (lsof) and run the command again.",
            )
        return StateError(
            f"The state file {path} is damaged: {error}.",
            "Restore it from a backup, or move its directory away to begin anew: workers still "
            "running end by themselves then. Slots and publications of unfinished tasks have to be "
            "dropped by hand (their names begin with dms_pg_).",
            code="StateCorrupt",
        )


def _make_private(path: Path) -> None:
    """Make the file ourselves, because SQLite would honour a lax umask.

    An existing one must not even be opened: closing it again would drop the POSIX locks of every
    other connection this process has to it, and the next process to leave would delete the
    write-ahead log under their feet (sqlite.org/howtocorrupt.html, 2.2).
    """
    for beside in ("-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            found = path.with_name(path.name + beside)
            ownership.require_file(found, found.lstat())
    try:
        ownership.require_file(path, path.lstat())
        # Nobody else can put another in its place meanwhile: the directory is ours alone by now.
        path.chmod(0o600)
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.close(open_private(path, os.O_RDWR | os.O_EXCL))


def _statements(script: str) -> list[str]:
    """Split our own schema file: executescript would commit before it runs."""
    statements: list[str] = []
    pending = ""
    for line in script.splitlines():
        pending += line.split("--")[0] + "\n"
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
