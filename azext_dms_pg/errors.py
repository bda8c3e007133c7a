"""Every error this package raises on purpose.

Floor 0: imports nothing of ours. An error says what was expected and what was found
(``message``) and what to do next (``action``). The same two texts become ``message`` and
``actionableMessage`` in the task output and the text and ``recommendation`` of an
``azclierror`` on the command line. Neither may ever hold a password or a token.
"""

from __future__ import annotations


class DmsPgError(Exception):
    """Base of all deliberate errors.

    :param message: what was expected and what was found, one or two sentences.
    :param action: what the user can do next, ideally the exact command or SQL statement.
    :param code: short CamelCase identifier, stable across versions (``SlotLost``).
    """

    code = "DmsPgError"
    #: The same question may be answered if it is asked again a little later.
    passing = False

    def __init__(self, message: str, action: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.action = action
        if code is not None:
            self.code = code

    def add(self, sentence: str) -> None:
        """Say more: above all what had been done already when this was raised."""
        self.message = f"{self.message} {sentence}"
        self.args = (self.message,)


class InputError(DmsPgError):
    """The user's input cannot be used: malformed JSON, wrong type, contradictory options."""

    code = "InvalidInput"


class NotFoundError(DmsPgError):
    """A service, project, task or database of that name does not exist where it was looked for."""

    code = "ResourceNotFound"


class NotLoggedInError(DmsPgError):
    """Azure cannot be asked, so nothing is known of what was looked for: not even its absence."""

    code = "NotLoggedIn"


class ConflictError(DmsPgError):
    """The request is sound but not in the present state: name taken, task still running."""

    code = "Conflict"


class StateError(DmsPgError):
    """The local store cannot be read or written: corrupt, newer than this version, disk full."""

    code = "StateUnusable"


class ServerError(DmsPgError):
    """A PostgreSQL server refused or dropped us.

    :param sqlstate: five-character SQLSTATE, or None when the connection itself failed.
    :param retryable: the same work may succeed if tried again on a new connection.
    :param side: ``"source"`` or ``"target"``.
    """

    code = "ServerError"

    def __init__(
        self,
        message: str,
        action: str = "",
        *,
        side: str = "",
        sqlstate: str | None = None,
        retryable: bool = False,
        code: str | None = None,
    ) -> None:
        super().__init__(message, action, code=code)
        self.side = side
        self.sqlstate = sqlstate
        self.retryable = retryable


class MigrationError(DmsPgError):
    """The migration of one database cannot go on; what was reached so far stays as it is."""

    code = "MigrationFailed"


class ProtocolError(MigrationError):
    """A server sent bytes that the replication protocol does not allow."""

    code = "ProtocolViolation"


class Interrupted(DmsPgError):  # noqa: N818 - a request, not a failure
    """Raised inside the engine when a stop or cancel was asked for; carries no blame."""

    code = "Interrupted"
