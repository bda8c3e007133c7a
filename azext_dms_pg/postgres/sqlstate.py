"""From psycopg's exceptions to ``ServerError``: the one place that reads SQLSTATEs.

Source for the codes: PostgreSQL documentation, appendix A. A failure to connect carries no
SQLSTATE (libpq keeps only the text), so those are told apart by the server's English wording. One
that speaks another language (lc_messages) is quoted; that it spoke at all shows in any language.
Server messages never contain a password; ``DETAIL`` lines may contain row data and are therefore
dropped.
"""

from __future__ import annotations

import re

import psycopg
from psycopg.errors import lookup

from azext_dms_pg.errors import ServerError
from azext_dms_pg.postgres.frames import error_fields

# Classes and codes after which the same work may succeed on a new connection (hazard 15).
_RETRY_CLASSES = ("08", "40", "57P")
_RETRY_CODES = frozenset(
    {
        "53300",  # too_many_connections
        "53100",  # disk_full: the operator can free space while we wait
        "53200",  # out_of_memory
        "55P03",  # lock_not_available
        "58000",  # system_error
        "58030",  # io_error
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
        "57014",  # query_canceled: somebody's pg_cancel_backend or a proxy's timeout
    }
)

_ADVICE = {
    "28P01": "Check the user name and password of the {side}.",
    "28000": "Let this machine in: add a line for it to the {side}'s pg_hba.conf and reload.",
    "3D000": "Create the database on the {side}, or correct its name in the database options.",
    "42501": "Grant the {side} user the privilege that is named, then restart the task.",
    "53100": "Free disk space on the {side} server; the task goes on by itself.",
    "53300": "Raise max_connections on the {side}, or lower the setting parallelTables.",
    "53400": "Raise the limit it names on the {side} (for slots max_replication_slots, or drop a "
    "slot nobody uses), then restart the task.",
    "25006": "The {side} is read-only: connect to the primary, not to a standby.",
    "57P01": "The {side} server ended the connection; it is tried again.",
    "57P03": "The {side} server is starting up or shutting down; it is tried again.",
}

# undefined_function, undefined_table, undefined_object: inside a function, a matter of its path.
_UNDEFINED = frozenset({"42883", "42P01", "42704"})
_INSIDE = re.compile(r"^(?:SQL|PL/\w+) function (\S+)", re.MULTILINE)

_CONNECT_TEXTS = (
    ("password authentication failed", "28P01", False),
    ("no password supplied", "28P01", False),
    ("no pg_hba.conf entry", "28000", False),
    ('role "', "28000", False),
    ('database "', "3D000", False),
    ("too many clients", "53300", True),
    ("remaining connection slots", "53300", True),
    ("the database system is", "57P03", True),
)
# What libpq and psycopg put in front of the reason.
_PREAMBLE = re.compile(
    r"(?:- host: .*?: (?=connection failed))?"
    r"(?:connection failed: )?(?:connection to server [^\n]*?port \d+ failed: )?"
    r"(?:[^:\n]{1,30}: {2})?"
)
# libpq puts a server's severity, in whatever language, before two spaces; its own words have none.
_SERVERS_WORDS = re.compile(r"port \d+ failed: [^:\n]{1,30}: {2}\S")
# What is wrong with a certificate, or with what the two can agree on, stays so; a handshake that
# was cut ("SSL error: unexpected eof", "SSL SYSCALL error") is a server that restarts.
_TLS_TEXTS = (
    "certificate",
    "does not match host name",
    "no protocols available",
    "unsupported protocol",
    "handshake failure",
    "wrong version number",
    "bad key length",
    "legacy sigalg",
)


def is_retryable(sqlstate: str | None) -> bool:
    """Whether the same statement may succeed on a new connection.

    None means the connection itself broke, which is worth another try.
    """
    if sqlstate is None:
        return True
    return sqlstate.startswith(_RETRY_CLASSES) or sqlstate in _RETRY_CODES


def translate(error: psycopg.Error, side: str, doing: str = "", context: str = "") -> ServerError:
    """Turn any psycopg error into a ``ServerError`` with advice.

    :param side: ``source`` or ``target``.
    :param doing: what was being done, for the message ("copying public.actor").
    :param context: of an error that was not read by psycopg, which has its own.
    """
    sqlstate = error.sqlstate
    text = (error.diag.message_primary if error.diag else None) or _first_line(error)
    while_doing = f" while {doing}" if doing else ""
    advice = _ADVICE.get(sqlstate or "", "").format(side=side)
    if sqlstate in _UNDEFINED:
        advice = _of_function(context or error.diag.context or "", side)
    if sqlstate == "55000" and "access to non-system" in text:
        advice = (
            "A table has become a view or a foreign table since the task looked at it. See who has "
            "done so, put the table back, then restart the task."
        )
    who = f"The {side} server" if side else "The server"
    return ServerError(
        _ended(
            f"{who} answered{while_doing}: {text}" + (f" (SQLSTATE {sqlstate})" if sqlstate else "")
        ),
        advice,
        side=side,
        sqlstate=sqlstate,
        retryable=is_retryable(sqlstate),
    )


