"""Passwords of unfinished tasks, so that a worker can be started again after a crash or reboot.

One encrypted file a task, removed as soon as the task has ended and left nothing behind. The key
lies beside them with the same 0600 mode: this keeps passwords out of backups of single files, greps
and screens; it does not protect against somebody who can read everything this user can.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from azext_dms_pg.errors import StateError
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.state.paths import read_private, write_private

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.fernet import Fernet

    from azext_dms_pg.model.task_input import TaskInput
    from azext_dms_pg.state.paths import StateDir


def keep(directory: StateDir, task: str, task_input: TaskInput) -> None:
    """Store the task's passwords, replacing what was there.

    :raises StateError: the vault cannot be written.
    """
    secrets = {
        side: connection.password.reveal()
        for side, connection in (("source", task_input.source), ("target", task_input.target))
        if connection.password is not None
    }
    try:
        token = _cipher(directory).encrypt(json.dumps(secrets).encode())
        write_private(_path(directory, task), token)
    except OSError as error:
        raise StateError(
            f"The vault {directory.vault} cannot be written: {error.strerror}.",
            "Free space there, or make the directory writable for you.",
        ) from error


def restore(directory: StateDir, task: str, task_input: TaskInput) -> TaskInput:
    """The same input with its passwords put back; environment variables outrank the vault."""
    secrets: dict[str, str] = {}
    kept = read_private(_path(directory, task))
    if kept is not None:
        from cryptography.fernet import InvalidToken

        try:
            secrets = json.loads(_cipher(directory).decrypt(kept))
        except (InvalidToken, ValueError, OSError) as error:
            raise StateError(
                f"The vault entry of this task cannot be read: {type(error).__name__}.",
                "Delete the task and create it again with its passwords.",
            ) from None
    return replace(
        task_input,
        source=_with_password(task_input.source, secrets.get("source")),
        target=_with_password(task_input.target, secrets.get("target")),
    )


def drop(directory: StateDir, task: str) -> None:
    _path(directory, task).unlink(missing_ok=True)


def _with_password(connection: Connection, password: str | None) -> Connection:
    if password is None:
        return connection
    return replace(connection, password=Secret(password))


def _path(directory: StateDir, task: str) -> Path:
    return directory.vault / task


def _cipher(directory: StateDir) -> Fernet:
    from cryptography.fernet import Fernet

    path = directory.vault / "key"
    key = read_private(path)
    if key is None:
        draft = directory.vault / f"key.{os.getpid()}"
        write_private(draft, Fernet.generate_key())
        try:
            # A link fails when another process was first, so all agree on one key.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)
        key = read_private(path)
    return Fernet(key or b"")