def reported(payload: bytes, side: str, doing: str) -> ServerError:
    """The same for an ErrorResponse that was read beneath libpq."""
    fields = error_fields(payload)
    sqlstate, message = fields.get("C", "XX000"), fields.get("M", "(no message)")
    try:
        return translate(lookup(sqlstate)(message), side, doing, fields.get("W", ""))
    except KeyError:  # a code psycopg does not know, from an extension
        text = f"The {side} server answered: {message} (SQLSTATE {sqlstate})"
        return ServerError(text, side=side, sqlstate=sqlstate, retryable=is_retryable(sqlstate))


def _of_function(context: str, side: str) -> str:
    """Of the context only the function's name is taken: other lines may hold row data."""
    found = _INSIDE.search(context)
    if found is None:
        return ""
    return (
        f"Function {found[1]} of the {side} finds what it calls by the session's search path, "
        "which is empty here, as in pg_dump and autovacuum. Give it its own there, with the "
        "schemas it needs, then restart the task: ALTER FUNCTION … SET search_path = public;"
    )


def translate_connect(error: psycopg.Error, side: str, address: str) -> ServerError:
    """Turn a failure to connect into a ``ServerError`` with advice."""
    text = _first_line(error)
    lower = text.lower()
    for wording, sqlstate, retryable in _CONNECT_TEXTS:
        if wording in lower and ("does not exist" in lower or wording[-1] != '"'):
            return ServerError(
                _ended(f"The {side} server {address} refused the connection: {text}"),
                _ADVICE[sqlstate].format(side=side),
                side=side,
                sqlstate=sqlstate,
                retryable=retryable,
                code="ConnectionRefused",
            )
    if "server does not support ssl" in lower:
        return ServerError(
            f"The {side} server {address} offers no TLS, but an encrypted connection was expected.",
            f"Turn ssl on at the {side}, or accept an unencrypted connection with "
            f'"encryptConnection": false in the {side} connection JSON.',
            side=side,
            code="TlsNotOffered",
        )
    if "authentication method requirement" in lower or "channel binding" in lower:
        return ServerError(
            _ended(f"The {side} server {address} wants a sign-in that is not allowed: {text}"),
            "A password is not sent in clear text where the connection is not encrypted. Leave out "
            f'"encryptConnection": false in the {side} connection JSON, or let pg_hba.conf ask for '
            "scram-sha-256 or md5; PGREQUIREAUTH and PGCHANNELBINDING, where set, allow even less.",
            side=side,
            code="SignInNotAllowed",
        )
    if any(word in lower for word in _TLS_TEXTS):
        return ServerError(
            _ended(f"No trusted TLS connection to the {side} server {address}: {text}"),
            "Put the certificate authority into ~/.postgresql/root.crt (or name it in "
            'PGSSLROOTCERT), or trust the certificate as it is with "trustServerCertificate": '
            f"true in the {side} connection JSON.",
            side=side,
            code="TlsNotTrusted",
        )
    if _SERVERS_WORDS.search(str(error)):
        return ServerError(
            _ended(f"The {side} server {address} refused the connection: {text}"),
            f"The {side} server is there and says in its own words why. Check user name, password "
            "and database name, whether its pg_hba.conf lets this machine in, and whether it has "
            "connections left.",
            side=side,
            # It may be starting, or full, in a language we do not read.
            retryable=True,
            code="ConnectionRefused",
        )
    return ServerError(
        _ended(f"The {side} server {address} cannot be reached: {text}"),
        "Check the server name and port, that the server runs and listens there, and that no "
        "firewall stands between.",
        side=side,
        retryable=True,
        code="ServerUnreachable",
    )


def _first_line(error: psycopg.Error) -> str:
    """The reason alone: server and port are named by whoever says it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reasons = [_PREAMBLE.sub("", line, count=1) for line in lines]
    told = [reason for line, reason in zip(lines, reasons, strict=True) if reason not in {"", line}]
    return next(iter(told or reasons), type(error).__name__)


def _ended(text: str) -> str:
    """With a full stop: advice follows."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
